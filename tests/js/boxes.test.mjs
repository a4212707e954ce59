// What stands in a box, whether it has room there, and the title of an open group between the lines through its top.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Boxes } from "../../graphtools/viewer/src/boxes.js";
import { drawFrameTitle } from "../../graphtools/viewer/src/draw_boxes.js";
import { estimateWidth } from "../../graphtools/viewer/src/measure.js";
import { readPayload } from "../../graphtools/viewer/src/model.js";
import { buildTree } from "../../graphtools/viewer/src/tree.js";
import { payloadOf } from "./build.mjs";

test("a box is wide enough for what it is with its settings and a picture, and not for any path", () => {
  const payload = payloadOf(["in -", "up up in", "out - up"]);
  const text = (words) => payload.strings.push(words) - 1;
  payload.modules = {
    path: ["up"],
    class: [text("ConvTranspose2d")],
    type: [text("torch.nn.ConvTranspose2d")],
    settings: [text("64, 32, kernel_size=(2, 2), stride=(2, 2)")],
    n_parameters: [0],
    states: [[]],
  };
  const model = readPayload(payload);
  const tree = buildTree(model);
  const boxes = new Boxes(model, tree, estimateWidth, () => true);
  const item = tree.items.find((found) => found.id === "up").index;
  const { title, detail } = boxes.words(item, false);
  assert.equal(detail, "2×2 64→32 /2");
  const drawn = 14 + estimateWidth(title, "title") + 7 + estimateWidth(detail, "detail") + 46; // as draw_boxes.js does
  assert.ok(boxes.size(item, 1).width >= drawn);
});

test("an output by names says the names", () => {
  const payload = payloadOf(["in -", "a - in", "out - a"]);
  const text = (words) => payload.strings.push(words) - 1;
  const last = payload.nodes.name.length - 1;
  payload.nodes.kind[last] = text("output");
  payload.nodes.specs[last] = [text("f32[2]"), text("f32[]")];
  const subtitle = (paths) => {
    payload.nodes.paths = payload.nodes.name.map((_, i) => (i === last ? paths : []));
    const model = readPayload(payload);
    const tree = buildTree(model);
    return new Boxes(model, tree, estimateWidth).words(tree.ofNode[last], false).subtitle;
  };
  assert.equal(subtitle(["logits", "loss"]), "logits, loss");
  assert.equal(subtitle(["0", "1"]), "2 tensors");
});

test("a title makes way for a line only where the type beside it has room too", () => {
  const drawn = (ports, width) => {
    const texts = [];
    const context = new Proxy({ fillText: (text, x) => texts.push([text, Math.round(x)]) }, {
      get: (own, name) => own[name] ?? (() => undefined),
      set: () => true,
    });
    const words = { title: "encoder", subtitle: "Sequential" };
    const theme = { frames: ["#fff"], muted: "#000", text: "#000" };
    drawFrameTitle(context, { x: 0, y: 0, width, depth: 1, words, ports }, 1, { theme, measure: estimateWidth });
    return texts;
  };
  assert.deepEqual(drawn([], 200)[0], ["encoder", 26]);
  assert.equal(drawn([40], 400)[0][1], 48);
  const narrow = drawn([60], 170);
  assert.deepEqual(narrow[0], ["encoder", 26]);
  assert.equal(narrow.length, 2);
});
