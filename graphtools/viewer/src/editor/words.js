// The editor's words in the language of its host: English is the key; what has no translation stays so.

let words = /** @type {Record<string, string>} */ ({});

export function setWords(/** @type {Record<string, string> | undefined} */ given) {
  words = given ?? {};
}

/** The text with the values put in for `{name}`. */
export function t(/** @type {string} */ text, /** @type {Record<string, string | number>} */ values = {}) {
  return (words[text] ?? text).replace(/\{(\w+)\}/g, (all, name) => String(values[name] ?? all));
}
