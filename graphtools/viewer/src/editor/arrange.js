// Places for all boxes of a level: those of the viewer's layout.

import { layoutGroup } from "../layout/group.js";

/** @typedef {import("./level.js").Level} Level */
/** @typedef {(key: string) => {width: number, height: number}} Measure */

/**
 * The middle of the upper side of each box. A function of its arguments alone.
 * @param {Level} level
 * @param {Measure} measure
 * @returns {Record<string, [number, number]>}
 */
export function arrange(level, measure) {
  const index = new Map(level.boxes.map(({ key }, i) => [key, i]));
  const pairs = new Map(level.edges.map(({ from, to }) => [`${from}\n${to}`, { from, to }]));
  const links = [...pairs.values()]
    .map(({ from, to }) => ({ from: index.get(from) ?? 0, to: index.get(to) ?? 0 }))
    .filter(({ from, to }) => from !== to)
    .map((link) => ({ ...link, key: link.from, tensor: true }));
  const back = backward(level.boxes.length, links);
  const boxes = level.boxes.map(({ key }, item) => ({ item, ...measure(key), inPorts: null, outPorts: null }));
  const forward = links.filter((link) => !back.has(link));
  const found = layoutGroup(boxes, forward, null, 0, false);
  return Object.fromEntries(
    found.boxes.map(({ item, x, y, width }) => [level.boxes[item].key, [Math.round(x + width / 2), Math.round(y)]]),
  );
}

/** The links that close a loop, seen from the boxes in their order: a layout in layers has no place for them. */
function backward(/** @type {number} */ count, /** @type {{from: number, to: number}[]} */ links) {
  const leaving = Array.from({ length: count }, () => /** @type {{from: number, to: number}[]} */ ([]));
  for (const link of links) leaving[link.from].push(link);
  const state = new Uint8Array(count); // 1: on the way, 2: done
  const found = new Set();
  for (let start = 0; start < count; start++) {
    if (state[start]) continue;
    const stack = [{ at: start, next: 0 }];
    state[start] = 1;
    while (stack.length) {
      const top = stack[stack.length - 1];
      const link = leaving[top.at][top.next++];
      if (!link) {
        state[top.at] = 2;
        stack.pop();
      } else if (state[link.to] === 1) found.add(link);
      else if (!state[link.to]) {
        state[link.to] = 1;
        stack.push({ at: link.to, next: 0 });
      }
    }
  }
  return found;
}
