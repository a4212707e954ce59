// Colors by a number instead of by kind: durations, memory, norms, ... as a heat map with a legend.

import { t, word } from "./language.js";
import { compactNumber } from "./words.js";

/** @typedef {import("./model.js").Model} Model */
/** @typedef {import("./tree.js").Tree} Tree */
/** @typedef {import("./run.js").Run} Run */

/**
 * @typedef {object} Overlay What can be shown.
 * @property {string} name as the host's metrics call it
 * @property {string} label
 * @property {"sum" | "max" | "mean"} join how a group has the number of what it holds
 * @property {boolean} log
 * @property {(value: number) => string} text
 * @property {boolean} asked it reads tensors, so the host is asked for it
 *
 * @typedef {{overlay: Overlay, values: Float64Array, low: number, high: number}} Heat values by item; NaN for none
 */

const number = (/** @type {number} */ value) => (value === 0 ? "0" : Number(value.toPrecision(3)).toString());

/** @type {Overlay[]} */
export const OVERLAYS = [
  { name: "duration", label: word("Duration"), join: "sum", log: true, text: seconds, asked: false },
  {
    name: "memory",
    label: word("Memory"),
    join: "sum",
    log: true,
    text: (v) => `${compactNumber(Math.round(v))}B`,
    asked: false,
  },
  {
    name: "flops",
    label: word("FLOPs"),
    join: "sum",
    log: true,
    text: (v) => compactNumber(Math.round(v)),
    asked: true,
  },
  { name: "value_norm", label: word("Value norm"), join: "max", log: true, text: number, asked: true },
  { name: "grad_norm", label: word("Gradient norm"), join: "max", log: true, text: number, asked: true },
  {
    name: "zeros",
    label: word("Zeros"),
    join: "max",
    log: false,
    text: (v) => `${Number((v * 100).toPrecision(3))} %`,
    asked: true,
  },
  { name: "update_ratio", label: word("Update ratio"), join: "max", log: true, text: number, asked: true },
];

/** How far values are from those of what they are compared with. @type {Overlay} */
export const DIFFERENCE = {
  name: "difference",
  label: word("Relative difference"),
  join: "max",
  log: true,
  text: number,
  asked: false,
};

/** A duration in microseconds, in the unit that suits it. */
export function seconds(/** @type {number} */ us) {
  return us < 1000 ? `${number(us)} µs` : us < 1e6 ? `${number(us / 1000)} ms` : `${number(us / 1e6)} s`;
}

/** The numbers of an overlay that the viewer knows by itself, by row; null for one that the host must be asked for. */
export function ownMetric(/** @type {string} */ name, /** @type {Model} */ model, /** @type {Run | null} */ run) {
  if (name === "memory") return model.nodes.map((node) => node.bytes || null);
  if (name !== "duration" || !run) return null;
  const values = /** @type {(number | null)[]} */ (model.nodes.map(() => null));
  for (const { row, us, phase } of run.events)
    if (row >= 0 && phase !== "update") values[row] = (values[row] ?? 0) + us;
  return values;
}

/** The numbers of every item, groups joined from what they hold. What is not finite counts as none. @returns {Heat} */
export function heatOf(
  /** @type {Overlay} */ overlay,
  /** @type {Tree} */ tree,
  /** @type {(number | string | null)[]} */ rows,
) {
  const values = new Float64Array(tree.items.length).fill(NaN);
  const counts = new Float64Array(tree.items.length);
  let [low, high] = [Infinity, -Infinity];
  for (const { index, node } of tree.items) {
    const value = node >= 0 ? rows[node] : null;
    if (typeof value !== "number" || !Number.isFinite(value)) continue;
    values[index] = value;
    counts[index] = 1;
    if (overlay.log && value <= 0) continue;
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  for (let i = tree.items.length - 1; i > 0; i--) {
    const { parent } = tree.items[i];
    if (Number.isNaN(values[i])) continue;
    if (Number.isNaN(values[parent])) values[parent] = values[i];
    else if (overlay.join === "max") values[parent] = Math.max(values[parent], values[i]);
    else values[parent] += values[i];
  }
  return { overlay, values, low: overlay.name === "zeros" ? 0 : low, high: overlay.name === "zeros" ? 1 : high };
}

/** Where a value stands between the least and the greatest, 0 to 1; NaN for none. */
export function level(/** @type {Heat} */ heat, /** @type {number} */ value) {
  if (Number.isNaN(value) || !(heat.high >= heat.low)) return NaN;
  const scale = heat.overlay.log ? Math.log10 : (/** @type {number} */ x) => x;
  const [low, high] = [scale(heat.low), scale(heat.high)];
  if (heat.overlay.log && value <= 0) return 0;
  if (high === low) return 0.5;
  return Math.max(0, Math.min(1, (scale(value) - low) / (high - low)));
}

// Pale yellow through orange to dark red on light pages, and the other way about on dark ones: more stands out more.
const WARM = ["#fff7d6", "#fee3a0", "#fdc374", "#f99a54", "#ee6a45", "#d23b3f", "#a3203f"];
const EMBER = ["#2a2430", "#4a2440", "#74284a", "#a3344a", "#d0523f", "#ee8338", "#fbbf54"];

/** The color of a level. */
export function heatColor(/** @type {number} */ at, /** @type {boolean} */ dark) {
  const stops = dark ? EMBER : WARM;
  const place = at * (stops.length - 1);
  const i = Math.min(stops.length - 2, Math.floor(place));
  return mix(stops[i], stops[i + 1], place - i);
}

/** What the ends of the scale stand for; of one value, that and nothing. @returns {[string, string]} */
export function endsInWords(/** @type {Heat} */ { overlay, low, high }) {
  if (!(high >= low)) return [t("nothing to show"), ""];
  const [from, to] = [overlay.text(low), overlay.text(high)];
  return from === to ? [t("all {value}", { value: from }), ""] : [from, to];
}

/** So many colors of the scale, from its low to its high end. */
export function scaleOf(/** @type {Heat} */ { low, high }, /** @type {number} */ count, /** @type {boolean} */ dark) {
  return Array.from({ length: count }, (_, i) => heatColor(low === high ? 0.5 : i / (count - 1), dark));
}

/** Black or white, whichever can be read on a color: by its relative luminance (WCAG 2.2). */
export function inkOn(/** @type {string} */ color) {
  const [r, g, b] = parts(color).map((part) => {
    const c = part / 255;
    return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.179 ? "#000000" : "#ffffff";
}

export function mix(/** @type {string} */ a, /** @type {string} */ b, /** @type {number} */ t) {
  const [x, y] = [parts(a), parts(b)];
  return (
    "#" +
    x
      .map((part, i) =>
        Math.round(part + (y[i] - part) * t)
          .toString(16)
          .padStart(2, "0"),
      )
      .join("")
  );
}

function parts(/** @type {string} */ color) {
  return [1, 3, 5].map((i) => parseInt(color.slice(i, i + 2), 16));
}
