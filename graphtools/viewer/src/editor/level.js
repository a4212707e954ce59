// One level of a draft, as boxes and edges: the operations in a module, the modules in it, and what comes from outside.

/** @typedef {import("./draft.js").DraftState} DraftState */
/** @typedef {import("./draft.js").DraftNode} DraftNode */
/** @typedef {import("./draft.js").Value} Value */
/** @typedef {import("./draft.js").Place} Place */

/**
 * @typedef {{label: string, ends: [string, Place][], from: Value | null, may: boolean}} In arguments that one value feeds
 * @typedef {{label: string, value: Value, type: string}} Out
 *
 * @typedef {object} Box
 * @property {string} key the name of a node; of a module its path and "/"; of a value from outside "<" and its name
 * @property {"node" | "group" | "outside"} kind
 * @property {string} title
 * @property {string} type what it is: the class, the operation
 * @property {string} detail
 * @property {string} category
 * @property {In[]} ins
 * @property {Out[]} outs
 * @property {string} mode
 * @property {boolean} bad
 * @property {boolean} unused nothing that the draft gives depends on it, so it is not in the code
 * @property {string[]} nodes those in it
 *
 * @typedef {{from: string, out: number, to: string, in: number, value: Value, bad: boolean}} Edge
 * @typedef {{boxes: Box[], edges: Edge[]}} Level
 */

/** The path of the module that holds a path; "" for the outermost. */
export function above(/** @type {string} */ path) {
  return path.includes(".") ? path.slice(0, path.lastIndexOf(".")) : "";
}

/**
 * @param {Pick<DraftState, "nodes" | "groups" | "problems">} draft
 * @param {string} scope path of the module to look into, "" for the whole
 * @returns {Level}
 */
export function levelOf(draft, scope) {
  const keyOf = (/** @type {DraftNode} */ node) => placeOf(node, scope, draft);
  const boxes = /** @type {Map<string, Box>} */ (new Map());
  const users = usersOf(draft.nodes);
  for (const node of draft.nodes.values()) {
    const key = keyOf(node);
    if (key === null) continue;
    if (key.endsWith("/")) joinGroup(boxes, key, node, draft);
    else boxes.set(key, nodeBox(node, draft));
  }
  for (const box of boxes.values()) if (box.kind === "group") openPorts(box, draft, users);
  const edges = /** @type {Edge[]} */ ([]);
  const problems = draft.problems.filter(({ place }) => place);
  for (const box of [...boxes.values()]) {
    box.ins.forEach((port, at) => {
      if (!port.from) return;
      const source = draft.nodes.get(port.from[0]);
      if (!source) return;
      const key = keyOf(source) ?? `<${source.name}`;
      const giver = boxes.get(key) ?? outsideBox(boxes, source, draft);
      let out = giver.outs.findIndex(({ value }) => String(value) === String(port.from));
      if (out < 0) out = giver.outs.push({ label: "", value: port.from, type: "" }) - 1;
      const bad = problems.some(({ node, place }) =>
        port.ends.some(([name, end]) => name === node && String(end) === String(place)),
      );
      edges.push({ from: giver.key, out, to: box.key, in: at, value: port.from, bad });
    });
  }
  return { boxes: [...boxes.values()], edges };
}

/** Where a node stands at a level: its own key, that of the module which holds it, null if it is not there. */
function placeOf(
  /** @type {DraftNode} */ node,
  /** @type {string} */ scope,
  /** @type {Pick<DraftState, "groups">} */ draft,
) {
  const home = node.home;
  if (home === scope) return isState(node) && scope ? null : node.name;
  const head = scope ? `${scope}.` : "";
  if (!home.startsWith(head)) return null;
  // The outermost module below this one that is a group: "layer1" may hold nothing but "layer1.0".
  const words = home.slice(head.length).split(".");
  for (let n = 1; n <= words.length; n++) {
    const path = head + words.slice(0, n).join(".");
    if (path in draft.groups) return `${path}/`;
  }
  return node.name;
}

function isState(/** @type {DraftNode} */ { kind }) {
  return kind !== "call" && kind !== "output" && kind !== "input";
}

