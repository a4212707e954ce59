// Our layout beside dagre and ELK on the same boxes: crossings, area, length of lines and time. Run by layout.py.
//
//   node benchmarks/layout.mjs FOLDER [NAME ...]
//
// FOLDER holds payloads. Each graph is laid out as the first view shows it and with all groups open; all three engines
// get the same boxes with the same sizes in the same nested groups. Crossings are points on the paper at which lines of
// different sources cross; "of edges" counts each such point for every pair of edges that cross there, so that a line
// which is drawn once for five edges counts as five. Length is the sum over edges of the ways from source to target.
//
// Ours and ELK keep room for the title of each open group, as wide and as high. dagre knows no such thing (a node for
// each title makes its drawings many times wider): its drawings are lower by the titles that they have no place for.
// "+ titles" is the least that such a drawing takes with them: each group as much lower as its title lacks room, one
// below another. It leaves out what the widths of the titles would add.

import { readdirSync, readFileSync } from "node:fs";
import dagre from "@dagrejs/dagre";
import ELK from "elkjs";
import { countVisible, firstOpen, fold } from "../graphtools/viewer/src/fold.js";
import { estimateWidth } from "../graphtools/viewer/src/measure.js";
import { readPayload } from "../graphtools/viewer/src/model.js";
import { Boxes } from "../graphtools/viewer/src/boxes.js";
import { buildScene } from "../graphtools/viewer/src/scene.js";
import { buildTree } from "../graphtools/viewer/src/tree.js";

const MOST_BOXES = 3000;
const PATIENCE_MS = 60_000;
const TITLE_ROOM = 32; // between the upper side of an open group and its first box, in ours and in ELK's drawings

/** @typedef {{width: number, height: number, ways: {from: number, points: number[][]}[]}} Drawing */

function ours({ model, tree, visible }) {
  const scene = buildScene(model, tree, visible, estimateWidth);
  const last = new Map(scene.lines.map((line, index) => [`${line.key} ${line.target}`, index]));
  const ways = visible.edges.map(({ from, to }) => {
    const pieces = [];
    for (let i = last.get(`${from} ${to}`); i >= 0; i = scene.lines[i].parent) pieces.unshift(scene.lines[i].points);
    return { from, points: pieces.flat() };
  });
  return { scene, width: scene.width, height: scene.height, ways };
}

function byDagre({ tree, visible }, scene) {
  const graph = new dagre.graphlib.Graph({ compound: true });
  graph.setGraph({ rankdir: "TB", nodesep: 28, edgesep: 14, ranksep: 34, marginx: 8, marginy: 8 });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const box of scene.boxes)
    graph.setNode(String(box.item), box.open ? {} : { width: box.width, height: box.height });
  for (const box of scene.boxes) {
    const { parent } = tree.items[box.item];
    if (parent > 0) graph.setParent(String(box.item), String(parent));
  }
  for (const { from, to } of visible.edges) graph.setEdge(String(from), String(to));
  dagre.layout(graph);
  const { width, height } = graph.graph();
  const ways = graph.edges().map((edge) => ({
    from: Number(edge.v),
    points: graph.edge(edge).points.map(({ x, y }) => [x, y]),
  }));
  const groups = scene.boxes.filter((box) => box.open).map((box) => box.item);
  return { width, height, ways, heightWithTitles: height + lacking(graph, groups) };
}

/** How much higher a drawing of dagre's gets at least when each group has room for its title. */
function lacking(graph, groups) {
  const top = (name) => graph.node(name).y - graph.node(name).height / 2;
  const found = groups.map((item) => {
    const { x, width } = graph.node(String(item));
    const inside = Math.min(...graph.children(String(item)).map(top)) - top(String(item));
    const need = Math.max(0, TITLE_ROOM - inside);
    return { left: x - width / 2, right: x + width / 2, top: top(String(item)), need, above: 0 };
  });
  found.sort((a, b) => a.top - b.top);
  let most = 0;
  for (const [i, group] of found.entries()) {
    for (const before of found.slice(0, i))
      if (before.left < group.right && group.left < before.right && before.top < group.top)
        group.above = Math.max(group.above, before.above + before.need);
    most = Math.max(most, group.above + group.need);
  }
  return most;
}

