// What every picture must be: boxes apart and inside their groups, lines that meet boxes at their borders and cross none.

const NEAR = 0.01;

/** What is wrong with a scene, in sentences; empty if nothing is. */
export function faults({ tree, scene, visible }) {
  const found = new Set();
  const id = (item) => tree.items[item].id || "root";
  const whole = { x: 0, y: 0, width: scene.width, height: scene.height };
  const around = (box) => scene.ofItem.get(tree.items[box.item].parent) ?? whole;

  const siblings = groupBy(scene.boxes, (box) => tree.items[box.item].parent);
  for (const boxes of siblings.values()) {
    for (const [a, b] of overlapping(boxes)) found.add(`${id(a.item)} overlaps ${id(b.item)}`);
  }
  for (const box of scene.boxes) {
    if (!within(box, around(box))) found.add(`${id(box.item)} is not inside ${id(tree.items[box.item].parent)}`);
  }
  if (scene.boxes.length !== visible.boxes.length) found.add("not every visible box is drawn, once");

  const near = boxIndex(scene.boxes);
  const arriving = new Set();
  for (const line of scene.lines) {
    const name = `a line of ${id(line.key)}`;
    const { points } = line;
    for (let i = 1; i < points.length; i++) {
      const [[x0, y0], [x1, y1]] = [points[i - 1], points[i]];
      if (x0 !== x1 && y0 !== y1) found.add(`${name} is slanted`);
      if (y1 < y0 - NEAR) found.add(`${name} runs upward`);
      const [left, right] = [Math.min(x0, x1), Math.max(x0, x1)];
      for (const box of near(y0, y1)) {
        const meets =
          right > box.x + 0.1 && left < box.x + box.width - 0.1 && y1 > box.y + 0.1 && y0 < box.y + box.height - 0.1;
        // An open group may hold the whole line; a part of it in there means that it goes through.
        if (meets && !(box.open && points.every((point) => holds(box, point))))
          found.add(`${name} crosses ${id(box.item)}`);
      }
    }
    const [startX, startY] = points[0];
    const [endX, endY] = points.at(-1);
    if (line.parent >= 0) {
      const before = scene.lines[line.parent];
      const [x, y] = before.points.at(-1);
      if (Math.abs(x - startX) > NEAR || Math.abs(y - startY) > NEAR) found.add(`${name} has a gap`);
      if (before.key !== line.key) found.add(`${name} continues another's`);
      if (before.target >= 0) found.add(`${name} goes on behind an arrow`);
    } else {
      const box = scene.ofItem.get(line.key);
      const leaves = Math.abs(startY - box.y - box.height) < NEAR && startX > box.x && startX < box.x + box.width;
      if (!leaves) found.add(`${name} does not start at the lower border of its box`);
    }
    if (line.target < 0) continue;
    arriving.add(`${line.key} ${line.target}`);
    const box = scene.ofItem.get(line.target);
    const enters = Math.abs(endY - box.y) < NEAR && endX > box.x && endX < box.x + box.width;
    if (!enters) found.add(`${name} does not end at the upper border of ${id(line.target)}`);
  }
  for (const { from, to } of visible.edges) {
    if (!arriving.has(`${from} ${to}`)) found.add(`no line from ${id(from)} to ${id(to)}`);
  }
  for (const { from, to } of crookedChains({ tree, scene, visible }))
    found.add(`the way from ${id(from)} to ${id(to)} turns`);
  return [...found];
}

/**
 * Edges between two boxes of one group that nothing else leaves or enters, and whose way turns all the same. Of two that
 * cross, one must turn.
 */
export function crookedChains({ tree, scene, visible }) {
  const leaving = count(visible.edges.map((edge) => edge.from));
  const entering = count(visible.edges.map((edge) => edge.to));
  const last = new Map(scene.lines.map((line, index) => [`${line.key} ${line.target}`, index]));
  const chains = visible.edges
    .filter(({ from, to }) => leaving.get(from) === 1 && entering.get(to) === 1)
    .filter(({ from, to }) => tree.items[from].parent === tree.items[to].parent)
    .map((edge) => ({ ...edge, group: tree.items[edge.from].parent, points: wayOf(scene, last, edge) }));
  return chains
    .filter(({ points }) => points.some(([x]) => x !== points[0][0]))
    .filter(
      (one) => !chains.some((other) => one.group === other.group && one !== other && cross(one.points, other.points)),
    );
}

function wayOf(scene, last, { from, to }) {
  const pieces = [];
  for (let i = last.get(`${from} ${to}`); i >= 0; i = scene.lines[i].parent) pieces.unshift(scene.lines[i].points);
  return pieces.flat();
}

/** Whether one way passes from one side of the other to the other side. */
function cross(a, b) {
  const [top, bottom] = [Math.max(a[0][1], b[0][1]), Math.min(a.at(-1)[1], b.at(-1)[1])];
  if (top >= bottom) return false;
  const x = (way, y) => way.findLast((point) => point[1] <= y)[0];
  return (x(a, top) - x(b, top)) * (x(a, bottom) - x(b, bottom)) < 0;
}

function within(inner, outer) {
  return (
    inner.x >= outer.x - NEAR &&
    inner.y >= outer.y - NEAR &&
    inner.x + inner.width <= outer.x + outer.width + NEAR &&
    inner.y + inner.height <= outer.y + outer.height + NEAR
  );
}

function holds(box, [x, y]) {
  return within({ x, y, width: 0, height: 0 }, box);
}

/** Pairs of boxes that overlap, found from top to bottom. */
function overlapping(boxes) {
  const pairs = [];
  let above = [];
  for (const box of [...boxes].sort((a, b) => a.y - b.y)) {
    above = above.filter((other) => other.y + other.height > box.y);
    for (const other of above) {
      if (other.x < box.x + box.width && box.x < other.x + other.width) pairs.push([other, box]);
    }
    above.push(box);
  }
  return pairs;
}

/** Boxes that may stand between two heights, looked up in bands. */
function boxIndex(boxes) {
  const BAND = 200;
  const bands = [];
  for (const box of boxes) {
    for (let band = Math.floor(box.y / BAND); band <= Math.floor((box.y + box.height) / BAND); band++) {
      (bands[band] ??= []).push(box);
    }
  }
  return (top, bottom) => {
    const found = new Set();
    for (let band = Math.floor(top / BAND); band <= Math.floor(bottom / BAND); band++) {
      for (const box of bands[band] ?? []) found.add(box);
    }
    return found;
  };
}

function groupBy(list, by) {
  const found = new Map();
  for (const entry of list) {
    const key = by(entry);
    if (found.has(key)) found.get(key).push(entry);
    else found.set(key, [entry]);
  }
  return found;
}

function count(list) {
  const found = new Map();
  for (const entry of list) found.set(entry, (found.get(entry) ?? 0) + 1);
  return found;
}
