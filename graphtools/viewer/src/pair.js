// Two graphs or runs side by side: walked together, folded together, selected together, and colored by how they differ.

import { make } from "./dom.js";
import { standIn } from "./fold.js";
import { setLanguage, t } from "./language.js";
import { Viewer } from "./viewer.js";
import css from "./pair.css";

/**
 * @typedef {object} Side What one of the two shows.
 * @property {any} payload null where there is no graph: then the notes say why
 * @property {any} [run]
 * @property {import("./host.js").Host} [host]
 * @property {string} title
 * @property {Sentence[]} [notes] sentences that stand above it: what it knows, and since when
 * @property {(number | null)[] | null} [differences] by row: how far its value is from that of the other; null for none
 * @property {number[]} alone rows that the other does not have
 *
 * @typedef {object} Pairing Which row and which event of one stands for which of the other.
 * @property {[number, number][]} rows
 * @property {[number, number][]} events
 * @property {string | Sentence[]} summary the first difference, in words, or what both have
 * @property {number} first the event of the first difference in the first of the two; -1 for none
 *
 * @typedef {[string, Record<string, string | number>]} Sentence English with blanks, and what goes into them
 *
 * @typedef {object} PairOptions
 * @property {string} [language]
 * @property {"light" | "dark" | "auto"} [theme]
 * @property {number} [position] event of the first side that has a run; without it the first difference
 * @property {import("./viewer.js").Kept} [kept] what is watched in both
 * @property {import("./viewer.js").Arrangement[]} [arrangements] of both, what is open and on the screen
 */

/**
 * @param {HTMLElement} el
 * @param {Side} a
 * @param {Side} b
 * @param {Pairing} pairing
 * @param {PairOptions} [options]
 */
export function mountPair(el, a, b, pairing, options = {}) {
  if (options.language) setLanguage(options.language);
  const shadow = el.shadowRoot ?? el.attachShadow({ mode: "open" });
  const places = [make("div", { class: "place" }), make("div", { class: "place" })];
  const summary = typeof pairing.summary === "string" ? pairing.summary : pairing.summary.map(said).join(" ");
  const words = summary ? make("p", { class: "summary" }, summary) : null;
  const sides = [a, b].map((side, i) => make("section", { class: "side" }, headOf(side, i), places[i]));
  const theme = options.theme ?? "auto";
  shadow.replaceChildren(
    make("style", {}, css),
    make("div", { class: "pair", "data-theme": theme }, words, make("div", { class: "sides" }, ...sides)),
  );
  [a, b].forEach((side, i) => side.payload || places[i].append(nothing(side)));
  const shown = [a, b].map(
    (side, i) =>
      side.payload &&
      new Viewer(places[i], side.payload, {
        theme,
        title: side.title === "ab"[i] ? "" : t(side.title), // that stands above it
        run: side.run,
        host: side.host,
        differences: side.differences ?? undefined,
        alone: side.alone,
        arrangement: options.arrangements?.[i],
        kept: options.kept,
      }),
  );
  const viewers = /** @type {Viewer[]} */ (shown.filter(Boolean));
  const [left, right] = shown;
  const unlink = left && right ? [link(left, right, pairing, 0), link(right, left, pairing, 1)] : [];
  const leader = viewers.find((viewer) => viewer.stepping);
  if (options.position !== undefined) leader?.stepping?.goto(options.position);
  else if (pairing.first >= 0) viewers[0].stepping?.goto(pairing.first);
  return {
    viewers,
    goto: (/** @type {number} */ index) => leader?.stepping?.goto(index),
    /** The event of the first side that has a run; -1 if none has. */
    position: () => leader?.stepping?.position ?? -1,
    /** What is open and on the screen in both. */
    arrangements: () => shown.map((viewer) => viewer?.arrangement()),
    /** Calls `listener` on "position" and "kept" of the first side that has a run; gives a function that stops it. */
    on: (/** @type {"position" | "kept"} */ event, /** @type {(detail: any) => void} */ listener) =>
      (leader ?? viewers[0]).on(event, listener, true),
    destroy: () => {
      for (const stop of unlink) stop();
      for (const viewer of viewers) viewer.destroy();
      shadow.replaceChildren();
    },
  };
}

