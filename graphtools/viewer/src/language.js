// The viewer's own words, in the language that the host names. English is the key: what has no translation stays so.

import { KOREAN } from "./korean.js";

const TABLES = /** @type {Record<string, Record<string, string>>} */ ({ ko: KOREAN });
let table = /** @type {Record<string, string>} */ ({});

/** Chooses the language of all viewers of this page: "ko", or "en". What stands on the screen is not written anew. */
export function setLanguage(/** @type {string | undefined} */ language) {
  table = TABLES[language ?? ""] ?? {};
}

/**
 * A text in the chosen language, with values put into its `{blanks}`. Names from a model go in as values only.
 * @param {string} text
 * @param {Record<string, string | number>} [values]
 */
export function t(text, values) {
  const words = table[text] ?? text;
  return values ? words.replace(/\{(\w+)\}/g, (blank, name) => String(values[name] ?? blank)) : words;
}

/** Marks a text of a list that `t` says in the chosen language where it is shown. */
export function word(/** @type {string} */ text) {
  return text;
}
