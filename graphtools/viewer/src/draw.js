// Draws a scene on a canvas: only what is on the screen, and only what is large enough to be read.

import { FONTS } from "./measure.js";
import { drawBox, drawFrame, drawFrameTitle } from "./draw_boxes.js";
import { drawLines } from "./draw_lines.js";

/** @typedef {import("./scene.js").Scene} Scene */
/** @typedef {import("./scene.js").SceneBox} SceneBox */
/** @typedef {import("./theme.js").Theme} Theme */
/** @typedef {import("./camera.js").View} View */

/**
 * @typedef {object} Look What is marked while drawing.
 * @property {Theme} theme
 * @property {import("./measure.js").Measure} measure
 * @property {number} selected item, or -1
 * @property {number} hovered
 * @property {{incoming: Set<number>, outgoing: Set<number>}} marked lines of the selected or hovered box
 * @property {import("./moment.js").MomentView | null} moment where the run stands; null without one
 * @property {((item: number) => string | null) | null} heat color of each box by a number; null by its kind
 * @property {(item: number) => CanvasImageSource | null} thumbnail a small picture of what a box gave
 * @property {(item: number) => boolean} [isEdited] it, or something in it, was changed by an edit
 * @property {(item: number) => boolean} [isFrozen] its parameters are not trained, while others are
 * @property {(item: number) => boolean} hasBreakpoint
 */

const SMALL_TEXT_SCALE = 0.55;

/**
 * @param {CanvasRenderingContext2D} context scaled for the device's pixels
 * @param {Scene} scene
 * @param {View} view
 * @param {number} width of the canvas in CSS pixels
 * @param {number} height
 * @param {Look} look
 * @param {boolean} dots whether the page is dotted
 */
export function drawScene(context, scene, view, width, height, look, dots = true) {
  const { theme } = look;
  context.fillStyle = theme.page;
  context.fillRect(0, 0, width, height);
  if (dots && view.scale > 0.3) drawDots(context, view, width, height, theme);
  context.save();
  context.scale(view.scale, view.scale);
  context.translate(-view.x, -view.y);
  const screen = {
    left: view.x,
    top: view.y,
    right: view.x + width / view.scale,
    bottom: view.y + height / view.scale,
  };
  const seen = scene.boxes.filter(
    (b) => b.x < screen.right && b.x + b.width > screen.left && b.y < screen.bottom && b.y + b.height + 6 > screen.top,
  );
  const open = seen.filter((box) => box.open);
  for (const box of open) drawFrame(context, box, view.scale, look);
  drawLines(context, scene, view.scale, screen, look);
  for (const box of open) drawFrameTitle(context, box, view.scale, look);
  for (const box of seen) if (!box.open) drawBox(context, box, view.scale, look);
  if (view.scale >= SMALL_TEXT_SCALE) drawLabels(context, scene, screen, look);
  context.restore();
}

function drawDots(
  /** @type {CanvasRenderingContext2D} */ context,
  /** @type {View} */ view,
  /** @type {number} */ width,
  /** @type {number} */ height,
  /** @type {Theme} */ theme,
) {
  const step = 24 * view.scale * (view.scale < 0.6 ? 2 : 1);
  const startX = -((view.x * view.scale) % step);
  const startY = -((view.y * view.scale) % step);
  context.fillStyle = theme.dots;
  for (let x = startX; x < width; x += step)
    for (let y = startY; y < height; y += step) context.fillRect(x, y, 1.5, 1.5);
}

function drawLabels(
  /** @type {CanvasRenderingContext2D} */ context,
  /** @type {Scene} */ scene,
  /** @type {{left: number, top: number, right: number, bottom: number}} */ screen,
  /** @type {Look} */ look,
) {
  context.font = FONTS.label;
  context.textBaseline = "middle";
  context.textAlign = "left";
  context.fillStyle = look.theme.label;
  for (const label of scene.labels) {
    if (
      label.x > screen.right ||
      label.x + label.width < screen.left ||
      label.y > screen.bottom ||
      label.y < screen.top
    )
      continue;
    context.fillText(label.text, label.x, label.y);
  }
}
