// Which boxes are marked as frozen: those whose parameters are not trained, where others are.

import assert from "node:assert/strict";
import { test } from "node:test";
import { frozenItems } from "../../graphtools/viewer/src/frozen.js";
import { readPayload } from "../../graphtools/viewer/src/model.js";
import { buildTree } from "../../graphtools/viewer/src/tree.js";
import { payloadOf } from "./build.mjs";

const LINES = ["in -", "a_1 body.0 in", "a_2 body.1 a_1", "a_3 - a_2", "a_4 head a_3", "out - a_4"];

function marked(flags) {
  const payload = payloadOf(LINES);
  payload.nodes.flags = payload.nodes.name.map((name) => flags[name] ?? 0);
  const model = readPayload(payload);
  const tree = buildTree(model);
  const found = frozenItems(model, tree);
  return tree.items.filter((item) => found[item.index]).map((item) => item.id);
}

test("a group is frozen where all of it is that has parameters, and what has none is not", () => {
  assert.deepEqual(marked({ a_1: 32, a_2: 32, a_4: 16 }).sort(), ["a_1", "a_2", "body"]);
  assert.deepEqual(marked({ a_1: 32, a_2: 16, a_4: 16 }), ["a_1"]);
});

test("where nothing is trained, or all of it, nothing is marked", () => {
  assert.deepEqual(marked({ a_1: 32, a_2: 32, a_4: 32 }), []);
  assert.deepEqual(marked({ a_1: 16, a_2: 16, a_4: 16 }), []);
  assert.deepEqual(marked({}), []);
});
