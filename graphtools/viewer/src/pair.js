// Two graphs or runs side by side: walked together, folded together, selected together, and colored by how they differ.

import { make } from "./dom.js";
import { Viewer } from "./viewer.js";
import css from "./pair.css";

/**
 * @typedef {object} Side What one of the two shows.
 * @property {any} payload
 * @property {any} [run]
 * @property {import("./host.js").Host} [host]
 * @property {string} title
 * @property {(number | null)[]} differences by row: how far its value is from that of the other; null for none
 * @property {number[]} alone rows that the other does not have
 *
 * @typedef {object} Pairing Which row and which event of one stands for which of the other.
 * @property {[number, number][]} rows
 * @property {[number, number][]} events
 * @property {string} summary the first difference, in words
 * @property {number} first the event of the first difference in the first of the two; -1 for none
 */

/**
 * @param {HTMLElement} el
 * @param {Side} a
 * @param {Side} b
 * @param {Pairing} pairing
 * @param {{theme?: "light" | "dark" | "auto"}} [options]
 */
export function mountPair(el, a, b, pairing, options = {}) {
  const shadow = el.shadowRoot ?? el.attachShadow({ mode: "open" });
  const places = [make("div", { class: "side" }), make("div", { class: "side" })];
  const words = make("p", { class: "summary" }, pairing.summary);
  shadow.replaceChildren(
    make("style", {}, css),
    make("div", { class: "pair" }, words, make("div", { class: "sides" }, ...places)),
  );
  const viewers = [a, b].map(
    (side, i) =>
      new Viewer(places[i], side.payload, {
        ...options,
        title: side.title,
        run: side.run,
        host: side.host,
        differences: side.differences,
        alone: side.alone,
      }),
  );
  const unlink = [link(viewers[0], viewers[1], pairing, 0), link(viewers[1], viewers[0], pairing, 1)];
  if (pairing.first >= 0) viewers[0].stepping?.goto(pairing.first);
  return {
    viewers,
    goto: (/** @type {number} */ index) => viewers[0].stepping?.goto(index),
    destroy: () => {
      for (const stop of unlink) stop();
      for (const viewer of viewers) viewer.destroy();
      shadow.replaceChildren();
    },
  };
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
  const stops = [
    one.on("position", ({ position }) => {
      // Where the other has no such event, it stands at the one before.
      let found = -1;
      for (const pair of events) if (pair[side] <= position) found = pair[there];
      if (found >= 0) quiet(() => other.stepping?.goto(found));
    }),
    one.on("select", (detail) => {
      const row = detail?.operation ? one.model.nodes.findIndex((node) => node.name === detail.name) : -1;
      const match = rows.get(row);
      if (match !== undefined) quiet(() => other.select(other.tree.ofNode[match]));
    }),
    one.on("toggle", ({ scope, open }) => {
      const item = other.itemNamed(scope);
      if (item > 0) quiet(() => other.setItemOpen(item, open));
    }),
  ];
  return () => stops.forEach((stop) => stop());
}
