// One open group: its children placed in layers, and the lines between them and to its border.

import { moveUp } from "./compact.js";
import { assignX } from "./coordinates.js";
import { assignRanks, buildLayers, isAnyShared } from "./layers.js";
import { orderLayers } from "./order.js";
import { boxShift, routeEdges } from "./routes.js";
import { moveBy, tuckIn } from "./tuck.js";

/** @typedef {import("./layers.js").Box} Box */

const HEADER = 32; // room for the title of an open group
const SIDE = 16;
const ROOT_SIDE = 8;
const SIGN = 34; // how far the sign before the title reaches from the left
const FOOTER = 12;
const ROOT_ROOM = { header: 8, footer: 8 };
const MOST_CELLS = 60; // in a group of which more than one layout is tried: of larger ones others are hardly ever better
// What a layout costs, in pixels of lines: a crossing, and so many square pixels of area.
const CROSSING = 300;
const AREA = 100;
const CLEARLY = 0.93; // how much less another layout must cost: code reads best in the order in which it ran

/**
 * @typedef {{item: number, x: number, y: number, width: number, height: number, open: boolean}} PlacedBox
 *
 * @typedef {object} GroupLayout
 * @property {number} width
 * @property {number} height
 * @property {PlacedBox[]} boxes the children
 * @property {import("./routes.js").Piece[]} pieces
 * @property {import("./layers.js").Cell[]} cells
 * @property {number} crossings
 * @property {number} way which of the layouts that are tried it is
 * @property {Map<number, number>} inPorts
 * @property {Map<number, number>} outPorts
 */

/**
 * The best of a few layouts of one group: other ranks and another first order can do with fewer crossings or less room.
 * @param {Box[]} boxes
 * @param {import("../fold.js").Link[]} links
 * @param {number[] | null} entering the values that enter, from left to right, if that is decided
 * @param {number} leastWidth
 * @param {boolean} framed
 * @param {GroupLayout | null} [like] tries only what was chosen for that layout, in which the entering values were free
 * @returns {GroupLayout}
 */
export function layoutGroup(boxes, links, entering, leastWidth, framed, like = null) {
  let best = null;
  let least = Infinity;
  for (const [shared, ranks] of ranksToTry(boxes, links, like)) {
    for (const mirrored of [false, true]) {
      const way = Number(shared) + 2 * Number(mirrored);
      if (like && like.way !== way) continue;
      const layered = buildLayers(boxes, links, ranks);
      if (best && layered.cells.length > MOST_CELLS) continue;
      const crossings = orderLayers(layered, mirrored, entering);
      if (crossings * CROSSING >= least * CLEARLY) continue; // whatever its lines and area will be
      const found = placeGroup(layered, crossings, way, leastWidth, framed);
      const area = roomAroundTrunk(found) * found.height;
      const cost = crossings * CROSSING + lengthOf(found.pieces) + area / AREA;
      if (cost < least * CLEARLY) [best, least] = [found, cost];
      if (crossings === 0) break;
    }
  }
  return /** @type {GroupLayout} */ (best);
}

/**
 * Ranks by lines that several boxes share or not, where that makes a difference; those alone of a layout to be like.
 * @param {Box[]} boxes
 * @param {import("../fold.js").Link[]} links
 * @param {GroupLayout | null} like
 * @returns {[shared: boolean, ranks: import("./layers.js").Ranks][]}
 */
function ranksToTry(boxes, links, like) {
  if (like) {
    const shared = like.way % 2 === 1;
    return [[shared, assignRanks(boxes, links, shared)]];
  }
  const ranks = assignRanks(boxes, links, false);
  if (!isAnyShared(links)) return [[false, ranks]];
  const others = assignRanks(boxes, links, true);
  const same = ranks.of.every((rank, i) => rank === others.of[i]);
  return same ? [[false, ranks]] : [[false, ranks], [true, others]];
}

/** The width of a group, and what it lacks on one side of its trunk: groups below each other share their trunks' x. */
function roomAroundTrunk(/** @type {GroupLayout} */ { width, inPorts, outPorts }) {
  const x = [...inPorts.values()].at(-1) ?? [...outPorts.values()].at(-1) ?? width / 2;
  return 2 * Math.max(x, width - x);
}

function lengthOf(/** @type {import("./routes.js").Piece[]} */ pieces) {
  let length = 0;
  for (const { points } of pieces) {
    for (let i = 1; i < points.length; i++) {
      length += Math.abs(points[i][0] - points[i - 1][0]) + Math.abs(points[i][1] - points[i - 1][1]);
    }
  }
  return length;
}

/** How far everything has to go to the right, or a line would enter through the sign before the group's title. */
function roomForSign(/** @type {import("./layers.js").Layered} */ { cells }, /** @type {boolean} */ framed) {
  const first = Math.min(...cells.map((cell) => (cell.type === "in" ? cell.x : Infinity)));
  return framed ? Math.max(0, SIGN - SIDE - first) : 0;
}

/**
 * @param {import("./layers.js").Layered} layered ordered
 * @param {number} crossings
 * @param {number} way
 * @param {number} leastWidth
 * @param {boolean} framed
 * @returns {GroupLayout}
 */
function placeGroup(layered, crossings, way, leastWidth, framed) {
  const side = framed ? SIDE : ROOT_SIDE;
  /** Puts what is `inner` wide, its left at 0, into the middle; gives the width of all. */
  const center = (/** @type {number} */ inner, /** @type {import("./routes.js").Piece[]} */ pieces = []) => {
    const room = roomForSign(layered, framed);
    // Even widths keep all places whole numbers, so that what should be one straight line is one, to the last bit.
    const all = 2 * Math.ceil(Math.max(inner + room + 2 * side, leastWidth) / 2);
    moveBy(room + Math.floor((all - inner - room) / 2), layered.cells, pieces);
    return all;
  };
  let width = center(assignX(layered));
  const routes = routeEdges(layered, framed ? { header: HEADER, footer: FOOTER } : ROOT_ROOM);
  const placed = /** @type {PlacedBox[]} */ ([]);
  const ports = { in: new Map(), out: new Map() };
  const y = new Map();
  for (const { index, rank, box } of layered.cells) {
    if (box) y.set(index, routes.tops[rank] + boxShift(routes.heights[rank], box.height));
  }
  moveUp(layered.cells, y, routes.pieces);
  const tucked = tuckIn(layered.cells, y, routes.pieces);
  if (tucked) {
    moveBy(-tucked.left, layered.cells, routes.pieces);
    width = center(tucked.right - tucked.left, routes.pieces);
  }
  for (const cell of layered.cells) {
    if (cell.type === "in" || cell.type === "out") ports[cell.type].set(cell.key, cell.x);
    if (!cell.box) continue;
    const { item, height, inPorts } = cell.box;
    const x = cell.x - cell.width / 2;
    placed.push({ item, x, y: y.get(cell.index), width: cell.width, height, open: inPorts !== null });
  }
  // Without lines to the lower border, the group ends where its boxes end after they moved up.
  const bottom = Math.max(0, ...placed.map((box) => box.y + box.height)) + (framed ? FOOTER : ROOT_ROOM.footer);
  return {
    width,
    height: ports.out.size ? routes.height : bottom,
    boxes: placed,
    pieces: routes.pieces,
    cells: layered.cells,
    crossings,
    way,
    inPorts: ports.in,
    outPorts: ports.out,
  };
}
