// Colors, light and dark. Categories differ in lightness as well as in hue, and every box also says what it is in words.

/**
 * @typedef {object} Theme
 * @property {boolean} dark
 * @property {string} page
 * @property {string} dots
 * @property {string} box
 * @property {string} text
 * @property {string} muted
 * @property {string} line
 * @property {string} label
 * @property {string[]} frames fill of open groups by depth
 * @property {string} frameBorder
 * @property {string} group border of closed groups
 * @property {string} accent
 * @property {string} incoming
 * @property {string} outgoing
 * @property {string} failed
 * @property {string} ring
 * @property {string} gradient
 * @property {string} update
 * @property {string} alone what only one of two graphs has
 * @property {Record<import("./run.js").Phase, string>} phase
 * @property {Record<string, string>} category
 */

const CATEGORY = {
  input: "#8391a5",
  output: "#8391a5",
  convolution: "#2f72c4",
  normalization: "#21998b",
  activation: "#e8873a",
  pooling: "#d2505c",
  linear: "#4f9a44",
  attention: "#8a5cc2",
  recurrent: "#b0479a",
  embedding: "#6a5fd0",
  dropout: "#a69bb5",
  arithmetic: "#8d7664",
  reduction: "#b5793f",
  shape: "#6f8795",
  indexing: "#7d93a1",
  creation: "#9aa34a",
  loss: "#c2a112",
  conversion: "#5fa0b5",
  state: "#8c8fa8",
  other: "#7b8794",
};

/** @type {Theme} */
const LIGHT = {
  dark: false,
  page: "#fbfcfe",
  dots: "#e6ebf2",
  box: "#ffffff",
  text: "#17202e",
  muted: "#5d6b80",
  line: "#94a2b6",
  label: "#64748b",
  frames: ["#f1f5fc", "#e8eff9", "#dfe8f6", "#d6e1f2"],
  frameBorder: "#c3d0e4",
  group: "#556789",
  accent: "#2563c9",
  incoming: "#2563c9",
  outgoing: "#d9730d",
  failed: "#c81e3a",
  ring: "#f59e0b",
  gradient: "#b0309a",
  update: "#2c8a57",
  alone: "#a9cdf7",
  phase: { forward: "#2f6fd6", backward: "#b0309a", update: "#2c8a57" },
  category: CATEGORY,
};

/** @type {Theme} */
const DARK = {
  dark: true,
  page: "#10151d",
  dots: "#1b2330",
  box: "#1a212d",
  text: "#e8edf5",
  muted: "#9aa7ba",
  line: "#5f7089",
  label: "#94a3b8",
  frames: ["#171f2b", "#1d2735", "#243041", "#2b394c"],
  frameBorder: "#35445a",
  group: "#8496b5",
  accent: "#6ba4f8",
  incoming: "#6ba4f8",
  outgoing: "#f2a154",
  failed: "#ff6b81",
  ring: "#fbbf24",
  gradient: "#e479d0",
  update: "#5bc98b",
  alone: "#2b5490",
  phase: { forward: "#5b9bf5", backward: "#e479d0", update: "#5bc98b" },
  category: Object.fromEntries(Object.entries(CATEGORY).map(([name, color]) => [name, lighten(color)])),
};

/** A color half-way to what stands out on a dark page: a fifth of the way to white. */
function lighten(/** @type {string} */ color) {
  const parts = [1, 3, 5].map((i) => parseInt(color.slice(i, i + 2), 16));
  return (
    "#" +
    parts
      .map((part) =>
        Math.round(part + (255 - part) * 0.18)
          .toString(16)
          .padStart(2, "0"),
      )
      .join("")
  );
}

/** @returns {Theme} */
export function themeNamed(/** @type {"light" | "dark"} */ name) {
  return name === "dark" ? DARK : LIGHT;
}

/** The color of a category; one that this viewer does not know looks like "other". */
export function categoryColor(/** @type {Theme} */ theme, /** @type {string} */ category) {
  return theme.category[category] ?? theme.category.other;
}
