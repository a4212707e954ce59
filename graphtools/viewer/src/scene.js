// What is drawn: boxes with their words, lines and labels, from the folded graph and its layout. No canvas, no DOM.

import { layoutGraph } from "./layout/layout.js";
import { compactNumber, operationWords, relative, lastWord } from "./words.js";
import { modulePath } from "./model.js";

/** @typedef {import("./model.js").Model} Model */
/** @typedef {import("./tree.js").Tree} Tree */
/** @typedef {import("./tree.js").Item} Item */
/** @typedef {import("./fold.js").Visible} Visible */

/**
 * @typedef {{title: string, detail: string, subtitle: string, mark: string}} Words
 *
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
 * @property {Words} words
 * @property {boolean} thumb there is room for a small picture of what it gave
 * @property {number[]} ports x of lines that cross the top border of an open group
 *
 * @typedef {import("./layout/layout.js").Line & {left: number, top: number, right: number, bottom: number}} SceneLine
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

export const BOX_HEIGHT = 44;
export const GROUP_HEIGHT = 50;
const LEAST_WIDTH = 164;
const MOST_WIDTH = 264;
const MOST_LANDING = 420;
const PICTURE_WIDTH = 36;
const STEP = 12; // widths in steps, so that columns of boxes look even

/**
 * @param {Model} model
 * @param {Tree} tree
 * @param {Visible} visible
 * @param {import("./measure.js").Measure} measure
 * @param {(item: number) => boolean} [hasPicture] which boxes need room for a picture
 * @returns {Scene}
 */
export function buildScene(model, tree, visible, measure, hasPicture = () => false) {
  const words = /** @type {Map<number, Words>} */ (new Map());
  for (const item of visible.boxes) words.set(item, wordsOf(model, tree, tree.items[item], visible.open.has(item)));
  const wordsFor = (/** @type {number} */ item) => /** @type {Words} */ (words.get(item));
  const arriving = /** @type {Map<number, number>} */ (new Map());
  for (const { to } of visible.edges) arriving.set(to, (arriving.get(to) ?? 0) + 1);
  const size = (/** @type {number} */ item) =>
    boxSize(wordsFor(item), tree.items[item], arriving.get(item) ?? 0, hasPicture(item), measure);
  const titleWidth = (/** @type {number} */ item) => {
    const { title, subtitle } = wordsFor(item);
    return Math.min(420, measure(title, "title") + measure(subtitle, "detail") + 64);
  };
  const layout = layoutGraph(tree, visible, size, titleWidth);
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
      words: wordsFor(box.item),
      thumb: hasPicture(box.item),
      ports: /** @type {number[]} */ ([]),
    };
  });
  // A graph without shapes says nothing about what its edges carry.
  const known = visible.edges.some((edge) => edge.tensor);
  const lines = layout.lines.map((line) => withBounds(line, line.tensor || !known));
  const ofItem = new Map(boxes.map((box) => [box.item, box]));
  findPorts(boxes, lines);
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

/** @returns {Words} */
function wordsOf(
  /** @type {Model} */ model,
  /** @type {Tree} */ tree,
  /** @type {Item} */ item,
  /** @type {boolean} */ open,
) {
  const within = tree.items[item.parent].scope;
  if (item.node >= 0) return { ...operationWords(model, model.nodes[item.node], item.whole, within), mark: "" };
  const count = `${compactNumber(item.operations)} ops`;
  const mark = item.alike > 1 ? `×${item.alike} alike` : "";
  if (item.label) return { title: item.label, detail: "", subtitle: open ? "" : count, mark };
  const module = model.modules.get(modulePath(item.scope));
  const className = module ? module.class : "";
  return {
    title: relative(item.scope, within) || lastWord(item.id),
    detail: "",
    subtitle: open ? className : [className, count].filter(Boolean).join(" · "),
    mark,
  };
}

function boxSize(
  /** @type {Words} */ words,
  /** @type {Item} */ item,
  /** @type {number} */ arriving,
  /** @type {boolean} */ pictured,
  /** @type {import("./measure.js").Measure} */ measure,
) {
  const group = item.node < 0;
  const first =
    measure(words.title, "title") + (words.detail ? 7 + measure(words.detail, "detail") : 0) + (group ? 26 : 0);
  const second = measure(words.subtitle, "subtitle") + (words.mark ? 14 + measure(words.mark, "subtitle") : 0);
  const wanted = Math.max(first, second) + 28 + (pictured ? PICTURE_WIDTH : 0);
  // Lines that end side by side need room; beyond the limit they stand closer.
  const landing = Math.min(MOST_LANDING, (arriving + 1) * 14);
  const width = Math.max(landing, Math.min(MOST_WIDTH, Math.max(LEAST_WIDTH, Math.ceil(wanted / STEP) * STEP)));
  return { width, height: group ? GROUP_HEIGHT : BOX_HEIGHT };
}

