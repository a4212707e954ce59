// The bar above a run that was edited: the original and what became of it, to choose what is shown.

import { make } from "./dom.js";
import { t } from "./language.js";

/**
 * @typedef {object} Branches
 * @property {string[]} names what was changed in each branch, in words
 * @property {number} shown 0 for the original, from 1 on a branch
 * @property {(number: number) => void} choose
 */

/** The bar; null as long as there is no branch. @returns {HTMLElement | null} */
export function branchBar(/** @type {Branches | undefined} */ branches) {
  if (!branches?.names.length) return null;
  const { names, shown, choose } = branches;
  const texts = [t("Original"), ...names.map((name, i) => t("Branch {number}: {name}", { number: i + 1, name }))];
  const select = make(
    "select",
    { "aria-label": t("Branch"), onchange: (event) => choose(Number(event.target.value)) },
    ...texts.map((text, i) => make("option", { value: String(i), selected: i === shown }, text)),
  );
  const back = make("button", { type: "button", onclick: () => choose(0), hidden: shown === 0 }, t("Show the original"));
  return make("div", { class: "branches" }, select, back);
}
