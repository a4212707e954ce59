// Where everything is: open groups are laid out from the inside out, each as one box for the group around it.

import { layoutGroup } from "./group.js";
import { memoryOf } from "./memory.js";
import { inversions } from "./order.js";
import { withNames, withoutNames } from "./names.js";

/** @typedef {import("../fold.js").Visible} Visible */
/** @typedef {import("../tree.js").Tree} Tree */
/** @typedef {import("./layers.js").Box} Box */

/** @typedef {import("./group.js").PlacedBox} PlacedBox */
/** @typedef {import("./group.js").GroupLayout} GroupLayout */
/** @typedef {import("./names.js").Named} Named */

/**
 * @typedef {object} Line A drawn piece of an edge. Its whole way is the line itself and its parents.
 * @property {number} key item that gives the value
 * @property {number} parent index of the line it continues, -1 at the source
 * @property {boolean} tensor it carries a tensor, and not only a size or a flag
 * @property {number} target item at which it ends with an arrow, -1 if it goes on
 * @property {[number, number][]} points
 * @property {number} left the least x of its points
 * @property {number} top
 * @property {number} right
 * @property {number} bottom
 *
 * @typedef {PlacedBox & {ports: number[]}} FlatBox `ports`: x of the lines that cross the top border of an open group
 *
 * @typedef {{boxes: FlatBox[], lines: Line[], width: number, height: number}} Layout
 */

/**
 * Places of all visible boxes and the ways of all edges between them. A function of its arguments alone; groups that were
 * laid out for the same tree before are remembered. Where `most` is given: null if more boxes and links than these are in
 * groups that are not remembered, which takes long.
 * @param {Pick<Tree, "items">} tree
 * @param {Visible} visible
 * @param {(item: number) => {width: number, height: number}} size of a box that is not open
 * @param {(item: number) => number} titleWidth least width that the title of an open group needs
 * @param {number} [most]
 * @returns {Layout | null}
 */
export function layoutGraph(tree, visible, size, titleWidth, most = Infinity) {
  const groups = /** @type {Map<number, Named>} */ (new Map());
  const memory = memoryOf(tree);
  let left = most;
  // Children come after their group in `boxes`, so backwards means inside out.
  const open = [0, ...visible.boxes].filter((item) => visible.open.has(item)).reverse();
  if (newIn(tree, visible, memory, open) > most) return null; // without beginning
  /** @returns {boolean} false if it is too much */
  const layoutOne = (/** @type {number} */ item, /** @type {number[] | null} */ entering) => {
    const like = (entering && groups.get(item)?.layout) ?? null;
    const boxes = tree.items[item].children.map((child) => {
      const inner = groups.get(child);
      if (!inner) {
        const { width, height } = size(child);
        return { item: child, width, height, inPorts: null, outPorts: null };
      }
      const { layout, inPorts, outPorts } = inner;
      return { item: child, width: layout.width, height: layout.height, inPorts, outPorts };
    });
    const least = item ? titleWidth(item) : 0;
    const given = { boxes, links: visible.links.get(item) ?? [], entering, least, way: like?.way ?? -1 };
    let named = memory.same(item, given);
    if (!named) {
      const plain = withoutNames(boxes, given.links, entering);
      const signature = `${item ? least : "root"} ${given.way} ${plain.signature}`;
      let found = memory.layouts.get(signature);
      if (!found) {
        left -= boxes.length + given.links.length;
        if (left < 0) return false;
        found = layoutGroup(plain.boxes, plain.links, plain.entering, least, item !== 0, like);
        memory.layouts.set(signature, found);
      }
      named = withNames(found, boxes, plain.keys);
      memory.keep(item, given, named);
    }
    groups.set(item, named);
    return true;
  };
  for (const item of open) if (!layoutOne(item, null)) return null;

  // Now that it is known from where lines come to a group, its ports can stand in their order.
  const turned = new Map([...groups.values()].flatMap((named) => memory.of(named, findTurned)));
  const changed = new Set();
  for (const item of turned.size ? open : []) {
    const found = turned.get(item);
    const inner = tree.items[item].children.some((child) => changed.has(child));
    if (!found && !inner) continue;
    const first = /** @type {Named} */ (groups.get(item));
    if (!layoutOne(item, found ? found.keys : null)) return null;
    const after = /** @type {Named} */ (groups.get(item));
    if (found && after.layout.crossings > first.layout.crossings + found.crossings) {
      if (!inner) {
        groups.set(item, first);
        continue;
      }
      if (!layoutOne(item, null)) return null;
    }
    changed.add(item);
  }
  memory.trim();
  return flatten(groups);
}