function said(/** @type {Sentence} */ [text, blanks]) {
  return t(text, blanks);
}

/** What stands in the place of a graph that there is not. */
function nothing(/** @type {Side} */ { notes, title }) {
  const sentences = (notes ?? []).map((sentence) => make("p", {}, said(sentence)));
  return make("div", { class: "nothing", role: "note" }, make("h2", {}, t(title)), ...sentences);
}

/** What stands above a side: what it knows; of one of two runs the name that the summary calls it by, and its title. */
function headOf(/** @type {Side} */ { payload, notes, title }, /** @type {number} */ i) {
  if (!payload) return null;
  if (!notes?.length) {
    const name = "ab"[i];
    return make("p", { class: "title" }, make("strong", {}, name), title === name ? "" : ` ${t(title)}`);
  }
  const [first, ...more] = notes.map(said);
  return make(
    "details",
    { class: "notes", open: true },
    make("summary", {}, make("strong", {}, t(title)), " ", first),
    make("ul", {}, ...more.map((text) => make("li", {}, text))),
  );
}

/** Lets `other` follow what happens in `one`; what it does itself then is not sent back. */
function link(
  /** @type {Viewer} */ one,
  /** @type {Viewer} */ other,
  /** @type {Pairing} */ pairing,
  /** @type {0 | 1} */ side,
) {
  const there = 1 - side;
  const events = [...pairing.events].sort((x, y) => x[side] - y[side]);
  const rows = new Map(pairing.rows.map((pair) => [pair[side], pair[there]]));
  const quiet = (/** @type {() => void} */ act) => {
    if (one.following) return;
    other.following = true;
    try {
      act();
    } finally {
      other.following = false;
    }
  };
  const point = (/** @type {number} */ item) => {
    const found = counterpart(one, other, rows, item);
    if (found >= 0) quiet(() => other.follow(found));
  };
  const stops = [
    one.on("position", ({ position }) => {
      const { stepping } = one;
      if (!other.stepping) return stepping && point(stepping.item);
      // Where the other has no such event, it stands at the one before.
      let found = -1;
      for (const pair of events) if (pair[side] <= position) found = pair[there];
      if (found >= 0) quiet(() => other.stepping?.goto(found));
    }),
    one.on("select", (detail) => {
      if (detail) point(one.itemNamed(detail.name));
    }),
    one.on("kept", ({ watching }) => quiet(() => other.stepping?.watching?.follow(watching))),
    one.on("foldAll", ({ open }) => quiet(() => (open ? other.folding.openAll() : other.folding.closeAll()))),
    one.on("view", () => {
      // Of pictures that are laid out alike, the same part is shown.
      const [a, b] = [one.scene, other.scene];
      const isAlike = Math.abs(a.width - b.width) < 1 && Math.abs(a.height - b.height) < 1;
      if (isAlike && one.camera.width > 1) quiet(() => other.camera.set({ ...one.camera.view }));
    }),
    one.on("toggle", ({ scope, open }) => {
      const item = other.itemNamed(scope);
      if (item > 0) quiet(() => other.folding.setOpen(item, open));
    }),
  ];
  return () => stops.forEach((stop) => stop());
}

/**
 * The item of `other` that stands for one of `one`: the same operation, or the same module. For what only `one` has (the
 * third turn of a loop, say) the module around it, a later call of which is an earlier one there. -1 for none.
 */
function counterpart(
  /** @type {Viewer} */ one,
  /** @type {Viewer} */ other,
  /** @type {Map<number, number>} */ rows,
  /** @type {number} */ item,
) {
  if (item <= 0) return -1;
  const { items } = one.tree;
  const match = rows.get(items[item].node);
  if (match !== undefined) return standIn(other.tree, other.visible.open, other.tree.ofNode[match]);
  for (let i = item; i > 0; i = items[i].parent) {
    for (const scope of [items[i].id, items[i].scope, items[i].scope.replace(/#\d+/g, "")]) {
      const found = scope ? other.itemNamed(scope) : -1;
      if (found > 0) return standIn(other.tree, other.visible.open, found);
    }
  }
  return -1;
}
