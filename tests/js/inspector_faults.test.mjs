import assert from "node:assert/strict";
import { test } from "node:test";
import { readPayload } from "../../graphtools/viewer/src/model.js";
import { Inspector } from "../../graphtools/viewer/src/panel/inspector.js";
import { number, percent } from "../../graphtools/viewer/src/panel/numbers.js";
import * as pixels from "../../graphtools/viewer/src/panel/pixels.js";
import { readRun } from "../../graphtools/viewer/src/run.js";
import { buildTree } from "../../graphtools/viewer/src/tree.js";
import { payloadOf } from "./build.mjs";
import { runOf } from "./run.mjs";

/** As much of an element as the panel touches; its text is that of all in it. */
class Element {
  constructor() {
    this.children = [];
    this.style = {};
    this.dataset = {};
    this.classList = { add() {}, remove() {} };
  }
  append(...parts) {
    this.children.push(...parts);
  }
  replaceChildren(...parts) {
    this.children = parts;
  }
  get textContent() {
    return this.children.map((part) => (typeof part === "string" ? part : part.textContent)).join(" ");
  }
  set textContent(text) {
    this.children = [text];
  }
  getRootNode() {
    return { activeElement: null };
  }
  setAttribute() {}
  getAttribute() {
    return null;
  }
  addEventListener() {}
}

const soon = () => new Promise((resolve) => setTimeout(resolve, 5));

/** An inspector of three calls whose host answers when the test says so. */
function slowInspector() {
  globalThis.document = { createElement: () => new Element() };
  const payload = payloadOf(["in0 -", "a block in0", "b block a", "c - b a", "out - c"]);
  const model = readPayload(payload);
  const tree = buildTree(model);
  const answers = new Map();
  const tensor = (key) => new Promise((resolve) => answers.set(key, resolve));
  const actions = { select() {}, toggle() {}, goto() {}, edit: null, close() {} };
  const inspector = new Inspector(new Element(), model, tree, readRun(runOf(payload), model), { tensor }, actions);
  const answer = async (key, more = {}) => {
    const picture = { kind: "none", choices: [], index: [], caption: `picture of ${key}` };
    const entry = { key, spec: key, elements: 4, min: 0, max: 1, zeros: 0, nan: 0, inf: 0, pictures: [picture] };
    answers.get(key)({ ...entry, ...more });
    await soon();
  };
  return { inspector, tree, answer };
}

test("a late answer does not put its picture into the panel of another box", async () => {
  const { inspector, tree, answer } = slowInspector();
  inspector.show(tree.ofNode[1], 2);
  inspector.show(tree.ofNode[2], 2);
  await answer("v.2.0");
  assert.match(inspector.body.textContent, /v\.2\.0.*picture of v\.2\.0/);
  await answer("v.1.0");
  assert.match(inspector.body.textContent, /v\.2\.0.*picture of v\.2\.0/);
});

test("a late gradient does not either", async () => {
  const { inspector, tree, answer } = slowInspector();
  inspector.show(tree.ofNode[3], 4);
  await soon();
  inspector.show(tree.ofNode[2], 4);
  await answer("g.2.0.4");
  await answer("v.2.0");
  assert.match(inspector.body.textContent, /picture of g\.2\.0\.4/);
  await answer("g.3.0.3");
  await answer("v.3.0");
  assert.match(inspector.body.textContent, /picture of g\.2\.0\.4/);
});

test("a mask of bools has its numbers", async () => {
  const { inspector, tree, answer } = slowInspector();
  inspector.show(tree.ofNode[1], 2);
  await answer("v.1.0", { spec: "bool[2, 2]", min: false, max: true });
  assert.match(inspector.body.textContent, /bool\[2, 2\].*min False.*max True/);
});

// The texts are those of graphtools.statistics.number.
test("large and rounded numbers are written as Python writes them", () => {
  for (const [value, text] of [
    [12345.6, "1.235e+4"],
    [9999.96, "1e+4"],
    [1234567, "1.235e+6"],
    [1e10, "1e+10"],
    [9.99996e-5, "0.0001"],
    [Infinity, "inf"],
    [-Infinity, "-inf"],
    [NaN, "nan"],
    [true, "True"],
    [false, "False"],
  ])
    assert.equal(number(value), text);
});

test("a few zeros are not none, and nearly all are not all", () => {
  assert.equal(percent(1e-6), "< 0.001 %");
  assert.equal(percent(1 - 1e-6), "> 99.999 %");
});

test("no picture is much higher than the panel, and a thin one can be seen", () => {
  const { sizeOnScreen } = pixels;
  const size = (width, height, kind = "heat map") => Object.values(sizeOnScreen({ width, height, kind }, 356));
  assert.deepEqual(size(10, 128), [90, 384]);
  assert.deepEqual(size(1, 128), [18, 384]);
  assert.deepEqual(size(128, 3), [256, 36]);
  assert.deepEqual(size(10, 10), [280, 280]);
  assert.deepEqual(size(128, 128), [256, 256]);
  assert.deepEqual(size(1, 128, "image"), [3, 384]);
  for (let width = 1; width <= 512; width += 7)
    for (let height = 1; height <= 512; height += 7) {
      const [w, h] = size(width, height);
      assert.ok(w <= 356.01 && h <= 420.01 && w > 0 && h > 0, `${width} by ${height} gave ${w} by ${h}`);
    }
});
