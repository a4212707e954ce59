// The tree of boxes: scopes around operations, made so that the boxes inside any one box never form a cycle.

import { chunk } from "./chunk.js";
import { SIZES, gatherSizes } from "./sizes.js";
import { signer } from "./signature.js";

/** @typedef {import("./model.js").Model} Model */

/**
 * @typedef {object} Item A box that can be drawn: one operation, or a group of them.
 * @property {number} index its place in `tree.items`
 * @property {string} id what callers know it by: the node's name, or the scope; unique
 * @property {string} scope scope of the group, or of the operation's call
 * @property {number} node index of the operation, or -1 for a group
 * @property {number} parent index of the box around it; -1 for the root
 * @property {number[]} children indexes, inputs before their users; empty for an operation
 * @property {number} depth
 * @property {number} operations how many it holds
 * @property {number} first index of the first node in it
 * @property {boolean} whole the operation is everything that its module does
 * @property {string} label a group's own title, where it stands for a run of its parent's boxes; else ""
 * @property {number} alike how many siblings do the same, itself included
 * @property {number} alikeAs index of the first of them
 * @property {boolean} isQuiet the first view does not open it
 * @property {boolean} failed it holds the operation that failed
 *
 * @typedef {object} Tree
 * @property {Item[]} items item 0 is the root
 * @property {Int32Array} ofNode item of each node
 *
 * @typedef {object} Part Nodes that become one item. `parts` is given where they were already put together.
 * @property {string} scope
 * @property {number[]} nodes in execution order
 * @property {Part[]} [parts]
 * @property {string} [label]
 */

/**
 * The tree of `model`. A scope that holds one operation is that operation; a scope that holds one scope is that one.
 * @param {Model} model
 * @returns {Tree}
 */
export function buildTree(model) {
  const items = /** @type {Item[]} */ ([]);
  const ofNode = new Int32Array(model.nodes.length).fill(-1);
  const ids = new Set(model.nodes.map((node) => node.name));
  const sizes = operationsByScope(model);
  const inputs = model.nodes.map(() => /** @type {number[]} */ ([]));
  for (const edge of model.edges) inputs[edge.to].push(edge.from);
  const signature = signer(model, inputs);
  const owner = new Int32Array(model.nodes.length);
  const isOfSizes = ofSizes(model);
  const fixed = (/** @type {Part} */ part) => part.nodes.length === 1 && model.nodes[part.nodes[0]].kind !== "call";

  /** @returns {number} */
  function add(/** @type {Part} */ part, /** @type {number} */ parent, /** @type {number} */ depth) {
    const index = items.length;
    const item = /** @type {Item} */ ({
      index,
      id: "",
      scope: part.scope,
      node: -1,
      parent,
      children: [],
      depth,
      operations: part.nodes.length,
      first: part.nodes[0] ?? 0,
      whole: false,
      label: part.label ?? "",
      alike: 1,
      alikeAs: index,
      isQuiet: part.label === SIZES,
      failed: false,
    });
    items.push(item);
    if (part.nodes.length === 1 && parent >= 0) {
      const { name, scope, failed } = model.nodes[part.nodes[0]];
      Object.assign(item, {
        id: name,
        scope,
        node: part.nodes[0],
        failed,
        whole: scope !== "" && sizes.get(scope) === 1,
      });
      ofNode[item.node] = index;
      return index;
    }
    const { scope, parts } = part.parts ? { scope: part.scope, parts: part.parts } : unwrap(model, part, parent >= 0);
    item.scope = scope;
    item.id = unused(ids, item.label ? `${scope || "model"} [${item.label}]` : scope);
    const ordered = flowsForward(parts, inputs, owner) ? parts : withoutCycles(parts, inputs);
    const shown = chunk(part.parts ? ordered : gatherSizes(ordered, isOfSizes), inputs, signature, fixed);
    item.children = shown.map((child) => add(child, index, depth + 1));
    item.failed = item.children.some((child) => items[child].failed);
    const groups = shown.map((child) => (child.nodes.length > 1 ? signature(child) : ""));
    item.children.forEach((child, i) => {
      if (!groups[i]) return;
      items[child].alike = groups.filter((other) => other === groups[i]).length;
      items[child].alikeAs = item.children[groups.indexOf(groups[i])];
    });
    return index;
  }

  add({ scope: "", nodes: model.nodes.map((node) => node.index) }, -1, 0);
  return { items, ofNode };
}

/**
 * Whether a part is one operation that gives no tensor and writes into none, as `x.shape` and `assert` do. Of a graph
 * without shapes nobody knows.
 * @returns {(part: Part) => boolean}
 */
function ofSizes(/** @type {Model} */ model) {
  const isKnown = model.nodes.some(({ kind, specs }) => kind === "call" && specs.length > 0);
  return ({ nodes }) => {
    if (!isKnown || nodes.length !== 1) return false;
    const { kind, specs, writes, failed } = model.nodes[nodes[0]];
    return kind === "call" && !specs.length && !writes.length && !failed;
  };
}

function unused(/** @type {Set<string>} */ ids, /** @type {string} */ wanted) {
  let id = wanted;
  for (let count = 2; ids.has(id); count++) id = `${wanted}~${count}`;
  ids.add(id);
  return id;
}

