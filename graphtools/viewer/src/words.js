// What a box says: a title, the settings in short, a subtitle. Names are data: they are drawn as text, never as markup.

import { modulePath } from "./model.js";

/** @typedef {import("./model.js").Model} Model */
/** @typedef {import("./model.js").GraphNode} GraphNode */

/**
 * The settings of a module in a few characters, from the text that its repr shows: `7×7 3→64 /2`, `512→10`, `0.5`.
 * @param {string} className
 * @param {string} settings
 */
export function shortSettings(className, settings) {
  if (!settings) return "";
  const { plain, named } = splitSettings(settings);
  const arrow = (/** @type {string|undefined} */ a, /** @type {string|undefined} */ b) => (a && b ? `${a}→${b}` : "");
  if (/Conv|Pool/.test(className)) {
    const dimensions = Number(/([123])d$/.exec(className)?.[1] ?? 1);
    const kernel = times(named.get("kernel_size"), false, dimensions);
    const stride = times(named.get("stride"), true);
    const channels = /Pool/.test(className) ? "" : arrow(plain[0], plain[1]);
    const size = named.has("output_size") ? `→${times(named.get("output_size"), false, dimensions)}` : "";
    return [kernel, channels, size, stride && stride !== "1" ? `/${stride}` : ""].filter(Boolean).join(" ");
  }
  if (named.has("in_features")) return arrow(named.get("in_features"), named.get("out_features"));
  if (/Embedding|LSTM|GRU|RNN/.test(className)) return arrow(plain[0], plain[1]);
  if (/Norm/.test(className)) return times(plain[0]);
  if (named.has("p")) return named.get("p") ?? "";
  if (/Dropout/.test(className)) return plain[0] ?? "";
  return "";
}

/** Splits `3, 64, kernel_size=(7, 7)` at the commas that stand outside brackets. */
function splitSettings(/** @type {string} */ settings) {
  const parts = [];
  let depth = 0;
  let start = 0;
  for (let i = 0; i <= settings.length; i++) {
    const letter = settings[i];
    if (letter === "(" || letter === "[") depth++;
    else if (letter === ")" || letter === "]") depth--;
    else if (letter === undefined || (letter === "," && depth === 0)) {
      parts.push(settings.slice(start, i).trim());
      start = i + 1;
    }
  }
  const named = new Map();
  const plain = [];
  for (const part of parts) {
    const equals = part.indexOf("=");
    if (equals > 0) named.set(part.slice(0, equals).trim(), part.slice(equals + 1).trim());
    else plain.push(part);
  }
  return { plain, named };
}

/** `(3, 3)` as `3×3`, or `3` with `once`. One number stands for all `dimensions`. */
function times(/** @type {string|undefined} */ value, once = false, dimensions = 1) {
  if (!value) return "";
  let sizes = value
    .replace(/[()[\]\s]/g, "")
    .split(",")
    .filter(Boolean);
  if (once && sizes.every((size) => size === sizes[0])) return sizes[0];
  if (sizes.length === 1 && !once) sizes = new Array(dimensions).fill(sizes[0]);
  return sizes.join("×");
}

/** The last word of a target: `conv2d` of `torch.nn.functional.conv2d`. */
export function lastWord(/** @type {string} */ target) {
  return target.slice(target.lastIndexOf(".") + 1);
}

/** The file's name without its folders, and the line: `model.py:31`; of a notebook's cell, which has no name, `cell:7`. */
export function place(/** @type {{file: string, line: number}} */ source) {
  if (!source.file) return "";
  if (/[\\/]ipykernel_\d+[\\/]\d+\.py$/.test(source.file)) return `cell:${source.line}`;
  return `${source.file.replace(/\\/g, "/").split("/").pop()}:${source.line}`;
}

/**
 * Title, settings and subtitle of an operation's box. `whole` says that the operation is all that its module does.
 * @param {Model} model
 * @param {GraphNode} node
 * @param {boolean} whole
 * @param {string} within scope of the box around it, which the subtitle need not repeat
 */
export function operationWords(model, node, whole, within) {
  if (node.kind === "input") return { title: node.name, detail: "", subtitle: node.specs[0] ?? "input" };
  if (node.kind === "output")
    return {
      title: "output",
      detail: "",
      subtitle: keysOf(node) || (node.specs.length > 1 ? `${node.specs.length} tensors` : node.shape),
    };
  if (node.kind === "constant")
    return { title: lastWord(node.target) || node.name, detail: "", subtitle: node.specs[0] ?? "constant" };
  const module = whole ? model.modules.get(modulePath(node.scope)) : undefined;
  if (module && isReplaced(node))
    return { title: lastWord(node.target), detail: "", subtitle: relative(node.scope, within) };
  if (module) {
    return {
      title: module.class,
      detail: shortSettings(module.class, module.settings),
      subtitle: relative(node.scope, within),
    };
  }
  return { title: lastWord(node.target), detail: "", subtitle: place(node) || relative(node.scope, within) };
}

/** The keys under which a model returned its tensors, where it returned them by name: `logits, loss`. */
function keysOf(/** @type {GraphNode} */ node) {
  const keys = node.paths.map((path) => path.split(".")[0]);
  return keys.length && keys.every((key) => key && !/^\d+$/.test(key)) ? [...new Set(keys)].join(", ") : "";
}

/** Whether another operation ran there than the program has. */
export function isReplaced(/** @type {GraphNode | null} */ node) {
  return Boolean(node?.edited.some(([, what]) => what === "operation"));
}

/** `scope` as seen from inside `within`: `layer1.0.conv1` in `layer1` is `0.conv1`. */
export function relative(/** @type {string} */ scope, /** @type {string} */ within) {
  return within && scope.startsWith(within + ".") ? scope.slice(within.length + 1) : scope;
}

/** 11689512 as `11.7 M`. */
export function compactNumber(/** @type {number} */ count) {
  for (const [size, unit] of /** @type {[number, string][]} */ ([
    [1e12, "T"],
    [1e9, "G"],
    [1e6, "M"],
    [1e3, "k"],
  ])) {
    if (count >= size) return `${(count / size).toFixed(count >= 100 * size ? 0 : 1)} ${unit}`;
  }
  return String(count);
}
