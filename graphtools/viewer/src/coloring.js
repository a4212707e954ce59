// The boxes colored by a number, as a person chose in the bar: gets the numbers, keeps the heat map.

import { t } from "./language.js";
import { DIFFERENCE, OVERLAYS, heatColor, heatOf, level, mix, ownMetric } from "./overlay.js";

const [SOME, ALL] = [1, 2];

/** Of each item, whether all, some or none of its operations are among these rows. */
function aloneItems(/** @type {import("./tree.js").Tree} */ { items, ofNode }, /** @type {number[]} */ rows) {
  const found = new Uint8Array(items.length);
  for (const row of rows) found[ofNode[row]] = ALL;
  for (let i = items.length - 1; i >= 0; i--) {
    const { children } = items[i];
    if (!children.some((child) => found[child])) continue;
    found[i] = children.every((child) => found[child] === ALL) ? ALL : SOME;
  }
  return found;
}

export class Coloring {
  /**
   * @param {import("./viewer.js").Viewer} viewer
   * @param {(number | null)[]} [differences] by row
   * @param {number[]} [alone] rows that what it is compared with does not have
   */
  constructor(viewer, differences, alone = []) {
    this.viewer = viewer;
    this.differences = differences ?? null;
    this.alone = aloneItems(viewer.tree, alone);
    this.heat = /** @type {import("./overlay.js").Heat | null} */ (null);
    this.wanted = "";
  }

  /** Colors by an overlay of that name; "" by kind. Numbers that are made of tensors come from the host. */
  async choose(/** @type {string} */ name) {
    const { viewer } = this;
    this.wanted = name;
    const overlay = [...OVERLAYS, DIFFERENCE].find((found) => found.name === name);
    let rows =
      overlay === DIFFERENCE
        ? (this.differences ?? [])
        : overlay
          ? ownMetric(name, viewer.model, viewer.stepping?.run ?? null)
          : null;
    if (overlay && !rows && viewer.stepping) {
      viewer.chrome.tell(t("Computing: {label} …", { label: t(overlay.label) }));
      try {
        rows = (await viewer.stepping.loadMetrics())[name] ?? null;
        viewer.chrome.tell("");
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error);
        viewer.chrome.tell(t("{label} could not be computed: {why}", { label: t(overlay.label), why }));
      }
      if (this.wanted !== name) return; // something else was chosen meanwhile
    }
    this.heat = overlay && rows ? heatOf(overlay, viewer.tree, rows) : null;
    this.show();
    viewer.redraw();
  }

  /** Shows the legend, also after the theme has changed. */
  show() {
    this.viewer.chrome.showLegend(this.heat, this.viewer.theme);
    if (this.viewer.folding) this.viewer.cover();
  }

  /** The color of an item; null where it has no number. */
  colorOf(/** @type {number} */ item) {
    if (!this.heat) return null;
    if (this.heat.overlay === DIFFERENCE && this.alone[item]) {
      const { theme } = this.viewer;
      return this.alone[item] === ALL ? theme.alone : mix(theme.alone, theme.box, 0.6);
    }
    const at = level(this.heat, this.heat.values[item]);
    return Number.isNaN(at) ? null : heatColor(at, this.viewer.theme.dark);
  }

  /** The number of an item in words; "" where it has none. */
  words(/** @type {number} */ item) {
    if (this.heat?.overlay === DIFFERENCE && this.alone[item]) {
      return this.alone[item] === ALL ? t("only here") : t("something in it is only here");
    }
    const value = this.heat?.values[item] ?? NaN;
    return this.heat && !Number.isNaN(value) ? `${t(this.heat.overlay.label)}: ${this.heat.overlay.text(value)}` : "";
  }
}
