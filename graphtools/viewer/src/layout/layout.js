// Where everything is: open groups are laid out from the inside out, each as one box for the group around it.

import { layoutGroup } from "./group.js";
import { inversions } from "./order.js";
import { withNames, withoutNames } from "./names.js";

/** @typedef {import("../fold.js").Visible} Visible */
/** @typedef {import("../tree.js").Tree} Tree */
/** @typedef {import("./layers.js").Box} Box */

/** Groups that were laid out before: opening a box changes only those around it, and blocks that are alike look alike. */
const known = /** @type {WeakMap<Tree, Map<string, GroupLayout>>} */ (new WeakMap());
const MOST_KNOWN = 4000;

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
 *
 * @typedef {{boxes: PlacedBox[], lines: Line[], width: number, height: number}} Layout
 */

/**
 * Places of all visible boxes and the ways of all edges between them. A function of its arguments alone; groups that were
 * laid out for the same tree before are remembered.
 * @param {Tree} tree
 * @param {Visible} visible
 * @param {(item: number) => {width: number, height: number}} size of a box that is not open
 * @param {(item: number) => number} titleWidth least width that the title of an open group needs
 * @returns {Layout}
 */
export function layoutGraph(tree, visible, size, titleWidth) {
  const groups = /** @type {Map<number, Named>} */ (new Map());
  const before = known.get(tree) ?? new Map();
  known.set(tree, before);
  if (before.size > MOST_KNOWN) before.clear();
  // Children come after their group in `boxes`, so backwards means inside out.
  const open = [0, ...visible.boxes].filter((item) => visible.open.has(item)).reverse();
  const layoutOne = (/** @type {number} */ item, /** @type {number[] | null} */ entering) => {
    const boxes = tree.items[item].children.map((child) => {
      const inner = groups.get(child);
      if (!inner) return { item: child, ...size(child), inPorts: null, outPorts: null };
      const { layout, inPorts, outPorts } = inner;
      return { item: child, width: layout.width, height: layout.height, inPorts, outPorts };
    });
    const plain = withoutNames(boxes, visible.links.get(item) ?? [], entering);
    const least = item ? titleWidth(item) : 0;
    const signature = `${item ? least : "root"} ${plain.signature}`;
    let found = before.get(signature);
    if (!found) {
      found = layoutGroup(plain.boxes, plain.links, plain.entering, least, item !== 0);
      before.set(signature, found);
    }
    return withNames(found, boxes, plain.keys);
  };
  for (const item of open) groups.set(item, layoutOne(item, null));

  // Now that it is known from where lines come to a group, its ports can stand in their order.
  const turned = findTurned(groups);
  const changed = new Set();
  for (const item of turned.size ? open : []) {
    const found = turned.get(item);
    const inner = tree.items[item].children.some((child) => changed.has(child));
    if (!found && !inner) continue;
    const first = /** @type {Named} */ (groups.get(item));
    let after = layoutOne(item, found ? found.keys : null);
    if (found && after.layout.crossings > first.layout.crossings + found.crossings) {
      if (!inner) continue;
      after = layoutOne(item, null);
    }
    groups.set(item, after);
    changed.add(item);
  }
  return flatten(groups);
}

/** Groups whose ports stand in another order than the lines that come to them: the better order, and what it saves. */
function findTurned(/** @type {Map<number, Named>} */ groups) {
  const turned = /** @type {Map<number, {keys: number[], crossings: number}>} */ (new Map());
  for (const { layout, boxes, keys } of groups.values()) {
    const { cells, pieces } = layout;
    if (!layout.boxes.some((box) => box.open)) continue;
    const arriving = /** @type {Map<number, import("./routes.js").Piece[]>} */ (new Map());
    for (const piece of pieces) {
      if (cells[piece.lower].box?.inPorts) arriving.set(piece.lower, [...(arriving.get(piece.lower) ?? []), piece]);
    }
    for (const [cell, list] of arriving) {
      if (list.length < 2) continue;
      const endX = (/** @type {import("./routes.js").Piece} */ { points }) => points[points.length - 1][0];
      list.sort((a, b) => a.points[0][0] - b.points[0][0] || endX(a) - endX(b));
      const crossings = inversions(list.map(endX));
      const { item } = boxes[/** @type {Box} */ (cells[cell].box).item];
      if (crossings) turned.set(item, { keys: list.map((piece) => keys[piece.key]), crossings });
    }
  }
  return turned;
}

/** All groups in one coordinate system, groups before what is in them, and lines joined across borders. */
function flatten(/** @type {Map<number, Named>} */ groups) {
  const placed = /** @type {PlacedBox[]} */ ([]);
  const lines = /** @type {Line[]} */ ([]);
  const arriving = new Map(); // `${group} ${key}` -> line that reaches the group's border from outside
  const leaving = new Map(); // ... from inside
  const starts = /** @type {[number, Map<string, number>, string][]} */ ([]); // lines that continue one found later

  const visit = (/** @type {number} */ group, /** @type {number} */ dx, /** @type {number} */ dy) => {
    const { layout, boxes, keys } = /** @type {Named} */ (groups.get(group));
    const base = lines.length;
    for (const piece of layout.pieces) {
      const index = lines.length;
      const [upper, lower] = [layout.cells[piece.upper], layout.cells[piece.lower]];
      const key = keys[piece.key];
      const end = lower.box && boxes[lower.box.item];
      lines.push({
        key,
        tensor: piece.tensor,
        parent: piece.parent < 0 ? -1 : base + piece.parent,
        target: end && !end.inPorts ? end.item : -1,
        points: piece.points.map(([x, y]) => /** @type {[number, number]} */ ([x + dx, y + dy])),
      });
      if (lower.type === "out") leaving.set(`${group} ${key}`, index);
      else if (end?.inPorts) arriving.set(`${end.item} ${key}`, index);
      if (piece.parent >= 0) continue;
      if (upper.type === "in") starts.push([index, arriving, `${group} ${key}`]);
      else if (upper.box?.outPorts) starts.push([index, leaving, `${boxes[upper.box.item].item} ${key}`]);
    }
    for (const { item: child, x, y, width, height, open } of layout.boxes) {
      const { item } = boxes[child];
      placed.push({ item, x: x + dx, y: y + dy, width, height, open });
      if (open) visit(item, x + dx, y + dy);
    }
  };
  visit(0, 0, 0);
  for (const [index, found, name] of starts) lines[index].parent = found.get(name) ?? -1;
  const { width, height } = /** @type {Named} */ (groups.get(0)).layout;
  return { boxes: placed, lines, width, height };
}