function usersOf(/** @type {Map<string, DraftNode>} */ nodes) {
  const users = /** @type {Map<string, [string, Value][]>} */ (new Map());
  for (const node of nodes.values()) {
    for (const { from } of node.in) {
      if (!from) continue;
      if (!users.has(from[0])) users.set(from[0], []);
      users.get(from[0])?.push([node.name, from]);
    }
  }
  return users;
}

/** @returns {Box} */
function nodeBox(/** @type {DraftNode} */ node, /** @type {Pick<DraftState, "problems">} */ draft) {
  return {
    key: node.name,
    kind: "node",
    title: node.path ? node.path.slice(node.path.lastIndexOf(".") + 1) : node.name,
    type: node.kind === "call" ? node.title : node.kind,
    detail: node.settings ?? "",
    category: node.category,
    ins: node.in.map(({ place, label, from, may }) => ({
      label,
      ends: [[node.name, place]],
      from: from ?? null,
      may: may === true,
    })),
    outs: outsOf(node),
    mode: node.mode ?? "",
    bad: draft.problems.some((problem) => problem.node === node.name),
    unused: node.unused === true,
    nodes: [node.name],
  };
}

function outsOf(/** @type {DraftNode} */ node) {
  if (node.kind === "output") return [];
  if (!node.out.length) return [{ label: "", value: /** @type {Value} */ ([node.name, []]), type: "" }];
  return node.out.map(([path, type]) => ({
    label: path.join("."),
    value: /** @type {Value} */ ([node.name, path]),
    type,
  }));
}

function joinGroup(
  /** @type {Map<string, Box>} */ boxes,
  /** @type {string} */ key,
  /** @type {DraftNode} */ node,
  /** @type {Pick<DraftState, "groups" | "problems">} */ draft,
) {
  const path = key.slice(0, -1);
  let box = boxes.get(key);
  if (!box) {
    const title = path.slice(path.lastIndexOf(".") + 1);
    const type = draft.groups[path] || "module";
    box = {
      key,
      kind: "group",
      title,
      type,
      detail: "",
      category: "other",
      ins: [],
      outs: [],
      mode: "",
      bad: false,
      unused: true,
      nodes: [],
    };
    boxes.set(key, box);
  }
  box.nodes.push(node.name);
  box.unused &&= node.unused === true;
  box.bad ||= draft.problems.some((problem) => problem.node === node.name);
}

/** What a module takes from outside and gives to it: a port for each value. */
function openPorts(
  /** @type {Box} */ box,
  /** @type {Pick<DraftState, "nodes">} */ draft,
  /** @type {Map<string, [string, Value][]>} */ users,
) {
  const inside = new Set(box.nodes);
  const taken = /** @type {Map<string, In>} */ (new Map());
  const given = /** @type {Map<string, Out>} */ (new Map());
  for (const name of box.nodes) {
    const node = /** @type {DraftNode} */ (draft.nodes.get(name));
    for (const { place, label, from, may } of node.in) {
      if (from && inside.has(from[0])) continue;
      if (!from && may) continue;
      const key = from ? String(from) : `${name} ${place}`;
      const port = taken.get(key);
      if (port) port.ends.push([name, place]);
      else
        taken.set(key, {
          label: from ? from[0] : `${name}.${label}`,
          ends: [[name, place]],
          from: from ?? null,
          may: false,
        });
    }
    const leaving = (users.get(name) ?? []).filter(([user]) => !inside.has(user)).map(([, value]) => value);
    const unused = users.has(name) ? [] : outsOf(node).map(({ value }) => value);
    for (const value of [...leaving, ...unused]) {
      const type = node.out.find(([path]) => String(path) === String(value[1]))?.[1] ?? "";
      given.set(String(value), { label: name, value, type });
    }
  }
  box.ins = [...taken.values()];
  box.outs = [...given.values()];
  box.detail = `${box.nodes.length}`;
}

function outsideBox(
  /** @type {Map<string, Box>} */ boxes,
  /** @type {DraftNode} */ node,
  /** @type {Pick<DraftState, "problems">} */ draft,
) {
  const key = `<${node.name}`;
  let box = boxes.get(key);
  if (!box) {
    box = { ...nodeBox(node, draft), key, kind: "outside", ins: [], category: "input", bad: false, unused: false };
    boxes.set(key, box);
  }
  return box;
}
