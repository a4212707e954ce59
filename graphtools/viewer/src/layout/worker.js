// Runs in a worker of its own: lays out what it is sent, and sends back the groups that the page does not know yet.

import { layoutGraph } from "./layout.js";
import { memoryOf } from "./memory.js";

/**
 * @typedef {{children: number[][]}} TreeMessage the first one: the children of each item
 *
 * @typedef {object} PlanMessage
 * @property {number} id
 * @property {import("../fold.js").Visible} visible without edges
 * @property {Map<number, {width: number, height: number}>} sizes of all boxes that are not open
 * @property {Map<number, number>} titles least widths of open groups
 *
 * @typedef {{id: number, groups: [string, import("./group.js").GroupLayout][]}} Reply
 */

/** @type {any} */
let tree = null;
const sent = new Set();

self.onmessage = ({ data }) => {
  if (data.children) {
    tree = { items: data.children.map((/** @type {number[]} */ children) => ({ children })) };
    return;
  }
  const { id, visible, sizes, titles } = /** @type {PlanMessage} */ (data);
  const memory = memoryOf(tree);
  layoutGraph(
    tree,
    visible,
    (item) => /** @type {{width: number, height: number}} */ (sizes.get(item)),
    (item) => titles.get(item) ?? 0,
  );
  const groups = [...memory.layouts].filter(([signature]) => !sent.has(signature));
  for (const [signature] of groups) sent.add(signature);
  self.postMessage({ id, groups });
};