async function byElk({ tree, visible, titleWidth }, scene) {
  const options = {
    "elk.algorithm": "layered",
    "elk.direction": "DOWN",
    "elk.hierarchyHandling": "INCLUDE_CHILDREN",
    "elk.padding": `[top=${TITLE_ROOM},left=16,bottom=12,right=16]`,
    "elk.spacing.nodeNode": "28",
    "elk.spacing.edgeNode": "20",
    "elk.spacing.edgeEdge": "14",
    "elk.layered.spacing.nodeNodeBetweenLayers": "34",
    "elk.layered.spacing.edgeNodeBetweenLayers": "15",
    "elk.layered.spacing.edgeEdgeBetweenLayers": "9",
  };
  const least = (item) => ({
    "elk.nodeSize.constraints": "MINIMUM_SIZE",
    "elk.nodeSize.minimum": `(${titleWidth(item)}, 0)`,
  });
  const nodes = new Map([[0, { id: "0", layoutOptions: options, children: [], edges: [] }]]);
  for (const box of scene.boxes) {
    const node = box.open
      ? { id: String(box.item), layoutOptions: { ...options, ...least(box.item) }, children: [] }
      : { id: String(box.item), width: box.width, height: box.height };
    nodes.set(box.item, node);
  }
  for (const box of scene.boxes) nodes.get(tree.items[box.item].parent).children.push(nodes.get(box.item));
  const root = nodes.get(0);
  root.edges = visible.edges.map(({ from, to }, i) => ({
    id: `e${i}`,
    sources: [String(from)],
    targets: [String(to)],
  }));
  const found = await new ELK().layout(root);
  const origin = new Map();
  const place = (node, x, y) => {
    origin.set(node.id, [x, y]);
    for (const child of node.children ?? []) place(child, x + child.x, y + child.y);
  };
  place(found, 0, 0);
  const ways = found.edges.map((edge) => {
    const [x, y] = origin.get(edge.container ?? "0");
    const points = edge.sections.flatMap((s) => [s.startPoint, ...(s.bendPoints ?? []), s.endPoint]);
    return { from: Number(edge.sources[0]), points: points.map((p) => [p.x + x, p.y + y]) };
  });
  return { width: found.width, height: found.height, ways };
}

/**
 * Where ways with different sources cross: `points` on the paper, each counted once however many ways lie on each other
 * there, and `pairs` of ways, counted at each of their crossings.
 */
export function crossings(ways) {
  const segments = [];
  for (const { from, points } of ways) {
    for (let i = 1; i < points.length; i++) {
      const [[x0, y0], [x1, y1]] = [points[i - 1], points[i]];
      if (Math.abs(x0 - x1) > 0.01 || Math.abs(y0 - y1) > 0.01)
        segments.push({ from, x0, y0, x1, y1, top: Math.min(y0, y1), bottom: Math.max(y0, y1) });
    }
  }
  segments.sort((a, b) => a.top - b.top);
  const points = new Set();
  let pairs = 0;
  let open = [];
  for (const s of segments) {
    open = open.filter((other) => other.bottom > s.top - 0.01);
    for (const other of open) {
      if (other.from === s.from) continue;
      const at = cross(s, other);
      if (!at) continue;
      pairs++;
      points.add(`${Math.round(at[0])} ${Math.round(at[1])}`);
    }
    open.push(s);
  }
  return { points: points.size, pairs };
}

/** The point inside both segments; null if there is none. */
function cross(a, b) {
  const side = (s, x, y) => (s.x1 - s.x0) * (y - s.y0) - (s.y1 - s.y0) * (x - s.x0);
  const [start, end] = [side(b, a.x0, a.y0), side(b, a.x1, a.y1)];
  if (side(a, b.x0, b.y0) * side(a, b.x1, b.y1) > -1e-6 || start * end > -1e-6) return null;
  const part = start / (start - end);
  return [a.x0 + (a.x1 - a.x0) * part, a.y0 + (a.y1 - a.y0) * part];
}

function lengths(ways) {
  const all = ways.map(({ points }) =>
    points.slice(1).reduce((sum, [x, y], i) => sum + Math.hypot(x - points[i][0], y - points[i][1]), 0),
  );
  return { total: all.reduce((a, b) => a + b, 0), longest: Math.max(0, ...all) };
}

