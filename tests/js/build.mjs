// Small payloads for tests, and a page of properties that every layout must have.

import { readFileSync } from "node:fs";
import { firstOpen, fold } from "../../graphtools/viewer/src/fold.js";
import { estimateWidth } from "../../graphtools/viewer/src/measure.js";
import { readPayload } from "../../graphtools/viewer/src/model.js";
import { buildScene } from "../../graphtools/viewer/src/scene.js";
import { buildTree } from "../../graphtools/viewer/src/tree.js";

/**
 * A payload from lines `name scope input input ...`; a scope of "-" is the model itself. Names that begin with `in` are
 * inputs, `out` the output. An input that ends in `!` is a number and no tensor, and so is what a name that ends in `!`
 * gives.
 */
export function payloadOf(lines, modules = {}) {
  const written = lines.map((line) => line.trim().split(/\s+/));
  const numbers = new Set(written.flatMap(([name], i) => (name.endsWith("!") ? [i] : [])));
  const rows = written.map(([name, ...rest]) => [name.replace("!", ""), ...rest]);
  const strings = [""];
  const index = (text) => (strings.includes(text) ? strings.indexOf(text) : strings.push(text) - 1);
  const names = rows.map(([name]) => name);
  const kind = (name) => (/^in\d*$/.test(name) ? "input" : name === "out" ? "output" : "call");
  const column = (of) => rows.map((row) => index(of(row)));
  const edges = rows.flatMap(([name, , ...inputs]) =>
    inputs.map((input) => [
      names.indexOf(input.replace("!", "")),
      names.indexOf(name),
      input.endsWith("!") ? "" : "2×3",
    ]),
  );
  const none = rows.map(() => 0);
  return {
    format: "graphtools.payload",
    version: 1,
    nodes: {
      name: names,
      kind: column(([name]) => kind(name)),
      target: column(([name]) => `torch.${name.replace(/_?\d+$/, "")}`),
      category: column(([name]) => (kind(name) === "call" ? "arithmetic" : kind(name))),
      scope: column(([, scope]) => (scope === "-" ? "" : scope)),
      specs: rows.map((_, i) => (numbers.has(i) ? [] : [index("f32[2, 3]")])),
      shape: column(() => "2×3"),
      dtype: column(() => "f32"),
      device: column(() => "cpu"),
      bytes: none,
      file: none,
      line: none,
      column: none,
      function: none,
      args: rows.map(() => ""),
      states: rows.map(() => []),
      writes: rows.map(() => []),
      flags: none,
    },
    edges: {
      from: edges.map(([from]) => from),
      to: edges.map(([, to]) => to),
      path: edges.map(() => ""),
      shape: edges.map(([, , shape]) => index(shape)),
    },
    modules: {
      path: Object.keys(modules),
      class: Object.values(modules).map((name) => index(name)),
      type: Object.values(modules).map((name) => index(`torch.nn.${name}`)),
      settings: Object.values(modules).map(() => 0),
      n_parameters: Object.values(modules).map(() => 0),
      states: Object.values(modules).map(() => []),
    },
    totals: { operations: rows.length, parameters: 0, activation_bytes: 0 },
    capture: { method: "built", model: "test", reason: null, duration_s: 0, fake: false, notes: [], versions: {} },
    failure: null,
    strings,
  };
}

export function fixture(name) {
  return JSON.parse(readFileSync(new URL(`fixtures/${name}.json`, import.meta.url), "utf8"));
}

export const FIXTURES = ["resnet18", "inception", "unet", "attention"];

/** Everything from payload to scene. `open`: "first", "all", or a list of ids. */
export function sceneOf(payload, open = "all") {
  const model = readPayload(payload);
  const tree = buildTree(model);
  const set = openSet(tree, open);
  const visible = fold(model, tree, set);
  return { model, tree, visible, scene: buildScene(model, tree, visible, estimateWidth) };
}

export function openSet(tree, open) {
  if (open === "first") return firstOpen(tree);
  if (open === "all") return new Set(tree.items.filter((item) => item.node < 0).map((item) => item.index));
  return new Set([0, ...tree.items.filter((item) => open.includes(item.id)).map((item) => item.index)]);
}

/** A random acyclic graph in nested scopes, from a seed. */
export function randomPayload(seed, count = 40) {
  let state = seed * 2654435761 + 1;
  const random = (n) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 4294967296) * n);
  };
  const scopes = ["-", "a", "a.x", "a.y", "b", "b.x", "b.x.deep", "c"];
  const lines = ["in0 -", "in1 -"];
  for (let i = 0; i < count; i++) {
    const inputs = new Set();
    for (let k = 0; k <= random(3); k++)
      inputs.add(lines[Math.max(0, lines.length - 1 - random(random(4) ? 4 : lines.length))].split(" ")[0]);
    // Scopes mostly run in order, and now and then return, as code that calls a submodule twice does.
    const scope =
      scopes[random(5) ? Math.min(scopes.length - 1, Math.floor((i / count) * scopes.length)) : random(scopes.length)];
    lines.push(`op${i} ${scope} ${[...inputs].join(" ")}`);
  }
  lines.push(`out - op${count - 1} op${count - 2}`);
  return payloadOf(lines);
}
