// The search for an operation to add: at the cursor, for what fits behind a value, or to choose among given things.

import { make } from "../dom.js";
import { t } from "./words.js";

/**
 * @typedef {object} Row
 * @property {string} title
 * @property {string} [note] at the right: where it comes from, or what it would give
 * @property {string} [summary]
 * @property {boolean} [dim]
 * @property {any} value
 */

const TYPING_MS = 60;

export class Search {
  /** @param {HTMLElement} parent @param {() => void} closed */
  constructor(parent, closed) {
    this.parent = parent;
    this.closed = closed;
    this.input = /** @type {HTMLInputElement} */ (
      make("input", {
        type: "text",
        role: "combobox",
        "aria-expanded": "true",
        "aria-controls": "found",
        autocomplete: "off",
        spellcheck: "false",
        oninput: () => void this.look(),
        onkeydown: (event) => this.key(event),
      })
    );
    this.list = make("ul", { id: "found", role: "listbox", "aria-label": t("Results") });
    this.summary = make("p", { class: "muted small" });
    this.element = make(
      "div",
      { class: "find search", hidden: true, role: "dialog" },
      this.input,
      this.list,
      this.summary,
    );
    this.element.addEventListener("focusout", (event) => {
      if (!(event.relatedTarget instanceof Node) || !this.element.contains(event.relatedTarget)) this.close(false);
    });
    parent.append(this.element);
    this.rows = /** @type {Row[]} */ ([]);
    this.at = 0;
    this.turn = 0;
    this.looking = Promise.resolve();
  }

  /**
   * @param {object} wanted
   * @param {string} wanted.title
   * @param {[number, number] | null} [wanted.at] of the parent, in pixels
   * @param {(query: string) => Promise<Row[]> | Row[]} wanted.find
   * @param {(row: Row, query: string) => void} wanted.choose
   */
  open({ title, at = null, find, choose }) {
    this.find = find;
    this.choose = choose;
    this.input.value = "";
    this.input.placeholder = title;
    this.input.setAttribute("aria-label", title);
    this.element.setAttribute("aria-label", title);
    this.element.hidden = false;
    const { clientWidth, clientHeight } = this.parent;
    const [x, y] = at ?? [clientWidth / 2 - 200, clientHeight / 4];
    this.element.style.left = `${Math.max(8, Math.min(x, clientWidth - 408))}px`;
    this.element.style.top = `${Math.max(8, Math.min(y, clientHeight - 330))}px`;
    this.show([]);
    this.input.focus();
    void this.look();
  }

  get isOpen() {
    return !this.element.hidden;
  }

  close(giveFocus = true) {
    if (this.element.hidden) return;
    this.element.hidden = true;
    this.turn++;
    if (giveFocus) this.closed();
  }

  look() {
    const turn = ++this.turn;
    this.looking = (async () => {
      // While somebody types, only the last word is looked for.
      await new Promise((typed) => setTimeout(typed, this.rows.length || this.input.value ? TYPING_MS : 0));
      if (turn !== this.turn) return;
      const rows = await this.find?.(this.input.value.trim());
      if (turn === this.turn && rows) this.show(rows);
    })();
    return this.looking;
  }

  /** Waits for what was typed last to be looked for. */
  async found() {
    for (let last; last !== this.looking; ) {
      last = this.looking;
      await last;
    }
  }

  show(/** @type {Row[]} */ rows) {
    this.rows = rows;
    this.at = 0;
    this.list.replaceChildren(
      ...rows.map((row, i) =>
        make(
          "li",
          {
            role: "option",
            id: `found-${i}`,
            class: row.dim ? "dim" : "",
            "aria-selected": String(i === 0),
            // Before the field loses the focus, which closes the list.
            onpointerdown: (event) => {
              event.preventDefault();
              this.take(i);
            },
          },
          make("span", {}, row.title),
          make("span", { class: "muted" }, row.note ?? ""),
        ),
      ),
    );
    this.mark();
  }

  mark() {
    [...this.list.children].forEach((item, i) => item.setAttribute("aria-selected", String(i === this.at)));
    const row = this.rows[this.at];
    this.list.children[this.at]?.scrollIntoView({ block: "nearest" });
    if (row) this.input.setAttribute("aria-activedescendant", `found-${this.at}`);
    else this.input.removeAttribute("aria-activedescendant");
    this.summary.textContent = row ? (row.summary ?? "") : this.input.value ? t("Nothing is called so.") : "";
  }

  take(/** @type {number} */ i) {
    const row = this.rows[i];
    if (!row) return;
    const query = this.input.value.trim();
    this.close();
    this.choose?.(row, query);
  }

  key(/** @type {KeyboardEvent} */ event) {
    event.stopPropagation();
    if (event.key === "Escape") this.close();
    else if (event.key === "Enter") void this.found().then(() => this.isOpen && this.take(this.at));
    else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      const count = this.rows.length;
      if (count) this.at = (this.at + (event.key === "ArrowDown" ? 1 : count - 1)) % count;
      this.mark();
    } else if (event.key !== "Tab") return;
    event.preventDefault();
  }
}

/** Asks for a word in a small field. */
export function askWord(
  /** @type {Search} */ search,
  /** @type {string} */ title,
  /** @type {string} */ first,
  /** @type {(word: string) => void} */ done,
) {
  search.open({
    title,
    find: (query) => [{ title: query || first, note: t("Enter"), value: query || first }],
    choose: (row) => done(row.value),
  });
  search.input.value = first;
  search.input.select();
}
