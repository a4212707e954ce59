// Which boxes and which edges are visible, given the set of open groups.

/** @typedef {import("./model.js").Model} Model */
/** @typedef {import("./tree.js").Tree} Tree */

export const FIRST_VIEW = 40; // boxes that the first view shows at most, if the root itself does not hold more
const FEW = 10; // with fewer boxes, a part of a level opens too

/** IN and OUT stand for the border of a group among the ends of its edges. */
export const IN = -1;
export const OUT = -2;

/**
 * @typedef {object} Link Inside one open group: a value (`key`, the visible box that gives it) goes from a child, or IN,
 * to a child, or OUT.
 * @property {number} key
 * @property {number} from
 * @property {number} to
 * @property {boolean} tensor it carries a tensor, and not only a size or a flag
 *
 * @typedef {object} VisibleEdge
 * @property {number} from item
 * @property {number} to item
 * @property {number[]} edges indexes into model.edges
 * @property {boolean} tensor
 *
 * @typedef {object} Visible
 * @property {Set<number>} open
 * @property {number[]} boxes visible items, groups around their content first, in reading order; without the root
 * @property {Map<number, Link[]>} links of each open group
 * @property {VisibleEdge[]} edges between boxes that are not open
 */

/**
 * The groups that the first view opens: level by level, as long as no more than about `limit` boxes show.
 * A failed operation is always shown.
 * @param {Tree} tree
 */
export function firstOpen(tree, limit = FIRST_VIEW) {
  const { items } = tree;
  const open = new Set([0]);
  const failed = items.find((item) => item.failed && item.node >= 0);
  for (let i = failed ? failed.parent : 0; i > 0; i = items[i].parent) open.add(i);
  let shown = 0;
  for (const i of open) shown += items[i].children.length - (i ? 1 : 0);
  const grows = (/** @type {number[]} */ groups) =>
    groups.reduce((sum, i) => sum + (open.has(i) ? 0 : items[i].children.length - 1), 0);
  const openAll = (/** @type {number[]} */ groups) => {
    shown += grows(groups);
    for (const i of groups) open.add(i);
  };
  const groupsIn = (/** @type {number} */ i) =>
    items[i].children.filter((child) => items[child].node < 0 && !items[child].isQuiet);
  let level = groupsIn(0);
  while (level.length) {
    // A level opens as a whole, so that what is open and what is closed says how deep it is and nothing else.
    if (shown + grows(level) <= limit) openAll(level);
    else if (shown < FEW) {
      for (const kind of kindsOf(items, level).sort((x, y) => grows(x) - grows(y) || x[0] - y[0])) {
        if (shown + grows(kind) <= limit + FEW) openAll(kind);
      }
    }
    level = level.filter((i) => open.has(i)).flatMap(groupsIn);
  }
  return open;
}

/** Groups that do the same, together: one open among closed ones would look as if it differed. */
function kindsOf(/** @type {Tree["items"]} */ items, /** @type {number[]} */ groups) {
  const kinds = /** @type {Map<number, number[]>} */ (new Map());
  for (const i of groups) kinds.set(items[i].alikeAs, [...(kinds.get(items[i].alikeAs) ?? []), i]);
  return [...kinds.values()];
}

/** The item that stands for `item`: the outermost closed group around it, else itself. */
export function standIn(/** @type {Tree} */ tree, /** @type {Set<number>} */ open, /** @type {number} */ item) {
  let shown = item;
  for (let i = tree.items[item].parent; i >= 0; i = tree.items[i].parent) if (!open.has(i)) shown = i;
  return shown;
}

/** How many boxes would be visible, group borders not counted. */
export function countVisible(/** @type {Tree} */ tree, /** @type {Set<number>} */ open) {
  let count = 0;
  const stack = [0];
  while (stack.length) {
    const i = /** @type {number} */ (stack.pop());
    if (open.has(i)) stack.push(...tree.items[i].children);
    else count++;
  }
  return count;
}

/**
 * @param {Model} model
 * @param {Tree} tree
 * @param {Set<number>} wanted open groups; one inside a closed group has no effect until that opens
 * @returns {Visible}
 */
export function fold(model, tree, wanted) {
  const { items } = tree;
  const open = new Set();
  const boxes = /** @type {number[]} */ ([]);
  const walk = (/** @type {number} */ i) => {
    if (i) boxes.push(i);
    if (!wanted.has(i) || items[i].node >= 0) return;
    open.add(i);
    items[i].children.forEach(walk);
  };
  walk(0);
  const shownAs = new Int32Array(model.nodes.length);
  for (const node of model.nodes) shownAs[node.index] = standIn(tree, open, tree.ofNode[node.index]);

  const edges = /** @type {Map<number, VisibleEdge>} */ (new Map());
  model.edges.forEach((edge, index) => {
    const from = shownAs[edge.from];
    const to = shownAs[edge.to];
    if (from === to) return;
    const key = from * items.length + to;
    const found = edges.get(key);
    const tensor = edge.shape !== "";
    if (!found) edges.set(key, { from, to, edges: [index], tensor });
    else {
      found.edges.push(index);
      found.tensor ||= tensor;
    }
  });
  const links = /** @type {Map<number, Link[]>} */ (new Map([...open].map((i) => [i, []])));
  const seen = /** @type {Map<number, Link>} */ (new Map());
  const link = (/** @type {number} */ group, /** @type {Link} */ found) => {
    // Of a value and the child that takes it, or of one out of which it goes, there is only one link.
    const { key, from, to } = found;
    const name = 2 * (key * items.length + (to === OUT ? from : to)) + Number(to === OUT);
    const before = seen.get(name);
    if (before) {
      before.tensor ||= found.tensor;
      return;
    }
    seen.set(name, found);
    /** @type {Link[]} */ (links.get(group)).push(found);
  };
  for (const edge of edges.values()) connect(items, edge, link);
  return { open, boxes, links, edges: [...edges.values()] };
}

/** Cuts one visible edge at the borders it crosses: out of groups, across their common group, into groups. */
function connect(
  /** @type {Tree["items"]} */ items,
  /** @type {VisibleEdge} */ edge,
  /** @type {(group: number, link: Link) => void} */ link,
) {
  const { from: key, tensor } = edge;
  let a = edge.from;
  let b = edge.to;
  const into = /** @type {[number, number][]} */ ([]);
  while (items[a].parent !== items[b].parent) {
    if (items[a].depth >= items[b].depth && items[a].depth > 0) {
      link(items[a].parent, { key, from: a, to: OUT, tensor });
      a = items[a].parent;
    } else {
      into.push([items[b].parent, b]);
      b = items[b].parent;
    }
  }
  link(items[a].parent, { key, from: a, to: b, tensor });
  for (const [group, child] of into.reverse()) link(group, { key, from: IN, to: child, tensor });
}
