// What hangs together with nothing else, and stands outermost, moves sideways into room that the others leave.

import { BESIDE_GAP, BOX_GAP, LINE_GAP } from "./coordinates.js";

/** @typedef {import("./layers.js").Cell} Cell */
/** @typedef {import("./routes.js").Piece} Piece */
/** @typedef {{left: number, right: number, top: number, bottom: number, isBox: boolean}} Part of a picture */
/** @typedef {{cells: Cell[], pieces: Piece[], parts: Part[], fixed: boolean}} Cluster what hangs together */

const LEAST_GAIN = 40; // narrower by so much, or it stays where it is
const BELOW = 34; // room for a label and an arrow
const APART = 16; // a box and a line above or below it

/**
 * Moves clusters in place: changes `x` of their cells and of their lines. None comes nearer to another than what stands in
 * one layer does, and no line crosses another that did not. Gives how far the picture reaches then; null where all stays.
 * @param {Cell[]} cells
 * @param {Map<number, number>} y of each box's cell
 * @param {Piece[]} pieces
 * @returns {{left: number, right: number} | null}
 */
export function tuckIn(cells, y, pieces) {
  const clusters = clustersOf(cells, pieces);
  if (clusters.length < 2) return null;
  for (const cluster of clusters) cluster.parts = partsOf(cluster, y);
  const largest = clusters.reduce((a, b) => (b.cells.length > a.cells.length ? b : a));
  let isMoved = false;
  for (const cluster of clusters) {
    if (cluster.fixed || cluster === largest) continue;
    const others = clusters.filter((other) => other !== cluster).flatMap(({ parts }) => parts);
    const room = extent(others);
    const own = extent(cluster.parts);
    if (Math.max(room.left - own.left, own.right - room.right) < LEAST_GAIN) continue;
    const by = nearestFree(cluster.parts, others, room.left - own.left, room.right - own.right);
    if (by === null) continue;
    moveBy(by, cluster.cells, cluster.pieces);
    cluster.parts = partsOf(cluster, y);
    isMoved = true;
  }
  if (!isMoved) return null;
  const { left, right } = extent(clusters.flatMap(({ parts }) => parts));
  return { left: Math.floor(left), right: Math.ceil(right) };
}

/** Moves cells sideways, and the lines that are there already. */
export function moveBy(
  /** @type {number} */ by,
  /** @type {Cell[]} */ cells,
  /** @type {Piece[]} */ pieces,
) {
  for (const cell of cells) cell.x += by;
  for (const { points } of pieces) for (const point of points) point[0] += by;
}

/** What hangs together by lines. What reaches the group's border is fixed there. @returns {Cluster[]} */
function clustersOf(/** @type {Cell[]} */ cells, /** @type {Piece[]} */ pieces) {
  const parent = cells.map((_, i) => i);
  const root = (/** @type {number} */ i) => {
    while (parent[i] !== i) i = parent[i] = parent[parent[i]];
    return i;
  };
  for (const { upper, lower } of pieces) parent[root(upper)] = root(lower);
  const found = /** @type {Map<number, Cluster>} */ (new Map());
  const of = (/** @type {number} */ cell) => {
    const name = root(cell);
    const cluster = found.get(name) ?? { cells: [], pieces: [], parts: [], fixed: false };
    found.set(name, cluster);
    return cluster;
  };
  for (const cell of cells) {
    const cluster = of(cell.index);
    cluster.cells.push(cell);
    if (cell.type === "in" || cell.type === "out") cluster.fixed = true;
  }
  for (const piece of pieces) of(piece.upper).pieces.push(piece);
  return [...found.values()];
}

/** @returns {Part[]} */
function partsOf(/** @type {Cluster} */ { cells, pieces }, /** @type {Map<number, number>} */ y) {
  const parts = /** @type {Part[]} */ ([]);
  for (const { index, x, width, box } of cells) {
    const top = y.get(index);
    if (!box || top === undefined) continue;
    parts.push({ left: x - width / 2, right: x + width / 2, top, bottom: top + box.height, isBox: true });
  }
  for (const { points } of pieces) {
    for (let i = 1; i < points.length; i++) {
      const [[x0, y0], [x1, y1]] = [points[i - 1], points[i]];
      const [left, right] = x0 < x1 ? [x0, x1] : [x1, x0];
      parts.push({ left, right, top: Math.min(y0, y1), bottom: Math.max(y0, y1), isBox: false });
    }
  }
  return parts;
}

function extent(/** @type {Part[]} */ parts) {
  let [left, right] = [Infinity, -Infinity];
  for (const part of parts) {
    left = Math.min(left, part.left);
    right = Math.max(right, part.right);
  }
  return { left, right };
}

/** The smallest way sideways, from `least` to `most`, on which no part comes too near to another; null if there is none. */
function nearestFree(
  /** @type {Part[]} */ own,
  /** @type {Part[]} */ others,
  /** @type {number} */ least,
  /** @type {number} */ most,
) {
  const taken = /** @type {[number, number][]} */ ([]);
  for (const a of own) {
    for (const b of others) {
      const above = a.isBox && b.isBox ? BELOW : a.isBox || b.isBox ? APART : LINE_GAP;
      if (a.bottom + above <= b.top || b.bottom + above <= a.top) continue;
      const beside = a.isBox && b.isBox ? BOX_GAP : a.isBox || b.isBox ? BESIDE_GAP : LINE_GAP;
      taken.push([b.left - beside - a.right, b.right + beside - a.left]);
    }
  }
  taken.sort((a, b) => a[0] - b[0]);
  let found = /** @type {number | null} */ (null);
  const offer = (/** @type {number} */ from, /** @type {number} */ to) => {
    const by = Math.min(Math.max(0, Math.max(from, least)), Math.min(to, most));
    if (by >= from && by >= least && (found === null || Math.abs(by) < Math.abs(found))) found = by;
  };
  let free = -Infinity;
  for (const [from, to] of taken) {
    if (from >= free) offer(free, from);
    free = Math.max(free, to);
  }
  offer(free, Infinity);
  return found === null ? null : Math.round(found);
}