/** About how many boxes and links are in groups that were never laid out; what is like the box beside it counts once. */
function newIn(
  /** @type {Pick<Tree, "items">} */ { items },
  /** @type {Visible} */ visible,
  /** @type {import("./memory.js").Memory} */ memory,
  /** @type {number[]} */ open,
) {
  let count = 0;
  for (const item of open) {
    const { children, alikeAs } = items[item];
    if (memory.last.has(item) || (alikeAs !== item && visible.open.has(alikeAs))) continue;
    count += children.length + (visible.links.get(item)?.length ?? 0);
  }
  return count;
}

/**
 * The groups inside one whose ports stand in another order than the lines that come to them: the better order, and how
 * many crossings it saves.
 * @returns {[number, {keys: number[], crossings: number}][]}
 */
function findTurned(/** @type {Named} */ { layout, boxes, keys }) {
  const { cells, pieces } = layout;
  if (!layout.boxes.some((box) => box.open)) return [];
  const arriving = /** @type {Map<number, import("./routes.js").Piece[]>} */ (new Map());
  for (const piece of pieces) {
    if (!cells[piece.lower].box?.inPorts) continue;
    const found = arriving.get(piece.lower);
    if (found) found.push(piece);
    else arriving.set(piece.lower, [piece]);
  }
  const turned = /** @type {[number, {keys: number[], crossings: number}][]} */ ([]);
  for (const [cell, list] of arriving) {
    if (list.length < 2) continue;
    const endX = (/** @type {import("./routes.js").Piece} */ { points }) => points[points.length - 1][0];
    list.sort((a, b) => a.points[0][0] - b.points[0][0] || endX(a) - endX(b));
    const crossings = inversions(list.map(endX));
    const { item } = boxes[/** @type {Box} */ (cells[cell].box).item];
    if (crossings) turned.push([item, { keys: list.map((piece) => keys[piece.key]), crossings }]);
  }
  return turned;
}

const NO_PORTS = /** @type {number[]} */ ([]);

/** All groups in one coordinate system, groups before what is in them, and lines joined across borders. */
function flatten(/** @type {Map<number, Named>} */ groups) {
  const placed = /** @type {FlatBox[]} */ ([]);
  const lines = /** @type {Line[]} */ ([]);
  const arriving = /** @type {Map<number, number>} */ (new Map()); // `crossing` -> line that reaches the border from outside
  const leaving = /** @type {Map<number, number>} */ (new Map()); // ... from inside
  const starts = /** @type {[number, Map<number, number>, number][]} */ ([]); // lines that continue one found later
  const most = Math.max(...[...groups.values()].map(({ keys }) => Math.max(0, ...keys))) + 1;
  /** A number for the place where a value crosses the border of a group. */
  const crossing = (/** @type {number} */ group, /** @type {number} */ key) => group * most + key;

  const visit = (/** @type {number} */ group, /** @type {number} */ dx, /** @type {number} */ dy) => {
    const { layout, boxes, keys } = /** @type {Named} */ (groups.get(group));
    const base = lines.length;
    for (const piece of layout.pieces) {
      const index = lines.length;
      const [upper, lower] = [layout.cells[piece.upper], layout.cells[piece.lower]];
      const key = keys[piece.key];
      const end = lower.box && boxes[lower.box.item];
      const points = /** @type {[number, number][]} */ ([]);
      let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
      for (const point of piece.points) {
        const [x, y] = [point[0] + dx, point[1] + dy];
        points.push([x, y]);
        if (x < left) left = x;
        if (x > right) right = x;
        if (y < top) top = y;
        if (y > bottom) bottom = y;
      }
      const parent = piece.parent < 0 ? -1 : base + piece.parent;
      const target = end && !end.inPorts ? end.item : -1;
      lines.push({ key, tensor: piece.tensor, parent, target, points, left, top, right, bottom });
      if (lower.type === "out") leaving.set(crossing(group, key), index);
      else if (end?.inPorts) arriving.set(crossing(end.item, key), index);
      if (piece.parent >= 0) continue;
      if (upper.type === "in") starts.push([index, arriving, crossing(group, key)]);
      else if (upper.box?.outPorts) starts.push([index, leaving, crossing(boxes[upper.box.item].item, key)]);
    }
    for (const { item: child, x, y, width, height, open } of layout.boxes) {
      const { item, inPorts } = boxes[child];
      const ports = inPorts ? [...inPorts.values()].map((port) => port + x + dx) : NO_PORTS;
      placed.push({ item, x: x + dx, y: y + dy, width, height, open, ports });
      if (open) visit(item, x + dx, y + dy);
    }
  };
  visit(0, 0, 0);
  for (const [index, found, name] of starts) lines[index].parent = found.get(name) ?? -1;
  const { width, height } = /** @type {Named} */ (groups.get(0)).layout;
  return { boxes: placed, lines, width, height };
}
