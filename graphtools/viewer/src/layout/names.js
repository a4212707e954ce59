// A group without the names of what is in it, so that groups which are alike are laid out once; and back.

import { byKey } from "./layers.js";

/** @typedef {import("../fold.js").Link} Link */
/** @typedef {import("./layers.js").Box} Box */
/** @typedef {import("./group.js").GroupLayout} GroupLayout */

/**
 * The children by their place in `boxes`, the values by their rank in `keys`. Two groups with the same signature have the
 * same layout.
 * @param {Box[]} boxes
 * @param {Link[]} links
 * @param {number[] | null} entering
 */
export function withoutNames(boxes, links, entering) {
  const keys = [...byKey(links).keys()].sort((a, b) => a - b);
  const rank = new Map(keys.map((key, i) => [key, i]));
  const place = new Map(boxes.map((box, i) => [box.item, i]));
  const ranked = (/** @type {Map<number, number> | null} */ ports) =>
    ports && new Map([...ports].map(([key, x]) => [rank.get(key) ?? -1, x]));
  const end = (/** @type {number} */ item) => place.get(item) ?? item; // the border is no child
  const plain = {
    boxes: boxes.map(({ width, height, inPorts, outPorts }, item) => ({
      item,
      width,
      height,
      inPorts: ranked(inPorts),
      outPorts: ranked(outPorts),
    })),
    links: links.map(({ key, from, to, tensor }) => ({
      key: /** @type {number} */ (rank.get(key)),
      from: end(from),
      to: end(to),
      tensor,
    })),
    entering: entering && entering.map((key) => /** @type {number} */ (rank.get(key))),
  };
  const ports = (/** @type {Map<number, number> | null} */ found) => (found ? [...found].join(";") : "");
  const signature = [
    plain.boxes.map((box) => `${box.width} ${box.height} ${ports(box.inPorts)} ${ports(box.outPorts)}`).join("|"),
    plain.links.map((link) => `${link.key} ${link.from} ${link.to} ${Number(link.tensor)}`).join("|"),
    plain.entering?.join(" "),
  ].join("#");
  return { ...plain, keys, signature };
}

/**
 * A layout and what its numbers stand for: child i is `boxes[i]`, value k is `keys[k]`.
 * @typedef {object} Named
 * @property {GroupLayout} layout
 * @property {Box[]} boxes
 * @property {number[]} keys
 * @property {Map<number, number>} inPorts by value
 * @property {Map<number, number>} outPorts
 */

/** @returns {Named} */
export function withNames(/** @type {GroupLayout} */ layout, /** @type {Box[]} */ boxes, /** @type {number[]} */ keys) {
  const named = (/** @type {Map<number, number>} */ ports) => new Map([...ports].map(([key, x]) => [keys[key], x]));
  return { layout, boxes, keys, inPorts: named(layout.inPorts), outPorts: named(layout.outPorts) };
}
