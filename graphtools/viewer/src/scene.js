// What is drawn: boxes with their words, lines and labels, from the folded graph and its layout. No canvas, no DOM.

import { Boxes } from "./boxes.js";
import { layoutGraph } from "./layout/layout.js";

/** @typedef {import("./model.js").Model} Model */
/** @typedef {import("./tree.js").Tree} Tree */
/** @typedef {import("./fold.js").Visible} Visible */

/**
 * @typedef {object} SceneBox
 * @property {number} item
 * @property {number} x
 * @property {number} y
 * @property {number} width
 * @property {number} height
 * @property {boolean} open
 * @property {boolean} group can be opened or is open
 * @property {number} depth of nesting, for the color of its frame
 * @property {string} category
 * @property {boolean} failed
 * @property {number} alike
 * @property {import("./boxes.js").Words} words
 * @property {boolean} thumb there is room for a small picture of what it gave
 * @property {number[]} ports x of lines that cross the top border of an open group
 *
 * @typedef {import("./layout/layout.js").Line} SceneLine
 * @typedef {{x: number, y: number, width: number, text: string, item: number}} Label x, y: its left middle
 *
 * @typedef {object} Scene
 * @property {SceneBox[]} boxes
 * @property {Map<number, SceneBox>} ofItem
 * @property {SceneLine[]} lines
 * @property {Label[]} labels
 * @property {import("./fold.js").VisibleEdge[]} edges
 * @property {number} width
 * @property {number} height
 */

/**
 * What a layout starts from: the visible part of the graph, and how large its boxes are.
 * @typedef {object} Plan
 * @property {Visible} visible
 * @property {(item: number) => {width: number, height: number}} size of a box that is not open
 * @property {(item: number) => number} titleWidth of an open group
 */

/** @returns {Plan} */
export function planScene(/** @type {Visible} */ visible, /** @type {Boxes} */ boxes) {
  const arriving = /** @type {Map<number, number>} */ (new Map());
  for (const { to } of visible.edges) arriving.set(to, (arriving.get(to) ?? 0) + 1);
  return {
    visible,
    size: (item) => boxes.size(item, arriving.get(item) ?? 0),
    titleWidth: (item) => boxes.titleWidth(item),
  };
}

/** @returns {Scene} */
export function sceneOf(
  /** @type {Plan} */ { visible },
  /** @type {Boxes} */ of,
  /** @type {import("./layout/layout.js").Layout} */ layout,
) {
  const { model, tree, measure } = of;
  const boxes = layout.boxes.map((box) => {
    const item = tree.items[box.item];
    const category = item.node >= 0 ? model.nodes[item.node].category : "group";
    return {
      item: box.item,
      x: box.x,
      y: box.y,
      width: box.width,
      height: box.height,
      open: box.open,
      group: item.node < 0,
      depth: item.depth,
      category,
      failed: item.failed,
      alike: item.alike,
      words: of.words(box.item, box.open),
      thumb: of.hasPicture(box.item),
      ports: box.ports,
    };
  });
  // A graph without shapes says nothing about what its edges carry.
  const known = visible.edges.some((edge) => edge.tensor);
  const lines = known ? layout.lines : layout.lines.map((line) => ({ ...line, tensor: true }));
  const ofItem = new Map(boxes.map((box) => [box.item, box]));
  return {
    boxes,
    ofItem,
    lines,
    labels: placeLabels(model, visible, ofItem, lines, measure),
    edges: visible.edges,
    width: layout.width,
    height: layout.height,
  };
}

/**
 * All in one: the scene of a graph as far as it is open.
 * @param {Model} model
 * @param {Tree} tree
 * @param {Visible} visible
 * @param {import("./measure.js").Measure} measure
 * @param {(item: number) => boolean} [hasPicture] which boxes need room for a picture
 * @returns {Scene}
 */
export function buildScene(model, tree, visible, measure, hasPicture) {
  const boxes = new Boxes(model, tree, measure, hasPicture);
  const plan = planScene(visible, boxes);
  const layout = layoutGraph(tree, visible, plan.size, plan.titleWidth);
  return sceneOf(plan, boxes, /** @type {import("./layout/layout.js").Layout} */ (layout));
}

/** The shape below each box that gives a value: right of its line, left if another line is there, nowhere if both are. */
function placeLabels(
  /** @type {Model} */ model,
  /** @type {Visible} */ visible,
  /** @type {Map<number, SceneBox>} */ ofItem,
  /** @type {SceneLine[]} */ lines,
  /** @type {import("./measure.js").Measure} */ measure,
) {
  const shapes = /** @type {Map<number, Set<string>>} */ (new Map());
  for (const edge of visible.edges) {
    const found = shapes.get(edge.from) ?? new Set();
    for (const index of edge.edges) if (model.edges[index].shape) found.add(model.edges[index].shape);
    shapes.set(edge.from, found);
  }
  const free = verticalIndex(lines);
  const labels = /** @type {Label[]} */ ([]);
  for (const [item, found] of shapes) {
    const box = ofItem.get(item);
    if (!box || !found.size) continue;
    const [first, ...more] = found;
    const text = more.length ? `${first} +${more.length}` : first;
    const width = measure(text, "label");
    const x = box.x + box.width / 2;
    // Below the cards behind a group that others are like.
    const y = box.y + box.height + (box.group && box.alike > 1 ? 12 : 10);
    if (free(x + 3, x + 9 + width, y)) labels.push({ x: x + 6, y, width, text, item });
    else if (free(x - 9 - width, x - 3, y)) labels.push({ x: x - 6 - width, y, width, text, item });
  }
  return labels;
}

/** Whether no line passes between two x at a height, looked up in bands. */
function verticalIndex(/** @type {SceneLine[]} */ lines) {
  const BAND = 128;
  const bands = /** @type {Map<number, number[]>} */ (new Map()); // x, top, bottom of each piece, one after the other
  for (const { points } of lines) {
    for (let i = 1; i < points.length; i++) {
      const [[x0, y0], [x1, y1]] = [points[i - 1], points[i]];
      if (x0 !== x1) continue;
      for (let band = Math.floor(y0 / BAND); band <= Math.floor(y1 / BAND); band++) {
        const found = bands.get(band);
        if (found) found.push(x0, y0, y1);
        else bands.set(band, [x0, y0, y1]);
      }
    }
  }
  return (/** @type {number} */ left, /** @type {number} */ right, /** @type {number} */ y) => {
    const found = bands.get(Math.floor(y / BAND)) ?? [];
    for (let i = 0; i < found.length; i += 3) {
      if (found[i] > left && found[i] < right && y > found[i + 1] - 6 && y < found[i + 2] + 6) return false;
    }
    return true;
  };
}
