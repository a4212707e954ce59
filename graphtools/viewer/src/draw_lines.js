// Lines on the canvas: values flowing down, and gradients flowing back beside them.

/** @typedef {import("./scene.js").Scene} Scene */
/** @typedef {import("./scene.js").SceneLine} SceneLine */
/** @typedef {import("./draw.js").Look} Look */

const ARROW_SCALE = 0.25;
const CORNER = 9; // radius where a line turns
const BESIDE = 5; // how far beside its line a gradient flows

export function drawLines(
  /** @type {CanvasRenderingContext2D} */ context,
  /** @type {Scene} */ scene,
  /** @type {number} */ scale,
  /** @type {{left: number, top: number, right: number, bottom: number}} */ screen,
  /** @type {Look} */ look,
) {
  const { theme, marked, moment } = look;
  const plain = /** @type {number[]} */ ([]);
  const special = /** @type {[number, string][]} */ ([]);
  const gradients = /** @type {{past: number[], now: number[]}} */ ({ past: [], now: [] });
  scene.lines.forEach((line, index) => {
    if (line.left > screen.right || line.right < screen.left || line.top > screen.bottom || line.bottom < screen.top)
      return;
    const gradient = moment?.gradientOn(index);
    if (gradient === "now" || gradient === "past") gradients[gradient].push(index);
    if (marked.incoming.has(index)) special.push([index, theme.incoming]);
    else if (marked.outgoing.has(index)) special.push([index, theme.outgoing]);
    else plain.push(index);
  });
  context.lineJoin = "round";
  context.strokeStyle = context.fillStyle = theme.line;
  context.lineWidth = Math.max(1.2, 0.6 / scale);
  // Sizes and flags flow beside the tensors and look lighter, and so does what has not flowed yet.
  const strength = (/** @type {number} */ index) =>
    (scene.lines[index].tensor ? 2 : 1) - (moment?.isLineFuture(index) ? 0.6 : 0);
  for (const [wanted, alpha] of [
    [0.4, 0.25],
    [1, 0.55],
    [1.4, 0.4],
    [2, 1],
  ]) {
    const lines = plain.filter((index) => strength(index) === wanted).map((index) => scene.lines[index]);
    if (!lines.length) continue;
    context.globalAlpha = alpha;
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
  context.strokeStyle = context.fillStyle = theme.gradient;
  for (const [indexes, width, alpha] of /** @type {[number[], number, number][]} */ ([
    [gradients.past, 1.6, 0.55],
    [gradients.now, 3, 1],
  ])) {
    if (!indexes.length) continue;
    context.globalAlpha = alpha;
    context.lineWidth = Math.max(width, (width * 0.6) / scale);
    context.beginPath();
    for (const index of indexes) trace(context, beside(scene.lines[index]), scale);
    context.stroke();
    if (scale > ARROW_SCALE)
      for (const index of indexes) if (scene.lines[index].parent < 0) drawBackArrow(context, scene.lines[index], width);
  }
  context.globalAlpha = 1;
}

/** The way back along a line: a little to its left, and above where it runs across. @returns {SceneLine} */
function beside(/** @type {SceneLine} */ line) {
  const last = line.points.length - 1;
  const points = /** @type {[number, number][]} */ (
    line.points.map(([x, y], i) => [x - BESIDE, i === 0 || i === last ? y : y - BESIDE])
  );
  return { ...line, points };
}

/** The head of a gradient, which arrives at the bottom of the box that gave the value. */
function drawBackArrow(
  /** @type {CanvasRenderingContext2D} */ context,
  /** @type {SceneLine} */ line,
  /** @type {number} */ width,
) {
  const [x, y] = [line.points[0][0] - BESIDE, line.points[0][1]];
  const size = width > 2 ? 6.5 : 4.5;
  context.beginPath();
  context.moveTo(x, y + 0.5);
  context.lineTo(x - size, y + 2 * size);
  context.lineTo(x + size, y + 2 * size);
  context.fill();
}

/** Adds a line to the path, its turns rounded. An arrow's line stops where its head begins. */
function trace(
  /** @type {CanvasRenderingContext2D} */ context,
  /** @type {SceneLine} */ line,
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

function drawArrow(/** @type {CanvasRenderingContext2D} */ context, /** @type {SceneLine} */ line) {
  if (line.target < 0) return;
  const [x, y] = line.points[line.points.length - 1];
  context.beginPath();
  context.moveTo(x, y - 0.5);
  context.lineTo(x - 4, y - 7.5);
  context.lineTo(x + 4, y - 7.5);
  context.fill();
}
