import assert from "node:assert/strict";
import { test } from "node:test";
import { embeddedHost, remoteHost } from "../../graphtools/viewer/src/host.js";
import { readPayload } from "../../graphtools/viewer/src/model.js";
import { Moments } from "../../graphtools/viewer/src/moment.js";
import { OVERLAYS, heatColor, heatOf, inkOn, level, ownMetric, seconds } from "../../graphtools/viewer/src/overlay.js";
import { readRun } from "../../graphtools/viewer/src/run.js";
import { SvgContext } from "../../graphtools/viewer/src/svg_context.js";
import { buildTree } from "../../graphtools/viewer/src/tree.js";
import { Walk } from "../../graphtools/viewer/src/walk.js";
import { passesOf } from "../../graphtools/viewer/src/walkbar.js";
import { payloadOf, sceneOf } from "./build.mjs";
import { runOf } from "./run.mjs";

const LINES = ["in0 -", "a block in0", "b block a", "c - b a", "out - c"];

function ran(lines = LINES) {
  const payload = payloadOf(lines);
  const model = readPayload(payload);
  return { payload, model, tree: buildTree(model), run: readRun(runOf(payload), model) };
}

test("a run is read into rows", () => {
  const { run } = ran();
  assert.equal(run.events.length, 7);
  assert.deepEqual(run.events.map((event) => event.phase), [
    "forward", "forward", "forward", "backward", "backward", "backward", "update",
  ]); // prettier-ignore
  assert.deepEqual([...run.forwardOf], [-1, 0, 1, 2, -1]);
  assert.deepEqual(run.backwardOf, [[], [5], [4], [3], []]);
  assert.deepEqual(run.grads.get(2), [{ output: 0, event: 4 }]);
  assert.deepEqual(run.accumulated.get(0), [5]);
  assert.equal(run.updates.get(0)[0].optimizer, "SGD");
  assert.deepEqual(run.parametersOf(1), [0]);
  assert.equal(run.source("net.py").get(3), "y = x");
  assert.equal(run.source("other.py"), null);
});

test("what is no run, or a newer one, is refused in words", () => {
  const { payload, model } = ran();
  assert.throws(() => readRun({ format: "other" }, model), /not a recorded run/);
  assert.throws(() => readRun({ ...runOf(payload), version: 9 }, model), /version 9.*reads up to 1/);
});

test("boxes and lines know when they ran, when a gradient reached them, when they were updated", () => {
  const { model, tree, run, payload } = ran();
  const moments = new Moments(model, tree, run);
  const { scene } = sceneOf(payload, "all");
  moments.setScene(scene);
  const item = (name) => tree.items.find((found) => found.id === name).index;
  const at = (position) => moments.at(position, -1);
  assert.equal(at(0).isFuture(item("a")), false);
  assert.equal(at(0).isFuture(item("b")), true);
  assert.equal(at(0).isFuture(item("block")), false);
  assert.equal(at(1).isFuture(item("out")), true);
  assert.equal(at(2).isFuture(item("out")), false);
  assert.equal(at(0).isFuture(item("in0")), false);
  assert.equal(at(3).isReached(item("c")), true);
  assert.equal(at(3).isReached(item("block")), false);
  assert.equal(at(4).isReached(item("block")), true);
  assert.equal(at(5).isUpdated(item("a")), false);
  assert.equal(at(6).isUpdated(item("a")), true);
  const line = scene.lines.findIndex((found) => found.target === item("c") && found.key === item("b"));
  assert.equal(at(2).gradientOn(line), "");
  assert.equal(at(3).gradientOn(line), "now");
  assert.equal(at(4).gradientOn(line), "past");
  assert.equal(at(1).isLineFuture(line), true);
  assert.equal(at(2).isLineFuture(line), false);
});

test("a walk stops at breakpoints, both ways", () => {
  const walk = new Walk(ran().run);
  walk.breakpoints = new Set([4]);
  assert.equal(walk.resume(), true);
  assert.equal(walk.position, 4);
  walk.resume();
  assert.equal(walk.position, 6);
  assert.equal(walk.resume(), false);
  walk.resumeBack();
  assert.equal(walk.position, 4);
  walk.resumeBack();
  assert.equal(walk.position, 0);
});

test("passes say where they begin, and what the loss was", () => {
  assert.deepEqual(passesOf(ran().run), [
    { start: 0, stop: 3, phase: "forward", loss: null },
    { start: 3, stop: 6, phase: "backward", loss: 0.5 },
    { start: 6, stop: 7, phase: "update", loss: null },
  ]);
});

