import assert from "node:assert/strict";
import { test } from "node:test";
import { networkSimplex } from "../../graphtools/viewer/src/layout/simplex.js";
import { inversions } from "../../graphtools/viewer/src/layout/order.js";
import { fold } from "../../graphtools/viewer/src/fold.js";
import { estimateWidth } from "../../graphtools/viewer/src/measure.js";
import { readPayload } from "../../graphtools/viewer/src/model.js";
import { buildScene } from "../../graphtools/viewer/src/scene.js";
import { buildTree } from "../../graphtools/viewer/src/tree.js";
import { FIXTURES, fixture, openSet, payloadOf, randomPayload, sceneOf } from "./build.mjs";
import { faults } from "./faults.mjs";

const at = ({ tree, scene }, id) => scene.ofItem.get(tree.items.find((item) => item.id === id).index);
const center = (box) => box.x + box.width / 2;

for (const name of FIXTURES) {
  for (const open of ["first", "all"]) {
    test(`${name} (${open}): boxes do not overlap, children are inside, lines meet boxes and cross none`, () => {
      assert.deepEqual(faults(sceneOf(fixture(name), open)), []);
    });
  }
}

test("random graphs have no fault, open, closed or half open", () => {
  for (let seed = 1; seed <= 60; seed++) {
    for (const open of ["all", "first", ["a", "b", "b.x"]]) {
      assert.deepEqual(
        faults(sceneOf(randomPayload(seed, 20 + (seed % 3) * 30), open)),
        [],
        `seed ${seed}, open ${open}`,
      );
    }
  }
});

test("a chain is exactly straight, through the borders of groups too", () => {
  const made = sceneOf(
    payloadOf(["in -", "a1 - in", "b1 m a1", "b2 m b1", "c1 m.k b2", "c2 m.k c1", "d - c2", "out - d"]),
  );
  const xs = ["in", "a1", "b1", "b2", "c1", "c2", "d", "out"].map((id) => center(at(made, id)));
  for (const x of xs) assert.equal(x, xs[0]);
});

test("the trunk of a residual block is straight and the skip edge runs beside it", () => {
  const made = sceneOf(payloadOf(["in -", "a1 - in", "a2 - a1", "a3 - a2", "add - a3 in", "out - add"]));
  const xs = ["in", "a1", "a2", "a3", "add", "out"].map((id) => center(at(made, id)));
  for (const x of xs) assert.equal(x, xs[0]);
});

test("what nothing else needs stands in room that the rest leaves, and is no reason for a wider picture", () => {
  const side = ["p -", "q - p", "a - q", "b - q", "c - q", "m - a b c"];
  const trunk = ["in -", "e - in", "t1 - e", "t2 - t1", "t3 - t2", ...side, "sum - m t3", "out - sum"];
  const dead = ["n1 -", "n2 - n1"];
  const without = sceneOf(payloadOf(trunk));
  for (const lines of [[...trunk.slice(0, -1), ...dead, trunk.at(-1)], [...dead, ...trunk]]) {
    const made = sceneOf(payloadOf(lines));
    assert.deepEqual(faults(made), []);
    assert.equal(made.scene.width, without.scene.width);
    assert.equal(center(at(made, "n1")), center(at(made, "n2")));
  }
});

test("a stack of residual blocks does not drift sideways", () => {
  const lines = ["in -"];
  let last = "in";
  for (let i = 0; i < 20; i++) {
    lines.push(`p${i} block${i} ${last}`, `q${i} block${i} p${i}`, `r${i} block${i} q${i} ${last}`);
    last = `r${i}`;
  }
  const made = sceneOf(payloadOf([...lines, `out - ${last}`]));
  assert.equal(center(at(made, "in")), center(at(made, "out")));
  assert.ok(made.scene.width < 300, `${made.scene.width} px wide`);
});

test("the trunk follows tensors, not the longer way that sizes take", () => {
  const made = sceneOf(
    payloadOf([
      "in -",
      "size - in",
      "get - size!",
      "mul - get!",
      "conv - in",
      "view - conv mul!",
      "relu - view",
      "out - relu",
    ]),
  );
  const xs = ["in", "conv", "view", "relu", "out"].map((id) => center(at(made, id)));
  for (const x of xs) assert.equal(x, xs[0]);
  assert.notEqual(center(at(made, "mul")), xs[0]);
});

test("a chain beside a tall open group stays close to its start", () => {
  const group = Array.from({ length: 12 }, (_, i) => `g${i} tall ${i ? `g${i - 1}` : "first"}`);
  const made = sceneOf(payloadOf(["in -", "first - in", ...group, "a - in", "b - a", "c - b", "out - c g11"]));
  assert.deepEqual(faults(made), []);
  const [a, b, c] = ["a", "b", "c"].map((id) => at(made, id));
  assert.ok(b.y - a.y < 100 && c.y - b.y < 100, `${a.y} ${b.y} ${c.y}`);
});

test("an operation stands near its consumer, not at the top", () => {
  const made = sceneOf(payloadOf(["in -", "a1 - in", "a2 - a1", "a3 - a2", "zeros -", "add - a3 zeros", "out - add"]));
  assert.equal(at(made, "zeros").y, at(made, "a3").y);
});

test("the layout is deterministic", () => {
  for (const name of FIXTURES) {
    const twice = [0, 1].map(() => JSON.stringify(sceneOf(fixture(name), "all").scene.boxes));
    assert.equal(twice[0], twice[1]);
  }
});

