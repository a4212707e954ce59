import assert from "node:assert/strict";
import { test } from "node:test";
import { findLoop } from "../../graphtools/viewer/src/chunk.js";
import { countVisible, firstOpen, fold, standIn } from "../../graphtools/viewer/src/fold.js";
import { readPayload } from "../../graphtools/viewer/src/model.js";
import { buildTree } from "../../graphtools/viewer/src/tree.js";
import { resultsOf } from "../../graphtools/viewer/src/results.js";
import { findItems } from "../../graphtools/viewer/src/find.js";
import { FIXTURES, fixture, openSet, payloadOf, randomPayload, sceneOf } from "./build.mjs";

const treeOf = (payload) => buildTree(readPayload(payload));
const ids = (tree, list) => list.map((item) => tree.items[item].id);

test("every node has exactly one item, and every group its children's operations", () => {
  for (const payload of [...FIXTURES.map(fixture), ...[1, 2, 3, 4].map((seed) => randomPayload(seed))]) {
    const tree = treeOf(payload);
    assert.equal(new Set(tree.ofNode).size, payload.nodes.name.length);
    assert.equal(new Set(tree.items.map((item) => item.id)).size, tree.items.length);
    for (const item of tree.items) {
      if (item.node >= 0) continue;
      assert.equal(
        item.operations,
        item.children.reduce((sum, child) => sum + tree.items[child].operations, 0),
      );
      assert.ok(item.index === 0 || item.children.length > 1, `${item.id} holds one box`);
    }
  }
});

test("children never form a cycle, even if a scope is entered twice", () => {
  for (let seed = 1; seed <= 30; seed++) {
    const model = readPayload(randomPayload(seed));
    const tree = buildTree(model);
    for (const group of tree.items.filter((item) => item.node < 0)) {
      const place = new Map(group.children.map((child, i) => [child, i]));
      const within = (node) => {
        let item = tree.ofNode[node];
        while (item > 0 && tree.items[item].parent !== group.index) item = tree.items[item].parent;
        return place.get(item);
      };
      for (const { from, to } of model.edges) {
        const [a, b] = [within(from), within(to)];
        if (a !== undefined && b !== undefined) assert.ok(a <= b, `${group.id}: a value flows back`);
      }
    }
  }
});

test("a module that is one operation is one box, with the module's class as its title", () => {
  const { tree, scene } = sceneOf(
    payloadOf(["in -", "conv2d net.conv in", "relu net conv2d", "out - relu"], { "net.conv": "Conv2d", net: "Net" }),
  );
  const box = scene.boxes.find((b) => tree.items[b.item].id === "conv2d");
  assert.equal(box.words.title, "Conv2d");
  assert.equal(box.words.subtitle, "conv");
});

test("what a program does with sizes stands in one box, which the first view leaves closed", () => {
  const lines = ["in -", "a - in", "size! - in!", "n! - size!", "m! - n!", "view - a m!", "s! - view!", "t! - s!", "b - view t!", "out - b"];
  const tree = treeOf(payloadOf(lines));
  const children = tree.items[0].children;
  assert.deepEqual(ids(tree, children), ["in", "a", "model [sizes and checks]", "view", "s", "t", "b", "out"]);
  assert.deepEqual(ids(tree, tree.items[children[2]].children), ["size", "n", "m"]);
  assert.deepEqual([...firstOpen(tree)], [0]);
  // Of a graph without shapes nobody knows what gives a tensor.
  const unknown = payloadOf(lines);
  unknown.nodes.specs = unknown.nodes.specs.map(() => []);
  assert.equal(treeOf(unknown).items[0].children.length, lines.length);
});

test("the value of a group is that of the last operation in it whose tensor goes outside", () => {
  for (const payload of [...FIXTURES.map(fixture), ...[1, 2, 3, 4, 5].map((seed) => randomPayload(seed))]) {
    const model = readPayload(payload);
    const tree = buildTree(model);
    const found = resultsOf(model, tree);
    const holds = (group, node) => {
      let item = tree.ofNode[node];
      while (item > group) item = tree.items[item].parent;
      return item === group;
    };
    for (const { index, node } of tree.items) {
      const leaving = model.edges.filter(({ from, to, shape }) => shape && holds(index, from) && !holds(index, to));
      assert.equal(found[index], node >= 0 ? node : Math.max(-1, ...leaving.map(({ from }) => from)));
    }
  }
});

