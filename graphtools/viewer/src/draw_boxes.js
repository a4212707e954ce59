// Boxes on the canvas: operations, closed groups, and the frames of open ones.

import { drawPencil } from "./edited.js";
import { drawLock } from "./frozen.js";
import { FONTS, elide } from "./measure.js";
import { inkOn } from "./overlay.js";
import { categoryColor } from "./theme.js";

/** @typedef {import("./scene.js").SceneBox} SceneBox */
/** @typedef {import("./draw.js").Look} Look */

const TEXT_SCALE = 0.42; // below, 13 px text is under 5.5 px on the screen
const SMALL_TEXT_SCALE = 0.55;
const ROUND_SCALE = 0.18;
const FADED_WORDS = 0.7; // ... where its color stands for a number
const FADED = 0.5; // of what has not run yet
const THUMB = 32; // pixels of the small picture of a value

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
  /** @type {string} */ color,
) {
  const width = Math.max(5, 2 / scale);
  context.strokeStyle = color + "66";
  context.lineWidth = width;
  box(context, b.x - width / 2, b.y - width / 2, b.width + width, b.height + width, 9);
  context.stroke();
}

/** The current event has a ring in the ring's color; without a run, or beside it, the selection has one. */
function ringColor(/** @type {SceneBox} */ b, /** @type {Look} */ look) {
  const { moment, theme, selected } = look;
  if (moment && moment.current === b.item) return theme.ring;
  if (selected === b.item) return moment ? theme.accent : theme.ring;
  return "";
}

export function drawFrame(
  /** @type {CanvasRenderingContext2D} */ context,
  /** @type {SceneBox} */ b,
  /** @type {number} */ scale,
  /** @type {Look} */ look,
) {
  const { theme } = look;
  context.fillStyle = theme.frames[Math.min(b.depth - 1, theme.frames.length - 1)];
  const ring = ringColor(b, look);
  context.strokeStyle = b.failed ? theme.failed : ring || theme.frameBorder;
  context.lineWidth = ring ? 2 : 1;
  box(context, b.x, b.y, b.width, b.height, scale > ROUND_SCALE ? 9 : 0);
  context.fill();
  context.stroke();
  if (ring) drawRing(context, b, scale, ring);
}

