// The boxes colored by a number, as a person chose in the bar: gets the numbers, keeps the heat map.

import { t } from "./language.js";
import { DIFFERENCE, OVERLAYS, heatColor, heatOf, level, ownMetric } from "./overlay.js";

export class Coloring {
  /**
   * @param {import("./viewer.js").Viewer} viewer
   * @param {(number | null)[]} [differences] by row
   * @param {number[]} [alone] rows that what it is compared with does not have
   */
  constructor(viewer, differences, alone = []) {
    this.viewer = viewer;
    this.differences = differences ?? null;
    this.alone = new Set(alone.map((row) => viewer.tree.ofNode[row]));
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
  }

  /** The color of an item; null where it has no number. */
  colorOf(/** @type {number} */ item) {
    if (!this.heat) return null;
    if (this.heat.overlay === DIFFERENCE && this.alone.has(item)) return this.viewer.theme.alone;
    const at = level(this.heat, this.heat.values[item]);
    return Number.isNaN(at) ? null : heatColor(at, this.viewer.theme.dark);
  }

  /** The number of an item in words; "" where it has none. */
  words(/** @type {number} */ item) {
    if (this.heat?.overlay === DIFFERENCE && this.alone.has(item)) return t("only here");
    const value = this.heat?.values[item] ?? NaN;
    return this.heat && !Number.isNaN(value) ? `${t(this.heat.overlay.label)}: ${this.heat.overlay.text(value)}` : "";
  }
}
