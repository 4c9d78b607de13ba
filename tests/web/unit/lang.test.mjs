// The three languages say the same things, with the same values in them.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import de from "../../../daemon/p2pd_daemon/web/js/lang/de.js";
import en from "../../../daemon/p2pd_daemon/web/js/lang/en.js";
import fr from "../../../daemon/p2pd_daemon/web/js/lang/fr.js";

const WEB = new URL("../../../daemon/p2pd_daemon/web/js/", import.meta.url);
const forms = (text) => (typeof text === "string" ? [text] : Object.values(text));
const placeholders = (text) => [...new Set(forms(text).flatMap((form) => form.match(/\{\w+\}/g) ?? []))].sort();

const files = readdirSync(WEB, { recursive: true }).filter((file) => file.endsWith(".js") && !file.includes("lang") && file !== "i18n.js");
const code = files.map((file) => readFileSync(new URL(file, WEB), "utf8")).join("\n");

for (const [name, words] of Object.entries({ de, fr })) {
  test(`${name} has the keys of en`, () => {
    assert.deepEqual(Object.keys(words).sort(), Object.keys(en).sort());
  });

  test(`${name} has the placeholders of en`, () => {
    for (const key of Object.keys(en)) assert.deepEqual(placeholders(words[key]), placeholders(en[key]), key);
  });
}

test("counts have a text for one and for others, in every language", () => {
  for (const [name, words] of Object.entries({ en, de, fr })) {
    for (const [key, text] of Object.entries(words)) {
      if (typeof text !== "string") assert.deepEqual(Object.keys(text), ["one", "other"], `${name}: ${key}`);
      assert.ok(forms(text).every((form) => form.trim()), `${name}: ${key} is empty`);
    }
  }
});

test("no key is given twice", () => {
  for (const name of ["en", "de", "fr"]) {
    const keys = ["lang/", "lang/own/"].flatMap((folder) =>
      [...readFileSync(new URL(`${folder}${name}.js`, WEB), "utf8").matchAll(/^ {2}"([^"]+)":/gm)].map(([, key]) => key));
    assert.deepEqual(keys.filter((key, n) => keys.indexOf(key) !== n), [], name);
  }
});

test("every key that the page asks for is there", () => {
  const asked = [...code.matchAll(/\bt\(\s*"([^"]+)"/g)].map(([, key]) => key);
  assert.deepEqual(asked.filter((key) => !(key in en)), []);
});

// Keys that are put together count as used by their beginning, `kind.${kind}`, or their end, `${kind}.label`.
test("every key is asked for", () => {
  const begins = [...code.matchAll(/`([\w.]+\.)\$\{/g)].map(([, begin]) => begin);
  const ends = [...code.matchAll(/\bt\(`\$\{\w+\}(\.[\w.]+)`/g)].map(([, end]) => end);
  const used = (key) => code.includes(`"${key}"`) || begins.some((begin) => key.startsWith(begin)) || ends.some((end) => key.endsWith(end));
  assert.deepEqual(Object.keys(en).filter((key) => !used(key)), []);
});