async function timed(work) {
  const started = performance.now();
  try {
    const drawing = await work();
    return { drawing, ms: performance.now() - started };
  } catch (error) {
    return { error: String(error).split("\n")[0], ms: performance.now() - started };
  }
}

function row(engine, { drawing, error, ms }) {
  if (!drawing) return `  ${engine.padEnd(9)}${error}`;
  const { total, longest } = lengths(drawing.ways);
  const { points, pairs } = crossings(drawing.ways);
  const cells = [
    String(points).padStart(10),
    String(pairs).padStart(9),
    `${Math.round(drawing.width)} × ${Math.round(drawing.height)}`.padStart(16),
    ((drawing.width * drawing.height) / 1e6).toFixed(2).padStart(9),
    (total / 1000).toFixed(1).padStart(9),
    (longest / 1000).toFixed(1).padStart(9),
    String(Math.round(ms)).padStart(7),
  ];
  return `  ${engine.padEnd(9)}${cells.join("")}`;
}

const [folder, ...names] = process.argv.slice(2);
const engines = (process.env.ENGINES ?? "ours dagre elk").split(" ");
console.log(
  `${"".padEnd(11)}${"crossings".padStart(10)}${"of edges".padStart(9)}${"size".padStart(16)}${"Mpx²".padStart(9)}${"length k".padStart(9)}${"longest".padStart(9)}${"ms".padStart(7)}`,
);
const slow = new Set();
const shares = { "dagre + titles": [], elk: [] }; // of our area in theirs
for (const file of readdirSync(folder).sort()) {
  const name = file.replace(".json", "");
  if (names.length && !names.includes(name)) continue;
  const model = readPayload(JSON.parse(readFileSync(`${folder}/${file}`, "utf8")));
  const tree = buildTree(model);
  const all = new Set(tree.items.filter((item) => item.node < 0).map((item) => item.index));
  const first = firstOpen(tree);
  for (const [view, open] of [
    ["first view", first],
    ["all open", all],
  ]) {
    if (countVisible(tree, open) > MOST_BOXES || (view === "all open" && first.size === all.size)) continue;
    const visible = fold(model, tree, open);
    const words = new Boxes(model, tree, estimateWidth);
    const graph = { model, tree, visible, titleWidth: (item) => words.titleWidth(item) };
    // A first run, so that what is timed is not the compiler; with another tree, because the layout remembers groups.
    ours({ ...graph, tree: buildTree(model) });
    const mine = await timed(() => ours(graph));
    console.log(`${name}, ${view}: ${visible.boxes.length} boxes, ${visible.edges.length} edges`);
    const results = { ours: mine };
    for (const [engine, layout] of [
      ["dagre", byDagre],
      ["elk", byElk],
    ]) {
      if (!engines.includes(engine)) continue;
      if (slow.has(`${engine} ${name}`)) continue;
      results[engine] = await timed(() => layout(graph, mine.drawing.scene));
      if (results[engine].ms > PATIENCE_MS) slow.add(`${engine} ${name}`);
    }
    const area = ({ width, height }, high = height) => width * high;
    const [dagres, elks] = [results.dagre?.drawing, results.elk?.drawing];
    if (dagres) shares["dagre + titles"].push(area(mine.drawing) / area(dagres, dagres.heightWithTitles));
    if (elks) shares.elk.push(area(mine.drawing) / area(elks));
    for (const [engine, result] of Object.entries(results)) {
      console.log(row(engine, result));
      const { width, heightWithTitles: height } = result.drawing ?? {};
      if (height)
        console.log(
          `  ${"+ titles".padEnd(28)}${`${Math.round(width)} × ${Math.round(height)}`.padStart(16)}${((width * height) / 1e6).toFixed(2).padStart(9)}`,
        );
    }
  }
}
console.log("our area : theirs, geometric mean over the views, least and most");
for (const [engine, found] of Object.entries(shares)) {
  if (!found.length) continue;
  const mean = Math.exp(found.reduce((sum, share) => sum + Math.log(share), 0) / found.length);
  const least = Math.min(...found).toFixed(2);
  console.log(`  ${engine.padEnd(16)}${mean.toFixed(2)}  (${least} to ${Math.max(...found).toFixed(2)}, ${found.length} views)`);
}
