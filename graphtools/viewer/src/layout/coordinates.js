// x for each cell: links of a chain become one rigid block, then network simplex puts the blocks where all other links
// are shortest. So a chain of single links is exactly straight, and nothing is wider than its links need.

import { networkSimplex } from "./simplex.js";

/** @typedef {import("./layers.js").Layered} Layered */
/** @typedef {import("./layers.js").Cell} Cell */
/** @typedef {import("./layers.js").Segment} Segment */

export const BOX_GAP = 28;
export const LINE_GAP = 14; // between two lines
export const BESIDE_GAP = 20; // between a line and a box
const THROUGH = 2; // how strongly, as a link
const COLUMN = 10000;
const WASTEFUL = 1.5; // times the room that the widest layer needs
const LEAST_DRIFT = 150; // that a column of open groups may go sideways so that the line through it stays straight

/** The least distance of two neighbors' centers. */
function distance(/** @type {Cell} */ a, /** @type {Cell} */ b) {
  const gap = a.box && b.box ? BOX_GAP : a.box || b.box ? BESIDE_GAP : LINE_GAP;
  return (a.width + b.width) / 2 + gap;
}

/**
 * Sets `x` of every cell, the leftmost edge at 0. Gives the width. Straight lines through many groups can make these go
 * sideways like a staircase; where that takes much room, the groups stand in a column and the lines turn between them.
 */
export function assignX(/** @type {Layered} */ layered) {
  const width = placeCells(layered, false);
  if (width <= WASTEFUL * leastWidth(layered) + 400) return width;
  const before = layered.cells.map((cell) => cell.x);
  const inColumns = placeCells(layered, true);
  if (inColumns < 0.8 * width) return inColumns;
  layered.cells.forEach((cell, i) => (cell.x = before[i]));
  return width;
}

/** What the widest layer needs. */
function leastWidth(/** @type {Layered} */ { cells, layers }) {
  return Math.max(
    0,
    ...layers.map((layer) =>
      layer.reduce((sum, cell, i) => sum + (i ? distance(cells[layer[i - 1]], cells[cell]) : 0), 0),
    ),
    ...cells.map((cell) => cell.width),
  );
}

function placeCells(/** @type {Layered} */ layered, /** @type {boolean} */ columns) {
  const { cells, layers, segments } = layered;
  const { block, offset, count } = makeBlocks(layered, columns);
  const constraints = /** @type {Map<string, {a: number, b: number, least: number, weight: number}>} */ (new Map());
  for (const layer of layers) {
    for (let i = 1; i < layer.length; i++) {
      const [left, right] = [cells[layer[i - 1]], cells[layer[i]]];
      const [a, b] = [block[left.index], block[right.index]];
      const least = distance(left, right) + offset[left.index] - offset[right.index];
      const found = constraints.get(`${a} ${b}`);
      if (found) found.least = Math.max(found.least, least);
      else constraints.set(`${a} ${b}`, { a, b, least, weight: 0 });
    }
  }
  const list = [...constraints.values()];
  let points = count;
  const wishes = [
    ...pulls(cells, segments, block, offset),
    ...throughPull(cells, block, offset),
    ...(columns ? columnPulls(layered, block, offset) : []),
  ];
  for (const pull of wishes) {
    // |x[a] - x[b] - d| as two edges from an extra point that stands left of both.
    list.push({ a: points, b: pull.a, least: Math.max(0, pull.d), weight: pull.weight });
    list.push({ a: points, b: pull.b, least: Math.max(0, -pull.d), weight: pull.weight });
    points++;
  }
  const x = networkSimplex(points, list, 3000);
  let low = Infinity;
  let high = -Infinity;
  for (const cell of cells) {
    cell.x = x[block[cell.index]] + offset[cell.index];
    low = Math.min(low, cell.x - cell.width / 2);
    high = Math.max(high, cell.x + cell.width / 2);
  }
  if (!cells.length) return 0;
  for (const cell of cells) cell.x -= low;
  return high - low;
}

/** Links between blocks: x[a] - x[b] should be d. Links that wish the same are one of more weight. */
function pulls(
  /** @type {Cell[]} */ cells,
  /** @type {Segment[]} */ segments,
  /** @type {Int32Array} */ block,
  /** @type {Float64Array} */ offset,
) {
  const found = new Map();
  for (const { upper, lower, upperPort, lowerPort } of segments) {
    let [a, b] = [block[upper], block[lower]];
    if (a === b) continue;
    let d = offset[lower] + lowerPort - offset[upper] - upperPort;
    if (a > b) [a, b, d] = [b, a, -d];
    const weight = linkWeight(cells[upper], cells[lower]);
    const key = `${a} ${b} ${d.toFixed(3)}`;
    if (found.has(key)) found.get(key).weight += weight;
    else found.set(key, { a, b, d, weight });
  }
  return found.values();
}