/** How many operations each scope holds, those of the scopes in it included. */
function operationsByScope(/** @type {Model} */ model) {
  const sizes = /** @type {Map<string, number>} */ (new Map());
  for (const { kind, scope } of model.nodes) {
    if (kind !== "call") continue;
    for (let path = scope; path; path = path.slice(0, Math.max(0, path.lastIndexOf(".")))) {
      sizes.set(path, (sizes.get(path) ?? 0) + 1);
    }
  }
  return sizes;
}

/** The parts of a scope; as long as it holds nothing but one scope, the parts of that one. */
function unwrap(/** @type {Model} */ model, /** @type {Part} */ part, /** @type {boolean} */ deep) {
  let scope = part.scope;
  let parts = partition(model, scope, part.nodes);
  while (deep && parts.length === 1 && parts[0].nodes.length > 1) {
    scope = parts[0].scope;
    parts = partition(model, scope, part.nodes);
  }
  return { scope, parts };
}

/** The nodes of a scope by the next word of their path; nodes of the scope itself stand alone. */
function partition(/** @type {Model} */ model, /** @type {string} */ scope, /** @type {number[]} */ nodes) {
  const parts = /** @type {Map<string | number, Part>} */ (new Map());
  const skip = scope ? scope.length + 1 : 0;
  for (const node of nodes) {
    const own = model.nodes[node].kind === "call" ? model.nodes[node].scope : "";
    const inside = own.length > scope.length;
    const dot = inside ? own.indexOf(".", skip) : -1;
    const path = dot < 0 ? own : own.slice(0, dot);
    const key = inside ? path : node;
    const found = parts.get(key);
    if (found) found.nodes.push(node);
    else parts.set(key, { scope: path, nodes: [node] });
  }
  return [...parts.values()];
}

/**
 * Whether values flow only from earlier parts to later ones, as they mostly do.
 * @param {Part[]} parts
 * @param {number[][]} inputs
 * @param {Int32Array} owner zeros, one for each node; zeros again afterwards
 */
function flowsForward(parts, inputs, owner) {
  parts.forEach(({ nodes }, p) => setAll(owner, nodes, p + 1));
  const forward = parts.every(({ nodes }, p) => nodes.every((node) => comesFrom(inputs[node], owner, p + 1)));
  for (const { nodes } of parts) setAll(owner, nodes, 0);
  return forward;
}

function setAll(/** @type {Int32Array} */ owner, /** @type {number[]} */ nodes, /** @type {number} */ to) {
  for (const node of nodes) owner[node] = to;
}

/** Whether all of these nodes are in the first `last` parts, or in none. */
function comesFrom(/** @type {number[]} */ nodes, /** @type {Int32Array} */ owner, /** @type {number} */ last) {
  for (const node of nodes) if (owner[node] > last) return false;
  return true;
}

/**
 * The parts in an order in which values only flow forward. Parts between which values flow both ways (a ModuleList whose
 * members are called with other operations in between) are cut into the runs in which they executed.
 * @param {Part[]} parts
 * @param {number[][]} inputs
 */
function withoutCycles(parts, inputs) {
  const { order, stuck } = sortParts(parts, inputs);
  if (!stuck.length) return order;
  const owner = stuck.flatMap((part) => part.nodes.map((node) => /** @type {[number, Part]} */ ([node, part])));
  owner.sort((a, b) => a[0] - b[0]);
  const runs = /** @type {Part[]} */ ([]);
  owner.forEach(([node, part], i) => {
    if (i && owner[i - 1][1] === part) runs[runs.length - 1].nodes.push(node);
    else runs.push({ scope: part.scope, nodes: [node] });
  });
  const kept = parts.filter((part) => !stuck.includes(part));
  return sortParts(
    [...kept, ...runs].sort((a, b) => a.nodes[0] - b.nodes[0]),
    inputs,
  ).order;
}

/** Parts with inputs before users, earliest first; `stuck` are those on or between cycles. */
function sortParts(/** @type {Part[]} */ parts, /** @type {number[][]} */ inputs) {
  const of = new Map();
  parts.forEach((part, p) => part.nodes.forEach((node) => of.set(node, p)));
  const after = parts.map(() => new Set());
  const before = parts.map(() => new Set());
  parts.forEach((part, p) => {
    for (const node of part.nodes) {
      for (const source of inputs[node]) {
        const q = of.get(source);
        if (q !== undefined && q !== p) {
          after[q].add(p);
          before[p].add(q);
        }
      }
    }
  });
  const order = peel(before, after);
  const head = new Set(order);
  const tail = new Set(peel(after, before).filter((p) => !head.has(p)));
  const stuck = parts.filter((_, p) => !head.has(p) && !tail.has(p));
  return { order: order.map((p) => parts[p]), stuck };
}

/** Indexes that can be taken one by one without waiting for what they need, smallest first. */
function peel(/** @type {Set<number>[]} */ needs, /** @type {Set<number>[]} */ frees) {
  const waiting = needs.map((set) => set.size);
  const done = /** @type {number[]} */ ([]);
  const ready = waiting.flatMap((count, p) => (count ? [] : [p]));
  while (ready.length) {
    const p = /** @type {number} */ (ready.shift());
    done.push(p);
    for (const q of frees[p]) {
      if (--waiting[q]) continue;
      let at = ready.length;
      while (at && ready[at - 1] > q) at--;
      ready.splice(at, 0, q);
    }
  }
  return done;
}
