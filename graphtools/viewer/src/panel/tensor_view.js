// One tensor, and beside it its gradient: numbers, histograms, a picture with a slider for each leading size.

import { t, word } from "../language.js";
import { make } from "../dom.js";
import { curve, grid, histogram, plane } from "./figures.js";
import { keepingFocus } from "./focus.js";
import { number, onlyNumber, percent, warningsOf } from "./numbers.js";

/** @typedef {import("./looks.js").Looks} Looks */
/** @typedef {import("./pixels.js").Picture} Picture */
/** @typedef {{value: string, gradient: string, axis: string, text: string}} Ink */

/**
 * A table of the numbers of one or two tensors; a column each.
 * @param {[string, any][]} columns heading and summary
 * @param {boolean} [isMadeZero] zeros are what the operation makes
 */
export function numbersTable(columns, isMadeZero = false) {
  const shown = columns.filter(([, entry]) => entry && !entry.lost && entry.text === undefined);
  if (!shown.length) return null;
  const rows = /** @type {[string, (entry: any) => string, ((entry: any) => boolean)?][]} */ ([
    [word("type"), (e) => e.spec],
    [word("value"), onlyNumber, (e) => e.nan + e.inf > 0],
    [word("elements"), (e) => e.elements.toLocaleString("en")],
    [word("mean"), (e) => number(e.mean)],
    [word("std"), (e) => number(e.std)],
    [word("min"), (e) => number(e.min)],
    [word("max"), (e) => number(e.max)],
    [word("norm"), (e) => number(e.norm)],
    [word("zeros"), (e) => percent(e.zeros), (e) => e.elements > 1 && e.zeros === 1 && !(isMadeZero && e === columns[0][1])],
    [
      word("NaN, infinite"),
      (e) => (e.nan || e.inf ? `${e.nan.toLocaleString("en")}, ${e.inf.toLocaleString("en")}` : "0"),
      (e) => e.nan + e.inf > 0,
    ],
  ]);
  const single = shown.every(([, entry]) => entry.elements === 1);
  // Of one number, that number says it all.
  const told = rows.filter(([name]) => name === "type" || (name === "value") === single);
  const same = shown.length === 2 && shown[0][1].spec === shown[1][1].spec;
  const head = make("tr", {}, make("td", {}), ...shown.map(([name]) => make("th", { scope: "col" }, t(name))));
  const body = told.map(([name, text, isBad]) =>
    make(
      "tr",
      {},
      make("th", { scope: "row" }, t(name)),
      ...shown.map(([, entry], i) =>
        make(
          "td",
          { class: isBad?.(entry) ? "bad" : "" },
          i && same && name === "type" ? t("same") : i && same && name === "elements" ? t("same") : text(entry),
        ),
      ),
    ),
  );
  const notes = shown.map(([, entry]) => entry.note).filter(Boolean);
  if (!single && shown.some(([, { nan, inf, elements }]) => nan + inf > 0 && nan + inf < elements))
    notes.push(t("mean, std, min, max and norm are of the finite ones"));
  return make(
    "div",
    {},
    make("table", { class: "numbers beside-columns" }, shown.length > 1 ? head : null, ...body),
    notes.length ? make("p", { class: "muted small" }, [...new Set(notes)].join("; ")) : null,
  );
}

/** Histograms of one or two tensors beside each other. */
export function histograms(
  /** @type {[string, any][]} */ columns,
  /** @type {number} */ width,
  /** @type {Ink} */ ink,
) {
  const shown = columns.filter(([, entry]) => entry?.histogram && entry.elements > 1);
  if (!shown.length) return null;
  const wide = Math.floor((width - 14 * (shown.length - 1)) / shown.length);
  return make(
    "div",
    { class: "beside" },
    ...shown.map(([name, entry]) =>
      histogram(entry.histogram, wide, name === "gradient" ? ink.gradient : ink.value, t(name)),
    ),
  );
}

/** The cards that say what stands out. */
export function warnings(/** @type {any} */ value, /** @type {any} */ grad, isMadeZero = false) {
  return warningsOf(value, grad, isMadeZero).map(({ text, bad }) =>
    make("p", { class: bad ? "warning bad-card" : "warning", role: bad ? "alert" : "note" }, text),
  );
}

/** What there is to say of a summary that has no numbers: a Python value, or why it was not kept; null for a tensor. */
export function plainWords(/** @type {any} */ entry) {
  if (!entry) return make("p", { class: "muted" }, t("There is no value."));
  if (entry.lost) return make("p", { class: "muted" }, entry.lost);
  if (entry.text !== undefined) return make("pre", { class: "value" }, entry.text);
  return null;
}

/** The name of a leading size, as images and batches have them. */
function axisName(/** @type {number} */ axis, /** @type {number} */ rank, /** @type {boolean} */ hasHeads) {
  if (rank === 4) return axis === 0 ? t("sample") : hasHeads ? t("head") : t("channel");
  if (rank === 3 && axis === 0) return t("sample");
  return t("axis {n}", { n: axis });
}

