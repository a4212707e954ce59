// The whole picture as a file: PNG pixels or SVG shapes, drawn by the same code as the screen.

import { t } from "./language.js";
import { drawScene } from "./draw.js";
import { FONTS, estimateWidth } from "./measure.js";
import { endsInWords, scaleOf } from "./overlay.js";
import { SvgContext } from "./svg_context.js";

/** @typedef {import("./viewer.js").Viewer} Viewer */

const MARGIN = 24;
const MOST_SIDE = 16000; // pixels; browsers refuse larger canvases
const SCALE = 2;
const SCALE_GAP = 18; // between the picture and the scale of an overlay
const LEAST_SCALE_WIDTH = 400; // that this scale needs
const STRIPES = 16;
const STRIPE_WIDTH = 7;

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
  const heat = scaledHeat(viewer);
  if (heat) drawScale(context, heat, MARGIN, viewer.scene.height + MARGIN + SCALE_GAP, viewer.theme);
}

/** What the colors of an overlay stand for, in one line below the picture. */
function drawScale(
  /** @type {CanvasRenderingContext2D} */ context,
  /** @type {import("./overlay.js").Heat} */ heat,
  /** @type {number} */ x,
  /** @type {number} */ y,
  /** @type {import("./theme.js").Theme} */ theme,
) {
  const [from, to] = endsInWords(heat);
  const write = (/** @type {string} */ text, /** @type {keyof typeof FONTS} */ font) => {
    context.font = FONTS[font];
    context.fillStyle = font === "title" ? theme.text : theme.muted;
    context.fillText(text, x, y);
    x += estimateWidth(text, font) + 10;
  };
  context.textBaseline = "middle";
  context.textAlign = "left";
  write(t(heat.overlay.label), "title");
  write(from, "label");
  for (const color of scaleOf(heat, STRIPES, theme.dark)) {
    context.fillStyle = color;
    context.fillRect(x, y - 5, STRIPE_WIDTH, 10);
    x += STRIPE_WIDTH;
  }
  x += 10;
  if (to) write(to, "label");
}

/** The overlay whose numbers color the boxes; null for none, or if it has no number. */
function scaledHeat(/** @type {Viewer} */ { coloring: { heat } }) {
  return heat && heat.high >= heat.low ? heat : null;
}

function sizeOf(/** @type {Viewer} */ viewer) {
  const { scene } = viewer;
  const heat = scaledHeat(viewer);
  const below = heat ? SCALE_GAP + 8 : 0;
  const width = heat ? Math.max(scene.width, LEAST_SCALE_WIDTH) : scene.width;
  return { width: width + 2 * MARGIN, height: scene.height + below + 2 * MARGIN };
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
