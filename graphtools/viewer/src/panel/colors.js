// Color maps for heat maps: told apart by lightness alone, so also by those who do not see the hues.

/** @typedef {[number, number, number]} Rgb */

const hex = (/** @type {string} */ color) =>
  /** @type {Rgb} */ ([1, 3, 5].map((i) => parseInt(color.slice(i, i + 2), 16)));

// From dark violet through red and orange to pale yellow, after matplotlib's inferno.
const ONE_SIGN = ["#0b0724", "#3b0f70", "#8c2981", "#de4968", "#fe9f6d", "#fcfdbf"].map(hex);
// Blue, white, red: zero is the lightest.
const TWO_SIGNS = ["#1c4a94", "#5b8fce", "#b9d3ec", "#f6f4f0", "#f2bda4", "#d9654f", "#98182b"].map(hex);

/** Colors of what is not finite, which no map has: told apart by lightness too. */
export const SPECIAL = /** @type {{name: string, color: Rgb, is: (value: number) => boolean}[]} */ ([
  { name: "NaN", color: [0, 200, 90], is: (value) => Number.isNaN(value) },
  { name: "+∞", color: [0, 235, 255], is: (value) => value === Infinity },
  { name: "−∞", color: [0, 95, 115], is: (value) => value === -Infinity },
]);

/** Whether values from `low` to `high` have two signs, and so are colored around zero. */
export function isSigned(/** @type {number} */ low, /** @type {number} */ high) {
  return low < 0 && high > 0;
}

/** The color of a value in the range from `low` to `high`. @returns {Rgb} */
export function colorOf(/** @type {number} */ value, /** @type {number} */ low, /** @type {number} */ high) {
  for (const { color, is } of Number.isFinite(value) ? [] : SPECIAL) if (is(value)) return color;
  if (isSigned(low, high)) {
    const most = Math.max(-low, high);
    return mixed(TWO_SIGNS, (value / most + 1) / 2);
  }
  return mixed(ONE_SIGN, high > low ? (value - low) / (high - low) : 0);
}

function mixed(/** @type {Rgb[]} */ stops, /** @type {number} */ at) {
  const place = Math.max(0, Math.min(1, at)) * (stops.length - 1);
  const i = Math.min(stops.length - 2, Math.floor(place));
  return /** @type {Rgb} */ (stops[i].map((part, k) => Math.round(part + (stops[i + 1][k] - part) * (place - i))));
}

/** A color as CSS knows it. */
export function css(/** @type {Rgb} */ rgb) {
  return `rgb(${rgb.join(" ")})`;
}
