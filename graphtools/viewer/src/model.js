// The payload as plain rows: what graphtools.payload wrote in columns, looked up and checked once.

/**
 * @typedef {object} GraphNode One step of the computation.
 * @property {number} index
 * @property {string} name
 * @property {string} kind "input", "constant", "call" or "output"
 * @property {string} target
 * @property {string} category
 * @property {string} scope
 * @property {string[]} specs
 * @property {string[]} paths where each of its tensors stands in what it gave, as edges name it
 * @property {string} shape
 * @property {string} dtype
 * @property {string} device
 * @property {number} bytes
 * @property {string} file
 * @property {number} line
 * @property {number} column
 * @property {string} function
 * @property {string} args
 * @property {string[]} states parameters and buffers it reads
 * @property {string[]} writes names of nodes whose value it overwrites
 * @property {boolean} random
 * @property {boolean} noGrad
 * @property {boolean} failed
 * @property {boolean} trained it reads a parameter that is trained
 * @property {boolean} frozen it reads parameters, and none of them is trained
 * @property {[string, string, string][]} edited each change made here: of which parameter ("" for the node itself), of
 *   what ("value", "gradient" or "operation"), and how
 *
 * @typedef {{from: number, to: number, path: string, shape: string}} Edge `shape` is that of what it carries
 * @typedef {{path: string, class: string, type: string, settings: string, parameters: number, states: string[]}} Module
 *
 * @typedef {object} Model
 * @property {GraphNode[]} nodes
 * @property {Edge[]} edges
 * @property {Map<string, Module>} modules
 * @property {{operations: number, parameters: number, activation_bytes: number}} totals
 * @property {any} capture
 * @property {any} failure
 */

export const FORMAT = "graphtools.payload";
export const VERSION = 1;

/**
 * The payload as a Model. Throws an Error with a plain sentence if it is something else or newer than this viewer.
 * @param {any} payload
 * @returns {Model}
 */
export function readPayload(payload) {
  if (!payload || payload.format !== FORMAT) throw new Error("This is not a graphtools payload.");
  if (payload.version > VERSION) {
    throw new Error(
      `This payload has version ${payload.version}; this viewer reads up to ${VERSION}. Update graphtools.`,
    );
  }
  const { nodes: n, edges: e, modules: m, strings } = payload;
  const text = (/** @type {number} */ index) => strings[index];
  const nodes = n.name.map((/** @type {string} */ name, /** @type {number} */ i) => ({
    index: i,
    name,
    kind: text(n.kind[i]),
    target: text(n.target[i]),
    category: text(n.category[i]),
    scope: text(n.scope[i]),
    specs: n.specs[i].map(text),
    paths: n.paths?.[i] ?? [],
    shape: text(n.shape[i]),
    dtype: text(n.dtype[i]),
    device: text(n.device[i]),
    bytes: n.bytes[i],
    file: text(n.file[i]),
    line: n.line[i],
    column: n.column[i],
    function: text(n.function[i]),
    args: n.args[i],
    states: n.states[i].map(text),
    writes: n.writes[i],
    random: Boolean(n.flags[i] & 1),
    noGrad: Boolean(n.flags[i] & 4),
    failed: Boolean(n.flags[i] & 8),
    trained: Boolean(n.flags[i] & 16),
    frozen: Boolean(n.flags[i] & 32),
    edited: n.edited?.[i] ?? [],
  }));
  const edges = e.from.map((/** @type {number} */ from, /** @type {number} */ i) => ({
    from,
    to: e.to[i],
    path: e.path[i],
    shape: text(e.shape[i]),
  }));
  const modules = new Map();
  m.path.forEach((/** @type {string} */ path, /** @type {number} */ i) => {
    modules.set(path, {
      path,
      class: text(m.class[i]),
      type: text(m.type[i]),
      settings: text(m.settings[i]),
      parameters: m.n_parameters[i],
      states: m.states[i].map(text),
    });
  });
  return { nodes, edges, modules, totals: payload.totals, capture: payload.capture, failure: payload.failure };
}

/** The module path of a scope: `body#1.conv` is a call of module `body.conv`. */
export function modulePath(/** @type {string} */ scope) {
  return scope.replace(/#\d+/g, "");
}
