import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fold } from "../../graphtools/viewer/src/fold.js";
import { layoutGraph } from "../../graphtools/viewer/src/layout/layout.js";
import { memoryOf } from "../../graphtools/viewer/src/layout/memory.js";
import { readPayload } from "../../graphtools/viewer/src/model.js";
import { buildTree } from "../../graphtools/viewer/src/tree.js";

const model = readPayload(JSON.parse(readFileSync(new URL("fixtures/resnet18.json", import.meta.url), "utf8")));
const size = () => ({ width: 180, height: 44 });
const titleWidth = () => 200;
const groupsOf = (tree) => tree.items.filter((item) => item.node < 0).map((item) => item.index);

test("what is remembered of a tree never changes a layout", () => {
  const tree = buildTree(model);
  const open = new Set([0]);
  // Opens and closes groups in an order that comes back to what was seen before.
  const groups = groupsOf(tree).slice(1);
  for (let i = 0; i < 60; i++) {
    const group = groups[(i * 7) % groups.length];
    if (open.has(group)) open.delete(group);
    else open.add(group);
    const remembered = layoutGraph(tree, fold(model, tree, open), size, titleWidth);
    const other = buildTree(model);
    assert.deepEqual(remembered, layoutGraph(other, fold(model, other, open), size, titleWidth), `step ${i}`);
  }
});

test("other sizes of the same boxes are another layout", () => {
  const tree = buildTree(model);
  const visible = fold(model, tree, new Set([0]));
  const narrow = layoutGraph(tree, visible, size, titleWidth);
  const wide = layoutGraph(tree, visible, () => ({ width: 240, height: 44 }), titleWidth);
  assert.equal(wide.width - narrow.width, 60);
});

test("too much work is refused before it begins, and done once its groups are remembered", () => {
  const tree = buildTree(model);
  const open = new Set(groupsOf(tree));
  const visible = fold(model, tree, open);
  assert.equal(layoutGraph(tree, visible, size, titleWidth, 20), null);
  assert.equal(memoryOf(tree).layouts.size, 0);
  // As a worker does, and its page.
  const elsewhere = { items: tree.items.map(({ children }) => ({ children })) };
  const whole = layoutGraph(elsewhere, visible, size, titleWidth);
  const sent = structuredClone([...memoryOf(elsewhere).layouts]);
  for (const [signature, layout] of sent) memoryOf(tree).layouts.set(signature, layout);
  assert.deepEqual(layoutGraph(tree, visible, size, titleWidth), whole);
});