/** The picture of a tensor, with what chooses the plane that it shows. Keeps its place while the tensors change. */
export class PictureView {
  /** @param {Looks} looks */
  constructor(looks) {
    this.looks = looks;
    this.element = make("div", { class: "picture" });
    this.index = /** @type {number[]} */ ([]);
    this.color = true;
    this.hasHeads = false; // of attention: what is a channel elsewhere is a head
    this.turn = 0;
  }

  /**
   * @param {any} entry
   * @param {number} width
   * @param {Ink} ink
   * @param {string} name
   * @param {boolean} [hasHeads] it is of attention
   */
  show(entry, width, ink, name, hasHeads = this.hasHeads) {
    this.hasHeads = hasHeads;
    this.turn++;
    const pictures = /** @type {Picture[]} */ (entry.elements === 1 ? [] : (entry.pictures ?? []));
    if (!pictures.length || pictures[0].kind === "none") {
      this.element.replaceChildren(pictures.length ? make("p", { class: "muted small" }, pictures[0].caption) : "");
      return;
    }
    const { choices } = pictures[0];
    this.index = choices.map((size, axis) => Math.min(this.index[axis] ?? 0, size - 1));
    const rank = choices.length + (pictures[0].kind === "curve" ? 1 : pictures[0].kind === "image" ? 3 : 2);
    const slot = make("div", {});
    const changed = () => {
      for (const slider of sliders) slider?.update();
      void this.draw(entry, slot, width, ink, name);
    };
    const sliders = choices.map((size, axis) => this.slider(size, axis, rank, pictures, changed));
    const heads =
      pictures.length > 2 && pictures[0].kind === "heat map" && pictures[0].width >= 4 ? pictures.slice(0, 8) : [];
    const choose = (/** @type {number[]} */ index) => {
      this.index = index;
      this.show(entry, width, ink, name);
    };
    keepingFocus(this.element, () => {
      this.element.replaceChildren(
        slot,
        ...sliders.flatMap((slider) => (slider ? [slider.element] : [])),
        ...(heads.length ? [grid(heads, width, choose)] : []),
      );
      void this.draw(entry, slot, width, ink, name);
    });
  }

  /** How many planes along an axis can be shown: of a page only those that it holds. */
  reach(/** @type {number} */ size, /** @type {number} */ axis, /** @type {Picture[]} */ pictures) {
    if (!this.looks.holdsAll) return size;
    return pictures.filter(({ index }) => index.every((at, other) => other === axis || at === this.index[other]))
      .length;
  }

  slider(
    /** @type {number} */ size,
    /** @type {number} */ axis,
    /** @type {number} */ rank,
    /** @type {Picture[]} */ pictures,
    /** @type {() => void} */ changed,
  ) {
    if (size < 2) return null;
    const name = axisName(axis, rank, this.hasHeads);
    const said = make("span", { class: "muted" });
    const input = /** @type {HTMLInputElement} */ (
      make("input", {
        type: "range",
        min: "0",
        "aria-label": t("{name}, of {size}", { name, size }),
        oninput: (event) => {
          this.index[axis] = Number(event.target.value);
          changed();
        },
      })
    );
    const update = () => {
      const reach = Math.max(1, this.reach(size, axis, pictures));
      this.index[axis] = Math.min(this.index[axis], reach - 1);
      input.max = String(reach - 1);
      input.value = String(this.index[axis]);
      input.hidden = reach < 2;
      const held = reach === 1 ? t("this page holds this one") : t("this page holds the first {n}", { n: reach });
      const where = t("{name} {n} of {size}", { name, n: this.index[axis], size });
      said.textContent = reach < size ? `${where}; ${held}` : where;
    };
    update();
    return { element: make("label", { class: "slice" }, said, input), update };
  }

  async draw(
    /** @type {any} */ entry,
    /** @type {HTMLElement} */ slot,
    /** @type {number} */ width,
    /** @type {Ink} */ ink,
    /** @type {string} */ name,
  ) {
    const turn = ++this.turn;
    const wanted = [...this.index];
    let picture = entry.pictures.find((/** @type {Picture} */ known) => String(known.index) === String(wanted));
    if (!picture) {
      try {
        picture = await this.looks.picture(entry.key, wanted, this.color);
      } catch (error) {
        picture = null;
        if (turn === this.turn)
          slot.replaceChildren(make("p", { class: "muted" }, String(error instanceof Error ? error.message : error)));
        return;
      }
      if (turn !== this.turn) return;
    }
    if (!picture) {
      const known = entry.pictures.map((/** @type {Picture} */ { index }) => `[${index.join(", ")}]`).join(", ");
      slot.replaceChildren(
        make("p", { class: "muted small" }, t("This page holds only the pictures of {known}.", { known })),
      );
    } else if (picture.kind === "curve") {
      slot.replaceChildren(curve(picture, width, { line: ink.value, axis: ink.axis, text: ink.text }, name));
    } else {
      slot.replaceChildren(plane(picture, width, name), make("p", { class: "muted small" }, picture.caption));
    }
  }
}
