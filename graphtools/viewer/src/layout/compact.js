// Boxes that stand below a tall neighbor only because of the layers move up in their own column, to their inputs.

/** @typedef {import("./layers.js").Cell} Cell */
/** @typedef {import("./routes.js").Piece} Piece */

const LEAST_GAIN = 40; // smaller moves would only disturb the rows
const BELOW_BOX = 34; // room for a label and an arrow
const BELOW_LINE = 16;
const BESIDE = 10;

/**
 * Moves boxes up in place: changes `y` of boxes and the ends of their lines. A box moves only through room that no other
 * box and no other box's line takes, so whatever did not touch before does not touch after.
 * @param {Cell[]} cells
 * @param {Map<number, number>} y of each box's cell
 * @param {Piece[]} pieces
 */
export function moveUp(cells, y, pieces) {
  const into = /** @type {Map<number, Piece[]>} */ (new Map());
  const from = /** @type {Map<number, Piece[]>} */ (new Map());
  for (const piece of pieces) {
    into.set(piece.lower, [...(into.get(piece.lower) ?? []), piece]);
    from.set(piece.upper, [...(from.get(piece.upper) ?? []), piece]);
  }
  const boxes = cells.filter((cell) => cell.box).sort((a, b) => top(a) - top(b) || a.index - b.index);
  for (const cell of boxes) {
    const arriving = into.get(cell.index) ?? [];
    if (!arriving.length) continue;
    const goal = Math.max(...arriving.map(lineLimit), ...boxes.map((other) => boxLimit(cell, other)));
    if (top(cell) - goal <= LEAST_GAIN) continue;
    const own = new Set([...arriving, ...(from.get(cell.index) ?? [])]);
    const limit = Math.max(goal, ...pieces.map((piece) => (own.has(piece) ? -Infinity : pieceLimit(cell, piece))));
    const gain = top(cell) - limit;
    if (gain <= LEAST_GAIN) continue;
    y.set(cell.index, limit);
    for (const { points } of arriving) points[points.length - 1][1] -= gain;
    for (const { points } of from.get(cell.index) ?? []) points[0][1] -= gain;
  }

  function top(/** @type {Cell} */ cell) {
    return /** @type {number} */ (y.get(cell.index));
  }

  /** The highest place that the last turn of an arriving line allows. */
  function lineLimit(/** @type {Piece} */ { points, upper }) {
    if (points.length > 2) return points[points.length - 2][1] + BELOW_LINE;
    return points[0][1] + (cells[upper].type === "dummy" ? BELOW_LINE : BELOW_BOX);
  }

  function boxLimit(/** @type {Cell} */ cell, /** @type {Cell} */ other) {
    const apart = Math.abs(other.x - cell.x) >= (cell.width + other.width) / 2 + BESIDE;
    if (other === cell || apart || top(other) > top(cell)) return -Infinity;
    return top(other) + (other.box?.height ?? 0) + BELOW_BOX;
  }

  function pieceLimit(/** @type {Cell} */ cell, /** @type {Piece} */ { points }) {
    let limit = -Infinity;
    for (let i = 1; i < points.length; i++) {
      const [[x0, y0], [x1, y1]] = [points[i - 1], points[i]];
      const reach = cell.width / 2 + BESIDE;
      const apart = Math.max(x0, x1) < cell.x - reach || Math.min(x0, x1) > cell.x + reach;
      if (!apart && Math.min(y0, y1) < top(cell)) limit = Math.max(limit, Math.max(y0, y1) + BELOW_LINE);
    }
    return limit;
  }
}
