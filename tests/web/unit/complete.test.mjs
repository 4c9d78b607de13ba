// Completion of names while one writes.

import assert from "node:assert/strict";
import { test } from "node:test";
import { candidates, completed, wordAt } from "../../../daemon/p2pd_daemon/web/js/complete.js";

test("the word at the caret", () => {
  assert.deepEqual(wordAt("hi @an", 6), { sign: "@", typed: "an", start: 3 });
  assert.deepEqual(wordAt("#", 1), { sign: "#", typed: "", start: 0 });
  assert.deepEqual(wordAt("jü there", 2), { sign: "", typed: "jü", start: 0 });
  assert.equal(wordAt("banana", 3), null);
  assert.deepEqual(wordAt("line\n@b", 7), { sign: "@", typed: "b", start: 5 });
  assert.deepEqual(wordAt("", 0), { sign: "", typed: "", start: 0 });
});

test("names that begin so, then those that hold it, each once", () => {
  const people = ["Jürgen", "ana", "Joanna", "ana", ""];
  assert.deepEqual(candidates({ sign: "@", typed: "ana" }, people, []), ["ana"]);
  assert.deepEqual(candidates({ sign: "@", typed: "an" }, people, []), ["ana", "Joanna"]);
  assert.deepEqual(candidates({ sign: "", typed: "an" }, people, []), ["ana"]);
  assert.deepEqual(candidates({ sign: "@", typed: "jur" }, people, []), ["Jürgen"]);
  assert.deepEqual(candidates({ sign: "#", typed: "" }, people, ["lobby"]), ["lobby"]);
  assert.deepEqual(candidates({ sign: "", typed: "" }, people, ["lobby"]), []);
  assert.deepEqual(candidates(null, people, []), []);
  assert.equal(candidates({ sign: "@", typed: "p" }, Array.from({ length: 30 }, (_, n) => `p${n}`), []).length, 8);
});

test("at the beginning a name is spoken to; elsewhere it is part of the sentence", () => {
  assert.deepEqual(completed("an", 2, wordAt("an", 2), "ana"), { text: "ana: ", caret: 5 });
  assert.deepEqual(completed("ask @an now", 7, wordAt("ask @an now", 7), "ana"), { text: "ask @ana now", caret: 9 });
  assert.deepEqual(completed("#lo", 3, wordAt("#lo", 3), "lobby"), { text: "#lobby ", caret: 7 });
});
