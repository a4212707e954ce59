// The whole picture as a file: PNG pixels or SVG shapes, drawn by the same code as the screen.

import { t } from "./language.js";
import { drawScene } from "./draw.js";
import { SvgContext } from "./svg_context.js";

/** @typedef {import("./viewer.js").Viewer} Viewer */

const MARGIN = 24;
const MOST_SIDE = 16000; // pixels; browsers refuse larger canvases
const SCALE = 2;

/** Saves the picture as PNG, at twice its size unless that is more than a canvas can hold. */
export function savePng(/** @type {Viewer} */ viewer) {
  const { width, height } = sizeOf(viewer);
  const scale = Math.min(SCALE, MOST_SIDE / width, MOST_SIDE / height);
  const canvas = document.createElement("canvas");
  canvas.width = Math.ceil(width * scale);
  canvas.height = Math.ceil(height * scale);
  const context = canvas.getContext("2d");
  if (!context) return;
  context.scale(scale, scale);
  paint(context, viewer);
  canvas.toBlob((blob) => {
    if (blob) download(blob, `${fileName(viewer)}.png`);
    else viewer.chrome.tell(t("The picture is too large for this browser. Close some groups, or save it as SVG."));
  });
}

/** Saves the picture as SVG. */
export function saveSvg(/** @type {Viewer} */ viewer) {
  download(new Blob([svgText(viewer)], { type: "image/svg+xml" }), `${fileName(viewer)}.svg`);
}

/** The picture as SVG text. */
export function svgText(/** @type {Viewer} */ viewer) {
  const { width, height } = sizeOf(viewer);
  const context = new SvgContext();
  paint(/** @type {any} */ (context), viewer);
  return context.toString(width, height);
}

function paint(/** @type {CanvasRenderingContext2D} */ context, /** @type {Viewer} */ viewer) {
  const { width, height } = sizeOf(viewer);
  const view = { x: -MARGIN, y: -MARGIN, scale: 1 };
  drawScene(context, viewer.scene, view, width, height, { ...viewer.look(), hovered: -1 }, false);
}

function sizeOf(/** @type {Viewer} */ { scene }) {
  return { width: scene.width + 2 * MARGIN, height: scene.height + 2 * MARGIN };
}

function fileName(/** @type {Viewer} */ viewer) {
  return (viewer.model.capture.model || "graph").replace(/[^\w.-]+/g, "_").slice(0, 80);
}

function download(/** @type {Blob} */ blob, /** @type {string} */ name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
