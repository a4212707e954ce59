// Draws a scene on a canvas: only what is on the screen, and only what is large enough to be read.

import { FONTS, elide } from "./measure.js";
import { categoryColor } from "./theme.js";

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
 */

const TEXT_SCALE = 0.42; // below, 13 px text is under 5.5 px on the screen
const SMALL_TEXT_SCALE = 0.55;
const ROUND_SCALE = 0.18;
const ARROW_SCALE = 0.25;
const CORNER = 9; // radius where a line turns

/**
 * @param {CanvasRenderingContext2D} context scaled for the device's pixels
 * @param {Scene} scene
 * @param {View} view
 * @param {number} width of the canvas in CSS pixels
 * @param {number} height
 * @param {Look} look
 */
export function drawScene(context, scene, view, width, height, look) {
  const { theme } = look;
  context.fillStyle = theme.page;
  context.fillRect(0, 0, width, height);
  if (view.scale > 0.3) drawDots(context, view, width, height, theme);
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

function box(
  /** @type {CanvasRenderingContext2D} */ context,
  /** @type {number} */ x,
  /** @type {number} */ y,
  /** @type {number} */ w,
  /** @type {number} */ h,
  /** @type {number} */ radius,
) {
  context.beginPath();
  if (radius) context.roundRect(x, y, w, h, radius);
  else context.rect(x, y, w, h);
}

function drawRing(
  /** @type {CanvasRenderingContext2D} */ context,
  /** @type {SceneBox} */ b,
  /** @type {number} */ scale,
  /** @type {Look} */ look,
) {
  const width = Math.max(5, 2 / scale);
  context.strokeStyle = look.theme.ring + "66";
  context.lineWidth = width;
  box(context, b.x - width / 2, b.y - width / 2, b.width + width, b.height + width, 9);
  context.stroke();
}

function drawFrame(
  /** @type {CanvasRenderingContext2D} */ context,
  /** @type {SceneBox} */ b,
  /** @type {number} */ scale,
  /** @type {Look} */ look,
) {
  const { theme } = look;
  context.fillStyle = theme.frames[Math.min(b.depth - 1, theme.frames.length - 1)];
  context.strokeStyle = b.failed ? theme.failed : look.selected === b.item ? theme.ring : theme.frameBorder;
  context.lineWidth = look.selected === b.item ? 2 : 1;
  box(context, b.x, b.y, b.width, b.height, scale > ROUND_SCALE ? 9 : 0);
  context.fill();
  context.stroke();
  if (look.selected === b.item) drawRing(context, b, scale, look);
}

/** The title of an open group, in the gaps that the lines through its top leave, else on a plate above them. */
function drawFrameTitle(
  /** @type {CanvasRenderingContext2D} */ context,
  /** @type {SceneBox} */ b,
  /** @type {number} */ scale,
  /** @type {Look} */ look,
) {
  const { theme, measure } = look;
  if (scale < TEXT_SCALE) return;
  const y = b.y + 16;
  const right = b.x + b.width - 10;
  context.textBaseline = "middle";
  context.textAlign = "left";
  drawSign(context, b.x + 15, y, false, theme.muted);
  let x = b.x + 26;
  const parts = /** @type {[string, "title" | "detail", string][]} */ ([
    [b.words.title, "title", theme.text],
    [b.words.subtitle, "detail", theme.muted],
  ]);
  for (const [text, font, color] of parts) {
    if (!text || x > right - 16) continue;
    const crossing = b.ports.filter((port) => port > x - 6 && port < x + measure(text, font) + 6);
    const after = crossing.length ? Math.max(...crossing) + 8 : x;
    const fits = after + measure(text, font) <= right;
    if (fits) x = after;
    const shown = elide(text, right - x, font, measure);
    const width = measure(shown, font);
    if (crossing.length && !fits) {
      context.fillStyle = theme.frames[Math.min(b.depth - 1, theme.frames.length - 1)];
      context.fillRect(x - 3, y - 9, width + 6, 18);
    }
    context.font = FONTS[font];
    context.fillStyle = color;
    context.fillText(shown, x, y + 0.5);
    x += width + 7;
  }
}

function drawSign(
  /** @type {CanvasRenderingContext2D} */ context,
  /** @type {number} */ x,
  /** @type {number} */ y,
  /** @type {boolean} */ plus,
  /** @type {string} */ color,
) {
  context.strokeStyle = color;
  context.lineWidth = 1.8;
  context.beginPath();
  context.moveTo(x - 4, y);
  context.lineTo(x + 4, y);
  if (plus) {
    context.moveTo(x, y - 4);
    context.lineTo(x, y + 4);
  }
  context.stroke();
}

function drawBox(
  /** @type {CanvasRenderingContext2D} */ context,
  /** @type {SceneBox} */ b,
  /** @type {number} */ scale,
  /** @type {Look} */ look,
) {
  const { theme, measure } = look;
  const color = b.failed ? theme.failed : b.group ? theme.group : categoryColor(theme, b.category);
  const radius = scale > ROUND_SCALE ? 6 : 0;
  if (scale < ROUND_SCALE) {
    context.fillStyle = color;
    context.fillRect(b.x, b.y, b.width, b.height);
    if (look.selected === b.item) drawRing(context, b, scale, look);
    return;
  }
  if (look.selected === b.item) drawRing(context, b, scale, look);
  context.lineWidth = look.hovered === b.item || look.selected === b.item ? 2 : 1.2;
  context.strokeStyle = color;
  if (b.group && b.alike > 1) {
    for (const shift of [5, 2.5]) {
      context.globalAlpha = shift > 3 ? 0.5 : 0.8;
      context.fillStyle = theme.box;
      box(context, b.x + shift, b.y + shift, b.width, b.height, radius);
      context.fill();
      context.stroke();
    }
    context.globalAlpha = 1;
  }
  context.fillStyle = theme.box;
  box(context, b.x, b.y, b.width, b.height, radius);
  context.fill();
  if (scale < TEXT_SCALE) {
    // Without its words a box needs more of its color.
    context.fillStyle = color + "59";
    context.fill();
  }
  context.save();
  context.clip();
  context.fillStyle = color;
  if (b.group) context.fillRect(b.x, b.y, b.width, 4);
  else context.fillRect(b.x, b.y, 6, b.height);
  context.restore();
  if (b.failed) {
    context.fillStyle = theme.failed + "1f";
    context.fill();
  }
  box(context, b.x, b.y, b.width, b.height, radius);
  context.stroke();
  if (scale < TEXT_SCALE) return;
  context.textBaseline = "middle";
  context.textAlign = "left";
  const left = b.x + 14;
  const right = b.x + b.width - (b.group ? 28 : 10);
  const y = b.y + (b.group ? 19 : 16);
  const title = elide(b.words.title, right - left, "title", measure);
  context.font = FONTS.title;
  context.fillStyle = theme.text;
  context.fillText(title, left, y);
  if (b.words.detail) {
    const x = left + measure(title, "title") + 7;
    context.font = FONTS.detail;
    context.fillStyle = theme.muted;
    context.fillText(elide(b.words.detail, right - x, "detail", measure), x, y);
  }
  if (b.group) drawSign(context, b.x + b.width - 16, y, true, theme.group);
  if (scale < SMALL_TEXT_SCALE) return;
  context.font = FONTS.subtitle;
  context.fillStyle = theme.muted;
  const markWidth = b.words.mark ? measure(b.words.mark, "subtitle") + 12 : 0;
  const low = b.y + (b.group ? 37 : 32);
  context.fillText(
    elide(b.words.subtitle, b.x + b.width - 10 - left - markWidth, "subtitle", measure, !b.group),
    left,
    low,
  );
  if (b.words.mark) {
    context.textAlign = "right";
    context.fillStyle = theme.group;
    context.fillText(b.words.mark, b.x + b.width - 10, low);
  }
}

function drawLines(
  /** @type {CanvasRenderingContext2D} */ context,
  /** @type {Scene} */ scene,
  /** @type {number} */ scale,
  /** @type {{left: number, top: number, right: number, bottom: number}} */ screen,
  /** @type {Look} */ look,
) {
  const { theme, marked } = look;
  const plain = /** @type {number[]} */ ([]);
  const special = /** @type {[number, string][]} */ ([]);
  scene.lines.forEach((line, index) => {
    if (line.left > screen.right || line.right < screen.left || line.top > screen.bottom || line.bottom < screen.top)
      return;
    if (marked.incoming.has(index)) special.push([index, theme.incoming]);
    else if (marked.outgoing.has(index)) special.push([index, theme.outgoing]);
    else plain.push(index);
  });
  context.lineJoin = "round";
  context.strokeStyle = context.fillStyle = theme.line;
  context.lineWidth = Math.max(1.2, 0.6 / scale);
  // Sizes and flags flow beside the tensors and look lighter.
  for (const tensor of [false, true]) {
    const lines = plain.map((index) => scene.lines[index]).filter((line) => line.tensor === tensor);
    context.globalAlpha = tensor ? 1 : 0.55;
    context.beginPath();
    for (const line of lines) trace(context, line, scale);
    context.stroke();
    if (scale > ARROW_SCALE) for (const line of lines) drawArrow(context, line);
  }
  context.globalAlpha = 1;
  for (const [index, color] of special) {
    context.strokeStyle = context.fillStyle = color;
    context.lineWidth = Math.max(2.2, 1.4 / scale);
    context.beginPath();
    trace(context, scene.lines[index], scale);
    context.stroke();
    if (scale > ARROW_SCALE) drawArrow(context, scene.lines[index]);
  }
}

/** Adds a line to the path, its turns rounded. An arrow's line stops where its head begins. */
function trace(
  /** @type {CanvasRenderingContext2D} */ context,
  /** @type {import("./scene.js").SceneLine} */ line,
  /** @type {number} */ scale,
) {
  const { points } = line;
  const last = points.length - 1;
  const endY = points[last][1] - (line.target >= 0 && scale > ARROW_SCALE ? 5 : 0);
  context.moveTo(points[0][0], points[0][1]);
  for (let i = 1; i < last; i++) {
    const [x, y] = points[i];
    const before = Math.abs(x - points[i - 1][0]) + Math.abs(y - points[i - 1][1]);
    const after = Math.abs(x - points[i + 1][0]) + Math.abs(y - points[i + 1][1]);
    const radius = Math.min(CORNER, before / (i > 1 ? 2 : 1), after / (i + 1 < last ? 2 : 1));
    context.arcTo(x, y, points[i + 1][0], points[i + 1][1], radius);
  }
  context.lineTo(points[last][0], endY);
}

function drawArrow(
  /** @type {CanvasRenderingContext2D} */ context,
  /** @type {import("./scene.js").SceneLine} */ line,
) {
  if (line.target < 0) return;
  const [x, y] = line.points[line.points.length - 1];
  context.beginPath();
  context.moveTo(x, y - 0.5);
  context.lineTo(x - 4, y - 7.5);
  context.lineTo(x + 4, y - 7.5);
  context.fill();
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
