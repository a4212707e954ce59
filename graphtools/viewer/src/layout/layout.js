// Where everything is: open groups are laid out from the inside out, each as one box for the group around it.

import { moveUp } from "./compact.js";
import { assignX } from "./coordinates.js";
import { buildLayers } from "./layers.js";
import { orderLayers } from "./order.js";
import { boxShift, routeEdges } from "./routes.js";

/** @typedef {import("../fold.js").Visible} Visible */
/** @typedef {import("../tree.js").Tree} Tree */
/** @typedef {import("./layers.js").Box} Box */

export const HEADER = 32; // room for the title of an open group
const SIDE = 16;
const FOOTER = 12;
const ROOT_ROOM = { header: 8, footer: 8 };

/**
 * @typedef {{item: number, x: number, y: number, width: number, height: number, open: boolean}} PlacedBox
 *
 * @typedef {object} Line A drawn piece of an edge. Its whole way is the line itself and its parents.
 * @property {number} key item that gives the value
 * @property {number} parent index of the line it continues, -1 at the source
 * @property {boolean} tensor it carries a tensor, and not only a size or a flag
 * @property {number} target item at which it ends with an arrow, -1 if it goes on
 * @property {[number, number][]} points
 *
 * @typedef {{boxes: PlacedBox[], lines: Line[], width: number, height: number}} Layout
 *
 * @typedef {object} GroupLayout
 * @property {number} width
 * @property {number} height
 * @property {PlacedBox[]} boxes the children
 * @property {import("./routes.js").Piece[]} pieces
 * @property {import("./layers.js").Cell[]} cells
 * @property {Map<number, number>} inPorts
 * @property {Map<number, number>} outPorts
 */

/**
 * Places of all visible boxes and the ways of all edges between them. A pure function of its arguments.
 * @param {Tree} tree
 * @param {Visible} visible
 * @param {(item: number) => {width: number, height: number}} size of a box that is not open
 * @param {(item: number) => number} titleWidth least width that the title of an open group needs
 * @returns {Layout}
 */
export function layoutGraph(tree, visible, size, titleWidth) {
  const groups = /** @type {Map<number, GroupLayout>} */ (new Map());
  // Children come after their group in `boxes`, so backwards means inside out.
  const open = [0, ...visible.boxes].filter((item) => visible.open.has(item));
  for (const item of open.reverse()) {
    const boxes = tree.items[item].children.map((child) => {
      const inner = groups.get(child);
      if (inner)
        return {
          item: child,
          width: inner.width,
          height: inner.height,
          inPorts: inner.inPorts,
          outPorts: inner.outPorts,
        };
      return { item: child, ...size(child), inPorts: null, outPorts: null };
    });
    groups.set(
      item,
      layoutGroup(boxes, visible.links.get(item) ?? [], item ? titleWidth(item) : 0, item !== 0, visible.open),
    );
  }
  return flatten(groups);
}

/**
 * @param {Box[]} boxes
 * @param {import("../fold.js").Link[]} links
 * @param {number} leastWidth
 * @param {boolean} framed
 * @param {Set<number>} open
 * @returns {GroupLayout}
 */
function layoutGroup(boxes, links, leastWidth, framed, open) {
  const layered = buildLayers(boxes, links);
  orderLayers(layered);
  const inner = assignX(layered);
  const side = framed ? SIDE : 8;
  const width = Math.max(inner + 2 * side, leastWidth);
  for (const cell of layered.cells) cell.x += (width - inner) / 2;
  const routes = routeEdges(layered, framed ? { header: HEADER, footer: FOOTER } : ROOT_ROOM);
  const placed = /** @type {PlacedBox[]} */ ([]);
  const ports = { in: new Map(), out: new Map() };
  const y = new Map();
  for (const { index, rank, box } of layered.cells) {
    if (box) y.set(index, routes.tops[rank] + boxShift(routes.heights[rank], box.height));
  }
  moveUp(layered.cells, y, routes.pieces);
  for (const cell of layered.cells) {
    if (cell.type === "in" || cell.type === "out") ports[cell.type].set(cell.key, cell.x);
    if (!cell.box) continue;
    const { item, height } = cell.box;
    const x = cell.x - cell.width / 2;
    placed.push({ item, x, y: y.get(cell.index), width: cell.width, height, open: open.has(item) });
  }
  // Without lines to the lower border, the group ends where its boxes end after they moved up.
  const bottom = Math.max(0, ...placed.map((box) => box.y + box.height)) + (framed ? FOOTER : ROOT_ROOM.footer);
  return {
    width,
    height: ports.out.size ? routes.height : bottom,
    boxes: placed,
    pieces: routes.pieces,
    cells: layered.cells,
    inPorts: ports.in,
    outPorts: ports.out,
  };
}

/** All groups in one coordinate system, groups before what is in them, and lines joined across borders. */
function flatten(/** @type {Map<number, GroupLayout>} */ groups) {
  const boxes = /** @type {PlacedBox[]} */ ([]);
  const lines = /** @type {Line[]} */ ([]);
  const arriving = new Map(); // `${group} ${key}` -> line that reaches the group's border from outside
  const leaving = new Map(); // ... from inside
  const starts = /** @type {[number, Map<string, number>, string][]} */ ([]); // lines that continue one found later

  const visit = (/** @type {number} */ item, /** @type {number} */ dx, /** @type {number} */ dy) => {
    const group = /** @type {GroupLayout} */ (groups.get(item));
    const base = lines.length;
    for (const piece of group.pieces) {
      const index = lines.length;
      const [upper, lower] = [group.cells[piece.upper], group.cells[piece.lower]];
      const target = lower.box && !lower.box.inPorts ? lower.box.item : -1;
      const points = piece.points.map(([x, y]) => /** @type {[number, number]} */ ([x + dx, y + dy]));
      lines.push({
        key: piece.key,
        tensor: piece.tensor,
        parent: piece.parent < 0 ? -1 : base + piece.parent,
        target,
        points,
      });
      if (lower.type === "out") leaving.set(`${item} ${piece.key}`, index);
      else if (lower.box?.inPorts) arriving.set(`${lower.box.item} ${piece.key}`, index);
      if (piece.parent >= 0) continue;
      if (upper.type === "in") starts.push([index, arriving, `${item} ${piece.key}`]);
      else if (upper.box?.outPorts) starts.push([index, leaving, `${upper.box.item} ${piece.key}`]);
    }
    for (const box of group.boxes) {
      boxes.push({ ...box, x: box.x + dx, y: box.y + dy });
      if (groups.has(box.item)) visit(box.item, box.x + dx, box.y + dy);
    }
  };
  visit(0, 0, 0);
  for (const [index, found, name] of starts) lines[index].parent = found.get(name) ?? -1;
  const root = /** @type {GroupLayout} */ (groups.get(0));
  return { boxes, lines, width: root.width, height: root.height };
}
