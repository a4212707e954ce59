// One open group as layers: a rank for each child, cells for border ports and for long edges, segments between layers.

import { IN, OUT } from "../fold.js";
import { networkSimplex } from "./simplex.js";

/** @typedef {import("../fold.js").Link} Link */

/**
 * @typedef {object} Box The size of a child, and where values enter and leave it, as x from its left edge.
 * @property {number} item
 * @property {number} width
 * @property {number} height
 * @property {Map<number, number> | null} inPorts null for a closed box: everything enters at its top
 * @property {Map<number, number> | null} outPorts
 *
 * @typedef {object} Cell What takes a place in a layer: a child, a border port, or the passage of a long edge.
 * @property {number} index
 * @property {"box" | "in" | "out" | "dummy"} type
 * @property {number} key the value that passes; -1 for a box
 * @property {Box | null} box
 * @property {number} rank
 * @property {number} width
 * @property {number} x center, set by coordinates.js
 *
 * @typedef {object} Segment A piece of a value's way from one layer to the next.
 * @property {number} key
 * @property {number} upper cell
 * @property {number} lower cell
 * @property {number} upperPort offset from the upper cell's center
 * @property {number} lowerPort
 * @property {boolean} tensor
 * @property {number} parent index of the segment it continues; -1 where it starts at a box or at the border
 *
 * @typedef {{cells: Cell[], layers: number[][], segments: Segment[]}} Layered
 */

/** @typedef {{of: number[], out: number}} Ranks of each child, and of the ports at the lower border */

/**
 * @param {Box[]} boxes the children, in reading order
 * @param {Link[]} links
 * @param {Ranks} ranks
 * @returns {Layered}
 */
export function buildLayers(boxes, links, ranks) {
  const place = new Map(boxes.map((box, i) => [box.item, i]));
  const cells = /** @type {Cell[]} */ ([]);
  const layers = /** @type {number[][]} */ ([]);
  const add = (
    /** @type {Cell["type"]} */ type,
    /** @type {number} */ key,
    /** @type {Box | null} */ box,
    /** @type {number} */ rank,
  ) => {
    const cell = { index: cells.length, type, key, box, rank, width: box ? box.width : 0, x: 0 };
    cells.push(cell);
    while (layers.length <= rank) layers.push([]);
    layers[rank].push(cell.index);
    return cell;
  };
  boxes.forEach((box, i) => add("box", -1, box, ranks.of[i]));
  const segments = /** @type {Segment[]} */ ([]);
  for (const [key, ends] of byKey(links)) {
    const source = ends[0].from;
    const start = source === IN ? add("in", key, null, 0) : cells[/** @type {number} */ (place.get(source))];
    const targets = ends.map((end) =>
      end.to === OUT ? add("out", key, null, ranks.out) : cells[/** @type {number} */ (place.get(end.to))],
    );
    route(
      key,
      ends.some((end) => end.tensor),
      start,
      targets,
      add,
      segments,
    );
  }
  return { cells, layers, segments };
}

/** One chain of cells for all the targets of a value: each target leaves it one layer above itself. */
function route(
  /** @type {number} */ key,
  /** @type {boolean} */ tensor,
  /** @type {Cell} */ start,
  /** @type {Cell[]} */ targets,
  /** @type {(type: Cell["type"], key: number, box: Box | null, rank: number) => Cell} */ add,
  /** @type {Segment[]} */ segments,
) {
  const last = Math.max(...targets.map((target) => target.rank));
  let upper = start;
  let parent = -1;
  for (let rank = start.rank + 1; rank <= last; rank++) {
    const push = (/** @type {Cell} */ lower) =>
      segments.push({
        key,
        tensor,
        parent,
        upper: upper.index,
        lower: lower.index,
        upperPort: port(upper, key, "outPorts"),
        lowerPort: port(lower, key, "inPorts"),
      });
    for (const target of targets) if (target.rank === rank) push(target);
    if (rank === last) break;
    const passage = add("dummy", key, null, rank);
    const own = push(passage) - 1;
    upper = passage;
    parent = own;
  }
}

function port(/** @type {Cell} */ cell, /** @type {number} */ key, /** @type {"inPorts" | "outPorts"} */ side) {
  const at = cell.box?.[side]?.get(key);
  return at === undefined || !cell.box ? 0 : at - cell.box.width / 2;
}

/** @returns {Map<number, Link[]>} */
export function byKey(/** @type {Link[]} */ links) {
  const found = new Map();
  for (const link of links) {
    if (!found.has(link.key)) found.set(link.key, []);
    found.get(link.key).push(link);
  }
  return found;
}

/** Whether any value goes to more than one place. */
export function isAnyShared(/** @type {Link[]} */ links) {
  const keys = new Set();
  for (const { key } of links) {
    if (keys.has(key)) return true;
    keys.add(key);
  }
  return false;
}

// What one rank more costs, where 1 is that of a line to one place: of a shared line, and for each place it goes to.
const SHARED = 0.7;
const EACH = 0.1;

/**
 * Ranks that keep lines short in all, the border's ports above and below everything else.
 * @param {Box[]} boxes
 * @param {Link[]} links
 * @param {boolean} shared count the line of a value that goes to many once, by its length, and not once for each of them:
 * then what picks a part of it (`x[3]`) stands beside its user, and not in a row below `x`
 * @returns {Ranks}
 */
export function assignRanks(boxes, links, shared) {
  const count = boxes.length;
  const place = new Map(boxes.map((box, i) => [box.item, i]));
  const top = count;
  const bottom = count + 1;
  let points = count + 2;
  const point = (/** @type {number} */ end) =>
    end === IN ? top : end === OUT ? bottom : /** @type {number} */ (place.get(end));
  const constraints = /** @type {import("./simplex.js").Constraint[]} */ ([]);
  const fed = new Set();
  const used = new Set();
  for (const ends of byKey(links).values()) {
    const a = point(ends[0].from);
    used.add(a);
    const several = shared && ends.length > 1;
    for (const end of ends) {
      const b = point(end.to);
      fed.add(b);
      constraints.push({ a, b, least: 1, weight: several ? EACH : 1 });
      if (several) constraints.push({ a: b, b: points, least: 0, weight: 0 });
    }
    if (several) constraints.push({ a, b: points++, least: 1, weight: SHARED });
  }
  const hasIn = links.some((link) => link.from === IN);
  const hasOut = links.some((link) => link.to === OUT);
  for (let i = 0; i < count; i++) {
    if (!fed.has(i)) constraints.push({ a: top, b: i, least: 1, weight: 0 });
    if (!used.has(i)) constraints.push({ a: i, b: bottom, least: 1, weight: 0 });
  }
  constraints.push({ a: top, b: bottom, least: 1, weight: 0 });
  const x = networkSimplex(points, constraints);
  let low = hasIn ? x[top] : Infinity;
  let high = hasOut ? x[bottom] : -Infinity;
  for (let i = 0; i < count; i++) [low, high] = [Math.min(low, x[i]), Math.max(high, x[i])];
  return { of: Array.from({ length: count }, (_, i) => Math.round(x[i] - low)), out: Math.round(high - low) };
}