test("a layout that remembers groups from other views is the layout of a fresh tree", () => {
  for (const name of FIXTURES) {
    const model = readPayload(fixture(name));
    const places = (tree, open) => {
      const { boxes, lines } = buildScene(model, tree, fold(model, tree, openSet(tree, open)), estimateWidth);
      return JSON.stringify([boxes, lines]);
    };
    const tree = buildTree(model);
    for (const open of ["first", "all", [], "all", "first"]) {
      assert.equal(places(tree, open), places(buildTree(model), open), `${name}, ${open}`);
    }
  }
});

test("opening one of several alike blocks leaves the others as they are", () => {
  const payload = fixture("resnet18");
  const width = (made, id) => at(made, id).width;
  const [closed, opened] = [sceneOf(payload, []), sceneOf(payload, ["layer1"])];
  assert.deepEqual(faults(opened), []);
  for (const id of ["layer2", "layer3", "layer4"]) assert.equal(width(opened, id), width(closed, id));
});

test("groups below each other stand in one column where straight lines would make a staircase", () => {
  const lines = ["in -"];
  let last = "in";
  for (let i = 0; i < 12; i++) {
    // The value leaves each group far to the right of where it enters: a wide row of three is summed at its end.
    lines.push(`p${i} block${i} ${last}`, `q${i} block${i} p${i}`, `r${i} block${i} p${i}`, `s${i} block${i} p${i}`);
    lines.push(`t${i} block${i} s${i} r${i}`, `u${i} block${i} t${i} q${i}`);
    last = `u${i}`;
  }
  const made = sceneOf(payloadOf([...lines, `out - ${last}`]));
  assert.deepEqual(faults(made), []);
  assert.ok(made.scene.width < 2 * at(made, "block0").width, `${made.scene.width} px wide`);
});

test("what picks parts of one value stands beside its users and not in a row", () => {
  const lines = ["in -", "start - in"];
  let last = "start";
  for (let i = 0; i < 8; i++) {
    lines.push(`pick${i} - in`, `cell${i} - ${last} pick${i}`);
    last = `cell${i}`;
  }
  const made = sceneOf(payloadOf([...lines, `out - ${last}`]));
  assert.deepEqual(faults(made), []);
  assert.ok(made.scene.width < 4 * 164, `${made.scene.width} px wide`);
});

test("the ports of a group stand in the order in which lines come to it", () => {
  const made = sceneOf(
    payloadOf(["in0 -", "in1 -", "in2 -", "a - in2", "b - in1", "c - in0", "d g a b c", "e g d", "out - e"]),
  );
  assert.deepEqual(faults(made), []);
  const across = (line, other) =>
    line.key !== other.key &&
    line.points.some(([x, y], i) => {
      const next = line.points[i + 1];
      if (!next || next[1] !== y) return false;
      return other.points.some(([u, v], j) => {
        const after = other.points[j + 1];
        const between = u > Math.min(x, next[0]) && u < Math.max(x, next[0]);
        return after && after[0] === u && between && v < y && after[1] > y;
      });
    });
  for (const line of made.scene.lines) for (const other of made.scene.lines) assert.ok(!across(line, other));
});

test("values that many layers share travel on one line", () => {
  const lines = ["in -", "cos -"];
  let last = "in";
  for (let i = 0; i < 30; i++) {
    lines.push(`mul${i} - ${last} cos`);
    last = `mul${i}`;
  }
  const { scene } = sceneOf(payloadOf([...lines, `out - ${last}`]));
  assert.ok(scene.lines.length < 100, `${scene.lines.length} lines`);
});

test("labels do not lie on lines", () => {
  for (const name of FIXTURES) {
    const { scene } = sceneOf(fixture(name), "all");
    for (const label of scene.labels) {
      for (const { points } of scene.lines) {
        points.slice(1).forEach(([x, y], i) => {
          const on =
            points[i][0] === x && x > label.x && x < label.x + label.width && points[i][1] < label.y && label.y < y;
          assert.ok(!on, `${name}: ${label.text}`);
        });
      }
    }
  }
});

test("network simplex finds the shortest positions", () => {
  // A diamond with one long side: the short side's point hangs where the weights pull it.
  const x = networkSimplex(5, [
    { a: 0, b: 1, least: 1, weight: 1 },
    { a: 1, b: 2, least: 1, weight: 1 },
    { a: 2, b: 4, least: 1, weight: 1 },
    { a: 0, b: 3, least: 1, weight: 1 },
    { a: 3, b: 4, least: 1, weight: 5 },
  ]);
  assert.deepEqual([...x], [0, 1, 2, 2, 3]);
});

test("network simplex equals an exhaustive search on small random problems", () => {
  let state = 7;
  const random = (n) => Math.floor(((state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 4294967296) * n);
  for (let round = 0; round < 200; round++) {
    const count = 5;
    const list = [];
    for (let b = 1; b < count; b++) list.push({ a: random(b), b, least: 1, weight: 1 + random(3) });
    for (let k = 0; k < 3; k++) {
      const b = 1 + random(count - 1);
      list.push({ a: random(b), b, least: random(3), weight: random(4) });
    }
    const cost = (x) => list.reduce((sum, c) => sum + c.weight * (x[c.b] - x[c.a]), 0);
    const fits = (x) => list.every((c) => x[c.b] - x[c.a] >= c.least - 1e-9);
    let best = Infinity;
    const walk = (x) => {
      if (x.length === count) {
        if (fits(x)) best = Math.min(best, cost(x));
        return;
      }
      for (let value = 0; value <= 8; value++) walk([...x, value]);
    };
    if (round < 12) walk([]);
    const x = networkSimplex(count, list);
    assert.ok(fits(x));
    if (round < 12) assert.equal(cost(x), best);
  }
});

test("inversions counts pairs in the wrong order", () => {
  assert.equal(inversions([3, 1, 2]), 2);
  assert.equal(inversions([1, 1, 2]), 0);
  assert.equal(inversions([4, 3, 2, 1]), 6);
});
