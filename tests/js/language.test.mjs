// The Korean words: none lacks, none is too many, and the blanks agree.

import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";
import { KOREAN } from "../../graphtools/viewer/src/korean.js";
import { setLanguage, t } from "../../graphtools/viewer/src/language.js";

const SRC = new URL("../../graphtools/viewer/src/", import.meta.url);
const PYTHON = ["knowing.py", "pair_page.py"].map(
  (name) => new URL(`../../graphtools/viewer/${name}`, import.meta.url),
);
const TEXT = /"(?:[^"\\]|\\.)*"/g;

/** What stands between the brackets of each call of `t` or `word`, up to its first comma outside of a text. */
function* calls(source) {
  for (const { index, 0: found } of source.matchAll(/(?<![\w.])(?:t|word)\(/g)) {
    let depth = 1;
    let end = index + found.length;
    for (let quoted = false; depth > 0; end++) {
      const letter = source[end];
      if (letter === '"' && source[end - 1] !== "\\") quoted = !quoted;
      else if (!quoted && "([{".includes(letter)) depth++;
      else if (!quoted && ")]}".includes(letter)) depth--;
      else if (!quoted && depth === 1 && letter === ",") depth = 0;
    }
    yield source.slice(index + found.length, end - 1);
  }
}

function textsOfViewer() {
  const found = new Set();
  for (const name of readdirSync(SRC, { recursive: true })) {
    // The editor's words come from its host.
    if (!String(name).endsWith(".js") || String(name).startsWith("editor")) continue;
    for (const call of calls(readFileSync(new URL(String(name), SRC), "utf8")))
      for (const [text] of call.matchAll(TEXT)) found.add(JSON.parse(text));
  }
  return found;
}

/** Sentences with blanks, and titles, that Python sends. */
function textsOfPython() {
  const found = new Set();
  for (const file of PYTHON) {
    const source = readFileSync(file, "utf8");
    for (const [, text] of source.matchAll(/\(("[^"\n]+"),\s+(?:\{|count\))/g)) found.add(JSON.parse(text));
    for (const [text] of source.matchAll(/"(?:Define (?:and|by) run: [^"]+|Only in the \w+: [^"]+)"/g))
      found.add(JSON.parse(text));
  }
  return found;
}

test("every text of the viewer is there in Korean", () => {
  const texts = textsOfViewer();
  assert.ok(texts.size > 200);
  const missing = [...texts].filter((text) => !(text in KOREAN));
  assert.deepEqual(missing, []);
});

test("every sentence that Python sends is there in Korean", () => {
  const texts = textsOfPython();
  assert.ok(texts.size > 15);
  const missing = [...texts].filter((text) => !(text in KOREAN));
  assert.deepEqual(missing, []);
});

test("no Korean text is left over", () => {
  const texts = new Set([...textsOfViewer(), ...textsOfPython()]);
  assert.deepEqual(
    Object.keys(KOREAN).filter((text) => !texts.has(text)),
    [],
  );
});

test("the blanks agree", () => {
  const blanks = (text) => (text.match(/\{\w+\}/g) ?? []).sort();
  for (const [english, korean] of Object.entries(KOREAN)) assert.deepEqual(blanks(korean), blanks(english), english);
});

test("a text is said in the chosen language, and a name from a model stays as it is", () => {
  setLanguage("ko");
  assert.equal(t("Copied {text}", { text: "Copy path {n}" }), "복사함: Copy path {n}");
  setLanguage("en");
  assert.equal(t("Copied {text}", { text: "relu" }), "Copied relu");
  setLanguage("xx");
  assert.equal(t("Find"), "Find");
});
