// What of a scene is at a point, and what belongs to what: boxes, signs, lines.

/** @typedef {import("./scene.js").Scene} Scene */
/** @typedef {import("./scene.js").SceneBox} SceneBox */

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