test("a scope that holds only one scope is that scope", () => {
  const tree = treeOf(payloadOf(["in -", "p a.b.c in", "q a.b.c p", "out - q"]));
  assert.deepEqual(ids(tree, tree.items[0].children), ["in", "a.b.c", "out"]);
});

test("a ModuleList whose members run between other operations falls into its members", () => {
  const tree = treeOf(
    payloadOf([
      "in -",
      "a1 l.0 in",
      "a2 l.0 a1",
      "relu1 - a2",
      "b1 l.1 relu1",
      "b2 l.1 b1",
      "relu2 - b2",
      "out - relu2",
    ]),
  );
  assert.deepEqual(ids(tree, tree.items[0].children), ["in", "l.0", "relu1", "l.1", "relu2", "out"]);
});

test("repeated blocks are marked as alike, shapes apart", () => {
  const tree = treeOf(fixture("resnet18"));
  const byId = new Map(tree.items.map((item) => [item.id, item]));
  assert.equal(byId.get("layer2").alike, 3);
  assert.equal(byId.get("layer1").alike, 1);
  assert.equal(byId.get("layer1.0").alike, 2);
});

test("the first view shows at most 40 boxes, and opens alike blocks together", () => {
  for (const name of FIXTURES) {
    const tree = treeOf(fixture(name));
    const open = firstOpen(tree);
    assert.ok(countVisible(tree, open) <= 40, name);
    for (const item of tree.items.filter((i) => i.node < 0 && open.has(i.parent))) {
      for (const other of tree.items.filter((o) => o.parent === item.parent && o.alikeAs === item.alikeAs)) {
        assert.equal(open.has(item.index), open.has(other.index), `${item.id} and ${other.id}`);
      }
    }
  }
});

test("a long loop is divided into runs of whole steps, nested until each is short", () => {
  const lines = ["in -"];
  let last = "in";
  for (let i = 0; i < 400; i++) {
    lines.push(`mul${i} - ${last}`, `add${i} - mul${i} in`, `tanh${i} - add${i}`);
    last = `tanh${i}`;
  }
  const tree = treeOf(payloadOf([...lines, `out - ${last}`]));
  assert.ok(Math.max(...tree.items.map((item) => item.children.length)) <= 42);
  const labels = tree.items[0].children.map((child) => tree.items[child].label).filter(Boolean);
  assert.equal(labels[0], "steps 1–20");
  assert.equal(labels.at(-1), "steps 381–400");
});

test("findLoop finds the shortest period", () => {
  const words = ["a", ..."xyz".repeat(20), "b"];
  assert.deepEqual(findLoop(words), { start: 1, period: 3, steps: 20 });
  assert.equal(findLoop([..."abcdefghijklmnop"]), null);
});

test("edges between the same two visible boxes are one, and none ends inside a closed box", () => {
  for (let seed = 1; seed <= 20; seed++) {
    const model = readPayload(randomPayload(seed));
    const tree = buildTree(model);
    for (const open of ["first", "all", [], ["b"]]) {
      const visible = fold(model, tree, openSet(tree, open));
      const pairs = visible.edges.map((edge) => `${edge.from} ${edge.to}`);
      assert.equal(new Set(pairs).size, pairs.length);
      for (const edge of visible.edges) {
        for (const end of [edge.from, edge.to]) {
          assert.ok(!visible.open.has(end));
          assert.equal(standIn(tree, visible.open, end), end);
        }
      }
      const drawn = visible.edges.reduce((sum, edge) => sum + edge.edges.length, 0);
      assert.ok(drawn <= model.edges.length);
    }
  }
});

test("find matches all words, in names, operations, classes and shapes", () => {
  const model = readPayload(fixture("resnet18"));
  const tree = buildTree(model);
  const found = ids(tree, findItems(model, tree, "layer3 conv2d", 100));
  assert.ok(found.length >= 4 && found.every((id) => id.includes("layer3")));
  assert.ok(findItems(model, tree, "1x512").length > 0);
  assert.deepEqual(findItems(model, tree, "1x51"), [], "a size is found whole");
  assert.deepEqual(findItems(model, tree, "nothing like this"), []);
  assert.equal(ids(tree, findItems(model, tree, "fc"))[0], "fc");
});