/** @returns {SceneLine} */
function withBounds(/** @type {import("./layout/layout.js").Line} */ line, /** @type {boolean} */ tensor) {
  const { key, parent, target, points } = line;
  let [left, top] = points[0];
  let [right, bottom] = points[0];
  for (const [x, y] of points) {
    left = Math.min(left, x);
    right = Math.max(right, x);
    top = Math.min(top, y);
    bottom = Math.max(bottom, y);
  }
  return { key, parent, tensor, target, points, left, right, top, bottom };
}

/** Where lines pass through the titles of open groups, which then make room. */
function findPorts(/** @type {SceneBox[]} */ boxes, /** @type {SceneLine[]} */ lines) {
  const tops = new Map();
  for (const box of boxes) {
    if (!box.open) continue;
    const y = Math.round(box.y);
    if (!tops.has(y)) tops.set(y, []);
    tops.get(y).push(box);
  }
  for (const line of lines) {
    const [x, y] = line.points[0];
    for (const near of [Math.round(y) - 1, Math.round(y), Math.round(y) + 1]) {
      for (const box of tops.get(near) ?? []) {
        if (Math.abs(box.y - y) < 0.5 && x > box.x && x < box.x + box.width) box.ports.push(x);
      }
    }
  }
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
  const bands = new Map();
  for (const { points } of lines) {
    for (let i = 1; i < points.length; i++) {
      const [[x0, y0], [x1, y1]] = [points[i - 1], points[i]];
      if (x0 !== x1) continue;
      for (let band = Math.floor(y0 / BAND); band <= Math.floor(y1 / BAND); band++) {
        if (!bands.has(band)) bands.set(band, []);
        bands.get(band).push([x0, y0, y1]);
      }
    }
  }
  return (/** @type {number} */ left, /** @type {number} */ right, /** @type {number} */ y) =>
    !(bands.get(Math.floor(y / BAND)) ?? []).some(
      (/** @type {number[]} */ [x, top, bottom]) => x > left && x < right && y > top - 6 && y < bottom + 6,
    );
}

/** Lines into and out of a box, each with all that leads to it. */
export function linesOf(/** @type {Scene} */ scene, /** @type {number} */ item) {
  const incoming = new Set();
  const outgoing = new Set();
  scene.lines.forEach((line, index) => {
    if (line.key === item) outgoing.add(index);
    if (line.target === item) for (let i = index; i >= 0; i = scene.lines[i].parent) incoming.add(i);
  });
  return { incoming, outgoing };
}

/** The topmost box at a point of the picture; null if there is none. */
export function boxAt(/** @type {Scene} */ scene, /** @type {number} */ x, /** @type {number} */ y) {
  for (let i = scene.boxes.length - 1; i >= 0; i--) {
    const box = scene.boxes[i];
    if (x >= box.x && x <= box.x + box.width && y >= box.y && y <= box.y + box.height) return box;
  }
  return null;
}

/** Whether a point lies on the + or − sign of a group. */
export function onSign(/** @type {SceneBox} */ box, /** @type {number} */ x, /** @type {number} */ y) {
  if (!box.group) return false;
  return box.open ? x < box.x + 28 && y < box.y + 28 : x > box.x + box.width - 28 && y < box.y + 28;
}

const REACH = 6; // picture units: how near to a line a click must be

/** The line that passes near a point, with an arrow if one does; -1 for none. Of a shared way it is the nearest part. */
export function lineAt(/** @type {Scene} */ scene, /** @type {number} */ x, /** @type {number} */ y, reach = REACH) {
  let found = -1;
  let best = reach;
  scene.lines.forEach((line, index) => {
    if (x < line.left - reach || x > line.right + reach || y < line.top - reach || y > line.bottom + reach) return;
    for (let i = 1; i < line.points.length; i++) {
      const [[x0, y0], [x1, y1]] = [line.points[i - 1], line.points[i]];
      const dx = Math.max(Math.min(x0, x1) - x, 0, x - Math.max(x0, x1));
      const dy = Math.max(Math.min(y0, y1) - y, 0, y - Math.max(y0, y1));
      const distance = Math.hypot(dx, dy);
      if (distance < best) [best, found] = [distance, index];
    }
  });
  return found;
}

/** The items that a line leads from and to; of a way that several share, all to which it leads. */
export function endsOf(/** @type {Scene} */ scene, /** @type {number} */ index) {
  const targets = /** @type {number[]} */ ([]);
  scene.lines.forEach((line, i) => {
    if (line.target < 0) return;
    for (let at = i; at >= 0; at = scene.lines[at].parent) {
      if (at === index) {
        targets.push(line.target);
        break;
      }
    }
  });
  return { from: scene.lines[index].key, targets };
}
