// The search for an operation to add: at the cursor, for what fits behind a value, or to choose among given things.

import { make } from "../dom.js";
import { t } from "./words.js";

/** @typedef {(query: string) => Promise<Row[]> | Row[]} Find */
/** @typedef {(row: Row, query: string) => unknown} Choose */

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
  /**
   * @param {HTMLElement} parent
   * @param {object} acts
   * @param {() => void} acts.closed
   * @param {() => Promise<void> | undefined} acts.settled waits for what is under way, so that the search is of what is
   *   there then
   * @param {(act: () => unknown) => void} acts.later does what was chosen in its turn
   * @param {(query: string) => void} acts.nothing is told what found nothing
   */
  constructor(parent, acts) {
    this.parent = parent;
    this.acts = acts;
    this.heading = make("h2", { hidden: true });
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
      this.heading,
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
    this.title = () => "";
    this.find = /** @type {Find} */ (() => []);
    this.choose = /** @type {Choose} */ (() => undefined);
    this.shownFor = /** @type {string | null} */ (null); // the query whose rows are on the page
    this.asked = /** @type {{query: string, rows: Promise<Row[]>} | null} */ (null);
  }

  /**
   * @param {object} wanted
   * @param {string | (() => string)} wanted.title as what is under way leaves it
   * @param {[number, number] | null} [wanted.at] of the parent, in pixels
   * @param {Find} wanted.find
   * @param {Choose} wanted.choose
   * @param {string} [wanted.first] what stands in the field at first: it is for a word, under a title
   */
  open({ title, at = null, find, choose, first }) {
    this.find = find;
    this.choose = choose;
    this.title = typeof title === "string" ? () => title : title;
    this.asked = this.shownFor = null;
    this.input.value = first ?? "";
    this.heading.hidden = first === undefined;
    this.summary.hidden = first !== undefined;
    this.entitle();
    this.element.hidden = false;
    const { clientWidth, clientHeight } = this.parent;
    const [x, y] = at ?? [clientWidth / 2 - 200, clientHeight / 4];
    this.element.style.left = `${Math.max(8, Math.min(x, clientWidth - 408))}px`;
    this.element.style.top = `${Math.max(8, Math.min(y, clientHeight - 330))}px`;
    this.show([]);
    this.input.focus();
    this.input.select();
    void this.look();
  }

  entitle() {
    const title = this.title();
    this.heading.textContent = this.input.placeholder = title;
    this.input.setAttribute("aria-label", title);
    this.element.setAttribute("aria-label", title);
  }

  get isOpen() {
    return !this.element.hidden;
  }

  close(giveFocus = true) {
    if (this.element.hidden) return;
    this.element.hidden = true;
    this.turn++;
    if (giveFocus) this.acts.closed();
  }

  /** Looks for what stands in the field, a moment after it was typed and once nothing is under way. */
  async look() {
    const turn = ++this.turn;
    const isFirst = !this.rows.length && !this.input.value;
    await new Promise((typed) => setTimeout(typed, isFirst ? 0 : TYPING_MS));
    if (turn !== this.turn) return;
    await this.acts.settled();
    if (turn !== this.turn) return;
    this.entitle();
    const query = this.query();
    const rows = Promise.resolve(this.find(query));
    this.asked = { query, rows };
    const found = await rows.catch(() => []); // what asks for it again is told why
    if (turn !== this.turn) return;
    this.shownFor = query;
    this.show(found);
  }

  query() {
    return this.input.value.trim();
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

  /** Closes, and does what one of the rows on the page says. */
  take(/** @type {number} */ i) {
    const row = this.rows[i];
    if (!row) return;
    const query = this.query();
    const { choose } = this;
    this.close();
    this.acts.later(() => choose(row, query));
  }

  /** Takes the marked row; where those of the query are still to come, the first of them, while the field is closed. */
  enter() {
    const query = this.query();
    if (this.shownFor === query) return this.take(this.at);
    const { find, choose, asked } = this;
    this.close();
    this.acts.later(async () => {
      const [row] = await (asked?.query === query ? asked.rows : find(query));
      if (!row) return this.acts.nothing(query);
      return choose(row, query);
    });
  }

  key(/** @type {KeyboardEvent} */ event) {
    event.stopPropagation();
    if (event.key === "Escape") this.close();
    else if (event.key === "Enter") this.enter();
    else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      const count = this.rows.length;
      if (count) this.at = (this.at + (event.key === "ArrowDown" ? 1 : count - 1)) % count;
      this.mark();
    } else if (event.key !== "Tab") return;
    event.preventDefault();
  }

  /** Does what a key does in the field that was pressed before the field was there. */
  typed(/** @type {KeyboardEvent} */ event) {
    const { input } = this;
    const [start, end] = [input.selectionStart ?? input.value.length, input.selectionEnd ?? input.value.length];
    if (event.key === "Backspace") input.setRangeText("", start === end ? Math.max(0, start - 1) : start, end, "end");
    else if (event.key.length !== 1 || event.ctrlKey || event.metaKey) return this.key(event);
    else input.setRangeText(event.key, start, end, "end");
    void this.look();
  }
}

/** Asks for a word in a small field. */
export function askWord(
  /** @type {Search} */ search,
  /** @type {string} */ title,
  /** @type {string} */ first,
  /** @type {(word: string) => unknown} */ done,
) {
  search.open({
    title,
    first,
    find: (query) => [{ title: query || first, note: t("Enter"), value: query || first }],
    choose: (row) => done(row.value),
  });
}
