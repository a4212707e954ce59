// The picture of a graph as data, for what is drawn without the viewer: runs in any JavaScript engine, without a page.

import { firstOpen, fold } from "./fold.js";
import { estimateWidth } from "./measure.js";
import { readPayload } from "./model.js";
import { buildScene } from "./scene.js";
import { buildTree } from "./tree.js";

/**
 * Boxes, lines and labels of a payload as JSON. Groups `depth` levels down are closed; null opens what a first view does.
 * @param {string} text the payload
 * @param {number | null} depth
 */
export function positionsOf(text, depth) {
  const model = readPayload(JSON.parse(text));
  const tree = buildTree(model);
  const isShown = (/** @type {import("./tree.js").Item} */ { node, depth: own, isQuiet }) =>
    node < 0 && (own < (depth ?? 0) || (isQuiet && own === depth));
  const deep = tree.items.filter(isShown).map((item) => item.index);
  const open = depth === null ? firstOpen(tree) : new Set([0, ...deep]);
  const scene = buildScene(model, tree, fold(model, tree, open), estimateWidth);
  const idOf = (/** @type {number} */ item) => (item < 0 ? null : tree.items[item].id);
  return JSON.stringify({
    width: scene.width,
    height: scene.height,
    boxes: scene.boxes.map((box) => {
      const { id, scope, node, operations } = tree.items[box.item];
      const { item, words, thumb, alike, ...rest } = box;
      return { ...rest, ...words, id, scope, row: node, operations };
    }),
    lines: parentsFirst(scene.lines).map(({ key, target, parent, points }) => ({
      from: idOf(key),
      to: idOf(target),
      parent,
      points,
    })),
    labels: scene.labels.map(({ x, y, text }) => ({ x, y, text })),
  });
}

/** Lines after those that they continue. */
function parentsFirst(/** @type {import("./scene.js").SceneLine[]} */ lines) {
  const place = new Map([[-1, -1]]);
  const ordered = /** @type {import("./scene.js").SceneLine[]} */ ([]);
  const visit = (/** @type {number} */ index) => {
    if (place.has(index)) return;
    const { parent } = lines[index];
    visit(parent);
    place.set(index, ordered.length);
    ordered.push({ ...lines[index], parent: /** @type {number} */ (place.get(parent)) });
  };
  lines.forEach((_, index) => visit(index));
  return ordered;
}

/** @type {any} */ (globalThis).positionsOf = positionsOf;
