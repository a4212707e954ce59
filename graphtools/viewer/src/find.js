// Find by name, operation, class, scope or shape.

import { t } from "./language.js";
import { make } from "./dom.js";
import { modulePath } from "./model.js";
import { lastWord } from "./words.js";

/** @typedef {import("./model.js").Model} Model */
/** @typedef {import("./tree.js").Tree} Tree */

const MOST_RESULTS = 50;

/**
 * Items that match all words of a query, best first: a name that is it, then one that starts with it, then any place.
 * @param {Model} model
 * @param {Tree} tree
 * @param {string} query `x` between digits may be typed for `×`
 */
export function findItems(model, tree, query, most = MOST_RESULTS) {
  const words = query
    .toLowerCase()
    .replace(/(\d)x(?=\d)/g, "$1×")
    .split(/\s+/)
    .filter(Boolean);
  if (!words.length) return [];
  const found = /** @type {{item: number, score: number}[]} */ ([]);
  for (const item of tree.items) {
    if (item.index === 0) continue;
    const node = item.node >= 0 ? model.nodes[item.node] : null;
    const module = item.label ? undefined : model.modules.get(modulePath(item.scope));
    const className = node && !item.whole ? "" : (module?.class ?? "");
    const names = [item.id, item.label || item.scope, node ? lastWord(node.target) : "", className].map((name) =>
      name.toLowerCase(),
    );
    const text = [...names, node ? node.specs.join(" ") : "", node?.shape ?? "", node?.category ?? ""]
      .join(" ")
      .toLowerCase();
    if (!words.every((word) => (SIZES.test(word) ? holdsSizes(text, word) : text.includes(word)))) continue;
    const first = words[0];
    const score = names.includes(first)
      ? 0
      : names.some((name) => name.startsWith(first))
        ? 1
        : names.some((name) => name.includes(first))
          ? 2
          : 3;
    found.push({ item: item.index, score });
  }
  found.sort((a, b) => a.score - b.score || a.item - b.item);
  return found.slice(0, most).map((entry) => entry.item);
}

const SIZES = /^\d+(×\d+)+$/;

/** Whether whole sizes stand there: 12×12 is no part of 12×128. */
function holdsSizes(/** @type {string} */ text, /** @type {string} */ sizes) {
  return new RegExp(`(?<!\\d)${sizes}(?!\\d)`).test(text);
}

export class FindBox {
  /**
   * @param {HTMLElement} parent
   * @param {object} actions
   * @param {(query: string) => number[]} actions.find
   * @param {(item: number) => string[]} actions.describe name and what it is
   * @param {(item: number) => void} actions.choose
   * @param {() => void} actions.closed
   */
  constructor(parent, actions) {
    this.actions = actions;
    /** @type {number[]} */
    this.results = [];
    this.at = 0;
    this.input = /** @type {HTMLInputElement} */ (
      make("input", {
        type: "search",
        placeholder: t("Name, operation or shape"),
        "aria-label": t("Find"),
        role: "combobox",
        "aria-expanded": "true",
        "aria-controls": "results",
        oninput: () => this.update(),
      })
    );
    this.list = make("ul", { role: "listbox", id: "results", "aria-label": t("Results") });
    this.status = make("p", { class: "muted", role: "status" });
    this.element = make(
      "div",
      { class: "find", hidden: true, role: "dialog", "aria-label": t("Find") },
      this.input,
      this.list,
      this.status,
    );
    this.element.addEventListener("keydown", (event) => this.key(event));
    parent.append(this.element);
  }

  open() {
    this.element.hidden = false;
    this.input.value = "";
    this.update();
    this.input.focus();
  }

  close() {
    if (this.element.hidden) return;
    this.element.hidden = true;
    this.actions.closed();
  }

  update() {
    this.results = this.actions.find(this.input.value);
    this.at = 0;
    this.list.replaceChildren(
      ...this.results.map((item, i) => {
        const [name, what] = this.actions.describe(item);
        return make(
          "li",
          { role: "option", id: `result-${i}`, onclick: () => this.take(i) },
          make("span", {}, name),
          make("span", { class: "muted" }, what),
        );
      }),
    );
    const count = this.results.length;
    this.status.textContent = !this.input.value
      ? ""
      : count === 0
        ? t("Nothing found")
        : count >= MOST_RESULTS
          ? t("First {n} results", { n: count })
          : count === 1
            ? t("1 result")
            : t("{n} results", { n: count });
    this.mark();
  }

  mark() {
    [...this.list.children].forEach((child, i) => child.setAttribute("aria-selected", String(i === this.at)));
    this.list.children[this.at]?.scrollIntoView({ block: "nearest" });
    this.input.setAttribute("aria-activedescendant", this.results.length ? `result-${this.at}` : "");
  }

  take(/** @type {number} */ index) {
    const item = this.results[index];
    if (item === undefined) return;
    this.close();
    this.actions.choose(item);
  }

  key(/** @type {KeyboardEvent} */ event) {
    event.stopPropagation();
    if (event.key === "Escape") this.close();
    else if (event.key === "Enter") this.take(this.at);
    else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      const step = event.key === "ArrowDown" ? 1 : -1;
      this.at = Math.max(0, Math.min(this.results.length - 1, this.at + step));
      this.mark();
    }
  }
}