/** The trunk should leave a group below where it enters, so that a stack of groups stands in one column. */
function throughPull(/** @type {Cell[]} */ cells, /** @type {Int32Array} */ block, /** @type {Float64Array} */ offset) {
  const newest = (/** @type {Cell["type"]} */ type) =>
    cells.reduce(
      (best, c) => (c.type === type && (!best || c.key > best.key) ? c : best),
      /** @type {Cell | null} */ (null),
    );
  const [enter, leave] = [newest("in"), newest("out")];
  if (!enter || !leave || block[enter.index] === block[leave.index]) return [];
  const d = offset[leave.index] - offset[enter.index];
  return [{ a: block[enter.index], b: block[leave.index], d, weight: THROUGH }];
}

/** The widest open groups of layers that follow each other should stand below each other. */
function columnPulls(
  /** @type {Layered} */ { cells, layers },
  /** @type {Int32Array} */ block,
  /** @type {Float64Array} */ offset,
) {
  const found = [];
  let above = -1;
  for (const layer of layers) {
    const open = layer.filter((cell) => cells[cell].box?.inPorts);
    if (!open.length) continue;
    const widest = open.reduce((best, cell) => (cells[cell].width > cells[best].width ? cell : best));
    const [a, b] = [block[above], block[widest]];
    if (above >= 0 && a !== b) found.push({ a, b, d: offset[widest] - offset[above], weight: COLUMN });
    above = widest;
  }
  return found;
}

function linkWeight(/** @type {Cell} */ upper, /** @type {Cell} */ lower) {
  const lines = Number(upper.type === "dummy") + Number(lower.type === "dummy");
  return [3, 2, 8][lines];
}

/**
 * Joins cells that shall stand exactly below each other. A cell joins at most one above and one below and joined links
 * do not cross, so blocks never form a cycle from left to right (Brandes and Köpf 2001).
 */
function makeBlocks(/** @type {Layered} */ layered, /** @type {boolean} */ columns) {
  const { cells, layers, segments } = layered;
  const at = new Int32Array(cells.length);
  for (const layer of layers) layer.forEach((cell, i) => (at[cell] = i));
  const joinedBelow = new Map();
  const joinedAbove = new Map();
  const inGap = /** @type {Segment[][]} */ (layers.map(() => []));
  const chains = singleLinks(layered);
  for (const segment of byPriority(layered, at, chains)) {
    const { upper, lower } = segment;
    if (joinedBelow.has(upper) || joinedAbove.has(lower)) continue;
    if (columns && !cells[upper].box && !cells[lower].box && !chains.has(segment.key)) continue;
    const gap = inGap[cells[upper].rank];
    if (gap.some((other) => (at[other.upper] - at[upper]) * (at[other.lower] - at[lower]) < 0)) continue;
    gap.push(segment);
    joinedBelow.set(upper, segment);
    joinedAbove.set(lower, segment);
  }
  const block = new Int32Array(cells.length).fill(-1);
  const offset = new Float64Array(cells.length);
  let count = 0;
  /** Straight through all ports, but where this would go down like a staircase: then open groups stand in a column. */
  const placeBlock = (/** @type {number} */ first, /** @type {number} */ index) => {
    let [shift, low, high, widest] = [0, 0, 0, 0];
    const column = /** @type {number[]} */ ([]);
    for (let current = first; ;) {
      column.push(current);
      block[current] = index;
      offset[current] = shift;
      if (cells[current].box) {
        [low, high] = [Math.min(low, shift), Math.max(high, shift)];
        widest = Math.max(widest, cells[current].width);
      }
      const segment = joinedBelow.get(current);
      if (!segment) break;
      shift += segment.upperPort - segment.lowerPort;
      current = segment.lower;
    }
    if (!columns && high - low <= Math.max(LEAST_DRIFT, widest / 2)) return;
    shift = 0;
    for (const current of column) {
      const segment = joinedAbove.get(current);
      const open = segment && (cells[segment.upper].box?.outPorts || cells[segment.lower].box?.inPorts);
      if (open) shift = 0;
      offset[current] = shift;
    }
  };
  for (const layer of layers) {
    for (const cell of layer) {
      if (joinedAbove.has(cell)) continue;
      placeBlock(cell, count++);
    }
  }
  return { block, offset, count };
}

