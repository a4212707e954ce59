import assert from "node:assert/strict";
import { test } from "node:test";
import { elide, estimateWidth } from "../../graphtools/viewer/src/measure.js";
import { readPayload } from "../../graphtools/viewer/src/model.js";
import { place, compactNumber, relative, shortSettings } from "../../graphtools/viewer/src/words.js";
import { payloadOf } from "./build.mjs";

test("settings in short", () => {
  const cases = [
    ["Conv2d", "3, 64, kernel_size=(7, 7), stride=(2, 2), padding=(3, 3), bias=False", "7×7 3→64 /2"],
    ["Conv1d", "8, 16, kernel_size=(3,), stride=(1,)", "3 8→16"],
    ["MaxPool2d", "kernel_size=3, stride=2, padding=1, dilation=1, ceil_mode=False", "3×3 /2"],
    ["AdaptiveAvgPool2d", "output_size=(1, 1)", "→1×1"],
    ["Linear", "in_features=512, out_features=1000, bias=True", "512→1000"],
    ["BatchNorm2d", "64, eps=1e-05, momentum=0.1", "64"],
    ["LayerNorm", "(768,), eps=1e-06", "768"],
    ["Dropout", "p=0.5, inplace=False", "0.5"],
    ["Embedding", "100, 16", "100→16"],
    ["LSTM", "16, 32, num_layers=2, batch_first=True", "16→32"],
    ["ReLU", "inplace=True", ""],
    ["Custom", "anything <b>at all</b>", ""],
  ];
  for (const [name, settings, short] of cases) assert.equal(shortSettings(name, settings), short, name);
});

test("numbers and paths in short", () => {
  assert.equal(compactNumber(11689512), "11.7 M");
  assert.equal(compactNumber(999), "999");
  assert.equal(compactNumber(230000), "230 k");
  assert.equal(relative("layer1.0.conv1", "layer1"), "0.conv1");
  assert.equal(relative("layer10.conv1", "layer1"), "layer10.conv1");
});

test("text is cut to the width that there is", () => {
  const text = "a_very_long_name_that_does_not_fit";
  const cut = elide(text, 80, "title", estimateWidth);
  assert.ok(cut.endsWith("…") && estimateWidth(cut, "title") <= 80);
  assert.ok(elide(text, 80, "title", estimateWidth, true).endsWith("not_fit"));
  assert.equal(elide("short", 80, "title", estimateWidth), "short");
});

test("a payload that is something else, or newer, is refused in a sentence", () => {
  assert.throws(() => readPayload({ format: "other" }), { message: "This is not a graphtools payload." });
  const newer = { ...payloadOf(["in -"]), version: 99 };
  assert.throws(() => readPayload(newer), {
    message: "This payload has version 99; this viewer reads up to 1. Update graphtools.",
  });
});

test("names are kept as they are, markup and all", () => {
  const payload = payloadOf(["in -", "<img/src=x/onerror=alert(1)> - in"]);
  assert.equal(readPayload(payload).nodes[1].name, "<img/src=x/onerror=alert(1)>");
});

test("a notebook's cell is called so, and not by the name of a temporary file", () => {
  assert.equal(place({ file: "/tmp/ipykernel_4711/239011106.py", line: 7 }), "cell:7");
  assert.equal(place({ file: "/home/me/ipykernel_notes/model.py", line: 7 }), "model.py:7");
});
