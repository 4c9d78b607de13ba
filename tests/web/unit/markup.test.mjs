// Texts are cut into tokens without losing a character, and nothing but http(s) becomes a link.

import assert from "node:assert/strict";
import { test } from "node:test";
import { mentions, tokenize } from "../../../daemon/p2pd_daemon/web/js/markup.js";
import { numbers } from "./random.mjs";

const kinds = (text, nick) => tokenize(text, nick).map(({ kind, raw }) => `${kind}:${raw}`);
const links = (text) => tokenize(text).filter((one) => one.kind === "link").map((one) => one.raw);

test("code, links and mentions", () => {
  assert.deepEqual(kinds("hi ana: `x` https://a.example/b", "ana"),
    ["text:hi ", "mention:ana", "text:: ", "code:`x`", "text: ", "link:https://a.example/b"]);
});

test("fenced code", () => {
  const [block, rest] = tokenize("```js\nlet a = `b`;\n\nhttps://a.example\n```\nafter");
  assert.equal(block.text, "let a = `b`;\n\nhttps://a.example");
  assert.equal(block.language, "js");
  assert.deepEqual(rest, { kind: "text", raw: "after" });
  assert.deepEqual(kinds("```\nnever closed"), ["text:```\nnever closed"]);
  assert.equal(tokenize("```\n```")[0].text, "");
});

test("code spans, as many backquotes on both sides", () => {
  assert.deepEqual(tokenize("``a`b``").map((one) => one.text), ["a`b"]);
  assert.deepEqual(tokenize("`` ` ``").map((one) => one.text), ["`"]);
  assert.deepEqual(kinds("`a\nb`"), ["text:`a\nb`"]);
  assert.deepEqual(kinds("`a"), ["text:`a"]);
});

test("the punctuation of the sentence is no part of a link", () => {
  for (const [text, link] of [
    ["(https://a.example/b)", "https://a.example/b"],
    ["see https://a.example/b_(c), ok", "https://a.example/b_(c)"],
    ["https://a.example/b?c=d&e=f#g.", "https://a.example/b?c=d&e=f#g"],
    ["https://a.example/b)))).,", "https://a.example/b"],
    ["„https://a.example/ü“", "https://a.example/ü"],
    ["HTTPS://A.EXAMPLE", "HTTPS://A.EXAMPLE"],
  ]) assert.deepEqual(links(text), [link], text);
});

test("only http and https, only where the host that is read is the host that is meant", () => {
  for (const text of [
    "javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", "vbscript:x", "xhttps://a.example",
    "https://", "http:// a", "https://bank.example@evil.example/", "https://user:word@evil.example",
    "https://\u202egnp.exe", "ftp://a.example", "//a.example",
  ]) assert.deepEqual(links(text), [], text);
  assert.deepEqual(links("https://a.example/\u202egnp.exe"), ["https://a.example/"]);
  assert.deepEqual(links('https://a.example/"onclick=x'), ["https://a.example/"]);
});

test("a mention is a whole word", () => {
  assert.ok(mentions("Ana, look", "ana"));
  assert.ok(mentions("(@ana)", "ana"));
  assert.ok(mentions("für Jürgen!", "jürgen"));
  assert.ok(mentions("is a+b (c) here", "a+b (c)"));
  for (const text of ["banana", "anatomy", "`ana`", "https://ana.example", "", "an a"]) assert.ok(!mentions(text, "ana"), text);
  assert.ok(!mentions("anything", ""));
  assert.ok(!mentions("anything", undefined));
});

const PIECES = ["`", "``", "```", "```js\n", "\n", " ", "https://", "http://a.b", "(", ")", "[", "]", ".", ",", "ana", "@", "#", "<b>",
  "&amp;", "\u202e", "\u0000", "🙂", "é", "e\u0301", "\\", "$&", "%", "a:b@c", "://", "*", "_", "\t", "\ud800"];

test("no text loses or wins a character, whatever is in it", () => {
  const next = numbers(5);
  for (let round = 0; round < 3000; round += 1) {
    const text = Array.from({ length: next(14) }, () => PIECES[next(PIECES.length)]).join("");
    const tokens = tokenize(text, PIECES[next(PIECES.length)]);
    assert.equal(tokens.map((one) => one.raw).join(""), text);
    for (const one of tokens) {
      assert.ok(one.raw, JSON.stringify(text));
      if (one.kind === "link") assert.match(one.href, /^https?:\/\/[^/@]+(\/|$)/, JSON.stringify(text));
    }
  }
});

test("the longest texts take no longer than one looks", () => {
  for (const piece of ["`", "` ", "``a ", "```\n", "https://a.b/.", "https://a.b)", "(https://", "ana ", "a. ", "\n", "@", "```a\n\n"]) {
    const text = piece.repeat(Math.ceil(8192 / piece.length));
    const begin = performance.now();
    tokenize(text, "ana");
    tokenize(`https://a.b/${text}`, "ana");
    assert.ok(performance.now() - begin < 2000, JSON.stringify(piece));
  }
});