/** Values that go from a box that gives nothing else to one that takes nothing else. */
function singleLinks(/** @type {Layered} */ { cells, segments }) {
  const below = new Int32Array(cells.length);
  const above = new Int32Array(cells.length);
  for (const { upper, lower } of segments) {
    below[upper]++;
    above[lower]++;
  }
  const found = new Set(segments.map((segment) => segment.key));
  for (const { key, upper, lower } of segments) if (below[upper] > 1 || above[lower] > 1) found.delete(key);
  return found;
}

/** Segments in the order in which they may claim to be straight: single links, the trunk, long edges, all others. */
function byPriority(/** @type {Layered} */ layered, /** @type {Int32Array} */ at, /** @type {Set<number>} */ chains) {
  const { cells, segments } = layered;
  const reach = longestThrough(layered);
  const passages = (/** @type {Segment} */ { upper, lower }) =>
    Number(cells[upper].type === "dummy") + Number(cells[lower].type === "dummy");
  const longest = segments.reduce((most, segment) => Math.max(most, reach(segment)), -Infinity);
  const rank = (/** @type {Segment} */ segment) => {
    if (chains.has(segment.key)) return 0;
    if (reach(segment) === longest) return 1;
    return passages(segment) === 2 ? 2 : segment.tensor ? 3 : 4;
  };
  const middle = distanceFromMiddle(layered, at);
  const scored = segments.map((segment, index) => ({
    segment,
    rank: rank(segment),
    reach: reach(segment),
    center: middle(segment),
    // A border port is as good as a box: were it to follow a skip edge, a stack of residual blocks would drift.
    passages: passages(segment),
    index,
  }));
  scored.sort(
    (a, b) =>
      a.rank - b.rank || b.reach - a.reach || a.passages - b.passages || a.center - b.center || a.index - b.index,
  );
  return scored.map((entry) => entry.segment);
}

/** How far a segment is from the middle one of those that leave its upper cell, and of those that enter its lower one. */
function distanceFromMiddle(/** @type {Layered} */ { cells, segments }, /** @type {Int32Array} */ at) {
  const below = /** @type {number[][]} */ (cells.map(() => []));
  const above = /** @type {number[][]} */ (cells.map(() => []));
  for (const { upper, lower } of segments) {
    below[upper].push(at[lower]);
    above[lower].push(at[upper]);
  }
  for (const list of [...below, ...above]) list.sort((a, b) => a - b);
  const off = (/** @type {number[]} */ list, /** @type {number} */ place) =>
    Math.abs(list.indexOf(place) - (list.length - 1) / 2);
  return (/** @type {Segment} */ { upper, lower }) => off(below[upper], at[lower]) + off(above[lower], at[upper]);
}

const NO_TENSOR = 1000; // more than any way is long: sizes and flags are no trunk, however much is computed with them

/** How many boxes the longest way through a segment passes: the trunk has the most. */
function longestThrough(/** @type {Layered} */ { cells, layers, segments }) {
  const up = new Int32Array(cells.length);
  const down = new Int32Array(cells.length);
  const above = new Uint8Array(cells.length);
  const below = new Uint8Array(cells.length);
  const byRank = /** @type {Segment[][]} */ (layers.map(() => []));
  for (const segment of segments) byRank[cells[segment.upper].rank].push(segment);
  const length = (/** @type {Segment} */ segment, /** @type {number} */ cell) =>
    Number(Boolean(cells[cell].box)) - (segment.tensor ? 0 : NO_TENSOR);
  // What enters has come a longer way than what is made in the group; of several values the one made last.
  const entering = cells.filter((cell) => cell.type === "in").sort((a, b) => a.key - b.key);
  entering.forEach((cell, i) => (up[cell.index] = cells.length + i));
  for (const segment of byRank.flat()) {
    const { upper, lower } = segment;
    const found = up[upper] + length(segment, upper);
    up[lower] = above[lower] ? Math.max(up[lower], found) : found;
    above[lower] = 1;
  }
  for (const segment of byRank.flat().reverse()) {
    const { upper, lower } = segment;
    const found = down[lower] + length(segment, lower);
    down[upper] = below[upper] ? Math.max(down[upper], found) : found;
    below[upper] = 1;
  }
  return (/** @type {Segment} */ segment) =>
    up[segment.upper] + length(segment, segment.upper) + length(segment, segment.lower) + down[segment.lower];
}