test("a group has the sum or the greatest of what it holds", () => {
  const { tree } = ran();
  const item = (name) => tree.items.find((found) => found.id === name).index;
  const rows = [null, 2, 6, 1, null];
  const sum = heatOf(
    OVERLAYS.find((overlay) => overlay.name === "flops"),
    tree,
    rows,
  );
  assert.equal(sum.values[item("block")], 8);
  const most = heatOf(
    OVERLAYS.find((overlay) => overlay.name === "grad_norm"),
    tree,
    rows,
  );
  assert.equal(most.values[item("block")], 6);
  assert.equal(level(most, 6), 1);
  assert.equal(level(most, 1), 0);
  assert.ok(Number.isNaN(level(most, most.values[item("in0")])));
  assert.ok(Number.isNaN(level(heatOf(OVERLAYS[0], tree, [null, "inf", null, "nan", null]), 1)));
});

test("durations are summed over both passes", () => {
  const { model, run } = ran();
  assert.deepEqual(ownMetric("duration", model, run), [null, 1 + 6, 2 + 5, 3 + 4, null]);
  assert.equal(ownMetric("grad_norm", model, run), null);
  assert.deepEqual([3, 1500, 2.5e6].map(seconds), ["3 µs", "1.5 ms", "2.5 s"]);
});

// 4.5 is what WCAG 2.2 asks of small text.
test("text on every color of a heat map can be read", () => {
  const luminance = (color) =>
    [1, 3, 5]
      .map((i) => parseInt(color.slice(i, i + 2), 16) / 255)
      .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
      .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  for (const dark of [false, true]) {
    for (let i = 0; i <= 20; i++) {
      const color = heatColor(i / 20, dark);
      const [a, b] = [luminance(color), luminance(inkOn(color))].sort((x, y) => y - x);
      assert.ok((a + 0.05) / (b + 0.05) >= 4.5, `${color} ${inkOn(color)} ${(a + 0.05) / (b + 0.05)}`);
    }
  }
});

test("a page answers from what it holds", async () => {
  const host = embeddedHost({
    tensors: { "v.1.0": { key: "v.1.0", pictures: [{ index: [0] }, { index: [1] }] } },
    metrics: { nonfinite: [3] },
    thumbnails: [null],
    explanations: { 1: { symbol: "y = x" } },
  });
  assert.equal((await host.tensor("v.1.0")).key, "v.1.0");
  assert.match((await host.tensor("v.9.0")).lost, /does not hold/);
  assert.deepEqual(await host.picture("v.1.0", [1], true), { index: [1] });
  assert.equal(await host.picture("v.1.0", [2], true), null);
  assert.deepEqual(await host.metrics(), { nonfinite: [3] });
  assert.equal((await host.explain(1, 0)).symbol, "y = x");
  assert.equal(await host.explain(2, 0), null);
  assert.equal(host.edit, null);
});

test("a question is asked again until it is answered, and answered once", async () => {
  const sent = [];
  const remote = remoteHost((question) => sent.push(question), { resendMs: 15 });
  const first = remote.host.tensor("v.0.0");
  const second = remote.host.metrics();
  await new Promise((resolve) => setTimeout(resolve, 40));
  const [{ id }, { id: next }] = sent;
  assert.notEqual(id, next);
  assert.ok(sent.filter((question) => question.id === id).length >= 2);
  remote.answer({ id, result: 5 });
  remote.answer({ id, result: 6 });
  remote.answer({ id: next, error: "it was overwritten" });
  remote.answer({ id: 77, result: 0 });
  assert.equal(await first, 5);
  await assert.rejects(second, /it was overwritten/);
  const left = remote.host.thumbnails();
  remote.stop();
  await assert.rejects(left, /closed/);
});

test("the SVG has what was drawn, and a name in it is text", () => {
  const context = new SvgContext();
  context.save();
  context.scale(2);
  context.translate(10, 5);
  context.fillStyle = "#11223344";
  context.fillRect(0, 0, 4, 3);
  context.font = '600 13px "Segoe UI", sans-serif';
  context.fillText('<img onerror="x">&\u0001', 1, 1);
  context.restore();
  context.globalAlpha = 0.5;
  context.beginPath();
  context.roundRect(0, 0, 10, 10, 3);
  context.stroke();
  const text = context.toString(100, 50);
  assert.match(text, /^<svg xmlns="http:\/\/www.w3.org\/2000\/svg" width="100" height="50" viewBox="0 0 100 50">/);
  assert.match(text, /<path d="M20 10L28 10L28 16L20 16Z" fill="#112233" fill-opacity="0.27"/);
  assert.match(text, /&lt;img onerror=&quot;x&quot;&gt;&amp;\ufffd<\/text>/);
  assert.match(text, /font-size="26" font-weight="600"/);
  assert.match(text, /<g opacity="0.5"><path d="M3 0/);
});