/** The title of an open group, in the gaps that the lines through its top leave, else on a plate above them. */
export function drawFrameTitle(
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
    // A title makes way for lines only where what follows it has room there too.
    const rest = font === "title" && b.words.subtitle ? 7 + measure(b.words.subtitle, "detail") : 0;
    const fits = after + measure(text, font) + rest <= right;
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

export function drawBox(
  /** @type {CanvasRenderingContext2D} */ context,
  /** @type {SceneBox} */ b,
  /** @type {number} */ scale,
  /** @type {Look} */ look,
) {
  const { theme, moment } = look;
  const color = b.failed ? theme.failed : b.group ? theme.group : categoryColor(theme, b.category);
  const heat = look.heat?.(b.item) ?? null;
  const radius = scale > ROUND_SCALE ? 6 : 0;
  const ring = ringColor(b, look);
  const future = moment?.isFuture(b.item) ?? false;
  // Colors that stand for numbers are not faded: they are compared with the legend.
  const alpha = future && !heat ? FADED : 1;
  context.globalAlpha = alpha;
  if (scale < ROUND_SCALE) {
    context.fillStyle = heat ?? color;
    context.fillRect(b.x, b.y, b.width, b.height);
    context.globalAlpha = 1;
    if (ring) drawRing(context, b, scale, ring);
    return;
  }
  if (ring) drawRing(context, b, scale, ring);
  context.lineWidth = look.hovered === b.item || ring ? 2 : 1.2;
  context.strokeStyle = color;
  if (b.group && b.alike > 1) drawStack(context, b, radius, alpha, look);
  drawPlate(context, b, scale, radius, color, heat, look);
  if (moment) drawProgress(context, b, radius, look);
  context.strokeStyle = color;
  box(context, b.x, b.y, b.width, b.height, radius);
  context.stroke();
  if (future) context.globalAlpha = heat ? FADED_WORDS : FADED;
  if (scale >= TEXT_SCALE) drawWords(context, b, scale, heat, look);
  if (scale >= TEXT_SCALE && look.isFrozen?.(b.item)) drawLock(context, b.x + 2, b.y + b.height - 2, theme);
  context.globalAlpha = 1;
  if (scale >= TEXT_SCALE && look.isEdited?.(b.item)) drawPencil(context, b.x + b.width - 2, b.y + 2, theme);
  if (look.hasBreakpoint(b.item)) drawBreakpoint(context, b, look);
}

/** Two more plates behind a group that occurs several times. */
function drawStack(
  /** @type {CanvasRenderingContext2D} */ context,
  /** @type {SceneBox} */ b,
  /** @type {number} */ radius,
  /** @type {number} */ alpha,
  /** @type {Look} */ look,
) {
  for (const shift of [5, 2.5]) {
    context.globalAlpha = alpha * (shift > 3 ? 0.5 : 0.8);
    context.fillStyle = look.theme.box;
    box(context, b.x + shift, b.y + shift, b.width, b.height, radius);
    context.fill();
    context.stroke();
  }
  context.globalAlpha = alpha;
}

/** The plate of a box, with the strip that says of which kind it is. */
function drawPlate(
  /** @type {CanvasRenderingContext2D} */ context,
  /** @type {SceneBox} */ b,
  /** @type {number} */ scale,
  /** @type {number} */ radius,
  /** @type {string} */ color,
  /** @type {string | null} */ heat,
  /** @type {Look} */ look,
) {
  context.fillStyle = heat ?? look.theme.box;
  box(context, b.x, b.y, b.width, b.height, radius);
  context.fill();
  if (scale < TEXT_SCALE && !heat) {
    // Without its words a box needs more of its color.
    context.fillStyle = color + "59";
    context.fill();
  }
  if (b.failed) {
    context.fillStyle = look.theme.failed + "1f";
    context.fill();
  }
  context.fillStyle = color;
  if (radius) {
    // The strip has the corners of the plate.
    context.beginPath();
    if (b.group) context.roundRect(b.x, b.y, b.width, 4, [radius, radius, 0, 0]);
    else context.roundRect(b.x, b.y, 6, b.height, [radius, 0, 0, radius]);
    context.fill();
  } else context.fillRect(b.x, b.y, b.group ? b.width : 6, b.group ? 4 : b.height);
}

/** At the right edge: that the gradient has arrived, and below it that the parameters were updated. */
function drawProgress(
  /** @type {CanvasRenderingContext2D} */ context,
  /** @type {SceneBox} */ b,
  /** @type {number} */ radius,
  /** @type {Look} */ look,
) {
  const { moment, theme } = look;
  if (!moment?.isReached(b.item)) return;
  const x = b.x + b.width - 4;
  context.fillStyle = theme.gradient;
  context.beginPath();
  context.roundRect(x, b.y, 4, b.height, [0, radius, radius, 0]);
  context.fill();
  if (!moment.isUpdated(b.item)) return;
  context.fillStyle = theme.update;
  context.beginPath();
  context.roundRect(x, b.y + b.height / 2, 4, b.height / 2, [0, 0, radius, 0]);
  context.fill();
}

function drawBreakpoint(
  /** @type {CanvasRenderingContext2D} */ context,
  /** @type {SceneBox} */ b,
  /** @type {Look} */ look,
) {
  context.fillStyle = look.theme.failed;
  context.strokeStyle = look.theme.page;
  context.lineWidth = 1.5;
  context.beginPath();
  context.arc(b.x + 1, b.y + 1, 6.5, 0, 2 * Math.PI);
  context.fill();
  context.stroke();
}

function drawWords(
  /** @type {CanvasRenderingContext2D} */ context,
  /** @type {SceneBox} */ b,
  /** @type {number} */ scale,
  /** @type {string | null} */ heat,
  /** @type {Look} */ look,
) {
  const { theme, measure } = look;
  const ink = heat ? inkOn(heat) : theme.text;
  const faint = heat ? ink : theme.muted;
  const picture = b.thumb && scale >= SMALL_TEXT_SCALE ? look.thumbnail(b.item) : null;
  // A group has its sign at the right, so its picture stands at the left.
  const isLeft = b.thumb && b.group;
  if (picture) {
    context.imageSmoothingEnabled = false;
    const x = isLeft ? b.x + 9 : b.x + b.width - THUMB - 9;
    context.drawImage(picture, x, b.y + (b.height - THUMB) / 2 + (isLeft ? 2 : 0), THUMB, THUMB);
  }
  context.textBaseline = "middle";
  context.textAlign = "left";
  const left = b.x + (isLeft ? THUMB + 18 : 14);
  const end = b.x + b.width - (b.thumb && !isLeft ? THUMB + 14 : 10);
  const right = b.group ? b.x + b.width - 28 : end;
  const y = b.y + (b.group ? 19 : 16);
  const title = elide(b.words.title, right - left, "title", measure);
  context.font = FONTS.title;
  context.fillStyle = ink;
  context.fillText(title, left, y);
  if (b.words.detail) {
    const x = left + measure(title, "title") + 7;
    context.font = FONTS.detail;
    context.fillStyle = faint;
    context.fillText(elide(b.words.detail, right - x, "detail", measure), x, y);
  }
  if (b.group) drawSign(context, b.x + b.width - 16, y, true, heat ? ink : theme.group);
  if (scale < SMALL_TEXT_SCALE) return;
  context.font = FONTS.subtitle;
  context.fillStyle = faint;
  const markWidth = b.words.mark ? measure(b.words.mark, "subtitle") + 12 : 0;
  const low = b.y + (b.group ? 37 : 32);
  context.fillText(elide(b.words.subtitle, end - left - markWidth, "subtitle", measure, !b.group), left, low);
  if (b.words.mark) {
    context.textAlign = "right";
    context.fillStyle = heat ? ink : theme.group;
    context.fillText(b.words.mark, end, low);
  }
}
