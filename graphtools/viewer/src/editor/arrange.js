// Places for the boxes of a level: those of the viewer's layout. Asked for, and for boxes that have none yet.

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

/**
 * Places for boxes without one, near what they are connected with and over none that has one. All are laid out where
 * none has a place.
 * @param {Level} level
 * @param {Record<string, [number, number]>} known
 * @param {Measure} measure
 */
export function placeNew(level, known, measure) {
  const missing = level.boxes.filter(({ key }) => !(key in known));
  if (!missing.length) return {};
  if (missing.length === level.boxes.length) return arrange(level, measure);
  const places = { ...known };
  const found = /** @type {Record<string, [number, number]>} */ ({});
  for (const { key } of missing) {
    const { width, height } = measure(key);
    const before = level.edges.filter(({ to, from }) => to === key && from in places).map(({ from }) => from);
    const behind = level.edges.filter(({ to, from }) => from === key && to in places).map(({ to }) => to);
    let [x, y] = [40 + width / 2, 40];
    if (before.length) {
      const sizes = before.map((name) => ({ at: places[name], ...measure(name) }));
      x = Math.max(...sizes.map(({ at }) => at[0]));
      y = Math.max(...sizes.map(({ at, height: h }) => at[1] + h)) + 44;
    } else if (behind.length) {
      x = Math.min(...behind.map((name) => places[name][0]));
      y = Math.min(...behind.map((name) => places[name][1])) - height - 44;
    } else {
      const ends = Object.entries(places).filter(([name]) => level.boxes.some((box) => box.key === name));
      y = Math.max(40, ...ends.map(([name, at]) => at[1] + measure(name).height + 44));
    }
    found[key] = places[key] = freeNear([x, y], { width, height }, level, places, measure);
  }
  return found;
}

/** The nearest place to the right of a point that covers no box. @returns {[number, number]} */
export function freeNear(
  /** @type {[number, number]} */ [x, y],
  /** @type {{width: number, height: number}} */ { width, height },
  /** @type {Level} */ level,
  /** @type {Record<string, [number, number]>} */ places,
  /** @type {Measure} */ measure,
) {
  for (let tries = 0; tries < 200; tries++) {
    const hit = level.boxes.find(({ key }) => {
      if (!(key in places)) return false;
      const size = measure(key);
      const [middle, top] = places[key];
      const isBeside = Math.abs(middle - x) >= (size.width + width) / 2 + 12;
      return !isBeside && top < y + height + 12 && y < top + size.height + 12;
    });
    if (!hit) break;
    x = places[hit.key][0] + (measure(hit.key).width + width) / 2 + 24;
  }
  return [Math.round(x), Math.round(y)];
}
