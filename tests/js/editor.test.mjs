// The editor's levels and places, on drafts as Python sends them.

import assert from "node:assert/strict";
import { test } from "node:test";

import { arrange } from "../../graphtools/viewer/src/editor/arrange.js";
import { DraftState } from "../../graphtools/viewer/src/editor/draft.js";
import { levelOf } from "../../graphtools/viewer/src/editor/level.js";
import { freeNear, placeNew } from "../../graphtools/viewer/src/editor/placing.js";
import { questions } from "../../graphtools/viewer/src/editor/questions.js";
import { Turns } from "../../graphtools/viewer/src/editor/turns.js";

const SIZE = { width: 120, height: 50 };
const size = () => SIZE;

function node(name, inputs = [], home = "", more = {}) {
  return {
    name,
    kind: "call",
    title: name,
    target: `torch.nn.${name}`,
    category: "linear",
    home,
    in: inputs.map((from, i) => ({ place: [i], label: `input${i}`, ...(from ? { from: [from, []] } : {}) })),
    out: [[[], "f32[B, 8]"]],
    ...more,
  };
}

function draft(nodes, groups = {}, problems = []) {
  return { nodes: new Map(nodes.map((one) => [one.name, one])), groups, problems };
}

const RESIDUAL = draft(
  [
    node("x", [], "", { kind: "input" }),
    node("a", ["x"], "block"),
    node("b", ["a"], "block.deep"),
    node("add", ["b", "x"]),
    node("output", ["add"], "", { kind: "output", out: [] }),
  ],
  { block: "Block", "block.deep": "" },
);

test("a module is one box with a port for each value that enters or leaves it", () => {
  const { boxes, edges } = levelOf(RESIDUAL, "");
  assert.deepEqual(
    boxes.map(({ key }) => key),
    ["x", "block/", "add", "output"],
  );
  const block = boxes[1];
  assert.deepEqual(block.nodes, ["a", "b"]);
  assert.deepEqual(block.ins, [{ label: "x", ends: [["a", [0]]], from: ["x", []], may: false }]);
  assert.deepEqual(
    block.outs.map(({ value }) => value),
    [["b", []]],
  );
  assert.deepEqual(
    edges.map(({ from, to }) => `${from} ${to}`),
    ["x block/", "block/ add", "x add", "add output"],
  );
});

test("inside a module, what comes from outside is a box of its own", () => {
  const { boxes, edges } = levelOf(RESIDUAL, "block");
  assert.deepEqual(
    boxes.map(({ key, kind }) => [key, kind]),
    [
      ["a", "node"],
      ["block.deep/", "group"],
      ["<x", "outside"],
    ],
  );
  assert.deepEqual(
    edges.map(({ from, to }) => `${from} ${to}`),
    ["<x a", "a block.deep/"],
  );
});

test("one value that several in a module take has one port there", () => {
  const { boxes } = levelOf(
    draft([node("x", [], "", { kind: "input" }), node("a", ["x"], "m"), node("b", ["x", null], "m")], { m: "" }),
    "",
  );
  const ports = boxes.find(({ key }) => key === "m/").ins;
  assert.deepEqual(
    ports.map(({ ends }) => ends),
    [
      [
        ["a", [0]],
        ["b", [0]],
      ],
      [["b", [1]]],
    ],
  );
  assert.equal(ports[1].from, null);
});

test("an edge is bad where a problem stands on it", () => {
  const problems = [{ message: "no", fixes: [], node: "add", place: [1], from: "x" }];
  const { edges, boxes } = levelOf({ ...RESIDUAL, problems }, "");
  assert.deepEqual(
    edges.filter(({ bad }) => bad).map(({ from, to }) => `${from} ${to}`),
    ["x add"],
  );
  assert.equal(boxes.find(({ key }) => key === "add").bad, true);
});

function overlaps(places) {
  const all = Object.values(places);
  return all.some(([x, y], i) =>
    all.some(([x2, y2], j) => i < j && Math.abs(x - x2) < SIZE.width && Math.abs(y - y2) < SIZE.height),
  );
}

test("boxes are arranged downwards, without overlaps, the same each time, also where there is a loop", () => {
  const level = levelOf(RESIDUAL, "");
  const places = arrange(level, size);
  assert.deepEqual(places, arrange(level, size));
  assert.equal(overlaps(places), false);
  for (const { from, to } of level.edges) assert.ok(places[from][1] < places[to][1]);
  const loop = levelOf(draft([node("a", ["b"]), node("b", ["a"]), node("c", ["c", "b"])]), "");
  assert.equal(overlaps(arrange(loop, size)), false);
});

test("a new box stands below what it takes, over no other", () => {
  const nodes = [node("x", [], "", { kind: "input" })];
  let known = placeNew(levelOf(draft(nodes), ""), {}, size);
  for (let i = 0; i < 12; i++) {
    nodes.push(node(`n${i}`, ["x"]));
    const found = placeNew(levelOf(draft(nodes), ""), known, size);
    assert.deepEqual(Object.keys(found), [`n${i}`]);
    known = { ...known, ...found };
    assert.ok(known[`n${i}`][1] > known.x[1]);
  }
  assert.equal(overlaps(known), false);
});

function chain(...names) {
  return names.map((name, i) => node(name, i ? [names[i - 1]] : []));
}

test("a box that is put between two stands between them, and all below moves down, at once for all columns", () => {
  const known = placeNew(levelOf(draft(chain("a", "b", "c")), ""), {}, size);
  const beside = [known.a[0] + 300, known.c[1]];
  const far = node("far", [], "");
  const level = levelOf(draft([...chain("a", "new", "b", "c"), far]), "");
  const moved = placeNew(level, { ...known, far: beside }, size);
  const places = { ...known, far: beside, ...moved };
  assert.equal(places.new[0], known.a[0]);
  for (const { from, to } of level.edges) assert.ok(places[from][1] + SIZE.height < places[to][1], `${from} ${to}`);
  assert.equal(places.c[1] - places.b[1], known.c[1] - known.b[1]); // as far from each other as before
  assert.deepEqual(Object.keys(moved).sort(), ["b", "c", "new"]); // what is in no column of these stays
  assert.equal(overlaps(places), false);
});

test("where there is room between two boxes nothing moves", () => {
  const level = levelOf(draft(chain("a", "new", "b")), "");
  const moved = placeNew(level, { a: [0, 0], b: [0, 400] }, size);
  assert.deepEqual(Object.keys(moved), ["new"]);
  assert.deepEqual(moved.new, [0, 200]);
});

test("several new boxes of a chain stand below each other, in whatever order they come", () => {
  const [a, b, c, d] = chain("a", "b", "c", "d");
  const level = levelOf(draft([a, d, c, b]), "");
  const places = { a: [0, 0], ...placeNew(level, { a: [0, 0] }, size) };
  assert.ok(places.a[1] < places.b[1] && places.b[1] < places.c[1] && places.c[1] < places.d[1]);
});

test("a second box that takes a value stands beside the first, not on its edge", () => {
  const nodes = [node("a"), node("b", ["a"]), node("new", ["a"])];
  const places = placeNew(levelOf(draft(nodes), ""), { a: [0, 0], b: [0, 300] }, size);
  assert.ok(places.new[0] >= SIZE.width && places.new[1] > SIZE.height);
});

test("a free place is beside what is there", () => {
  const level = levelOf(draft([node("a")]), "");
  assert.deepEqual(freeNear([500, 500], SIZE, level, { a: [0, 0] }, size), [500, 500]);
  const [x] = freeNear([10, 10], SIZE, level, { a: [0, 0] }, size);
  assert.ok(x >= SIZE.width);
});

test("a group is unused where all in it is", () => {
  const unused = { unused: true };
  const nodes = [node("a", [], "m", unused), node("b", ["a"], "m", unused), node("c", [], "n", unused), node("d", [], "n")];
  const { boxes } = levelOf(draft(nodes, { m: "", n: "" }), "");
  assert.deepEqual(
    boxes.map((box) => [box.key, box.unused]),
    [
      ["m/", true],
      ["n/", false],
    ],
  );
});

const later = (ms) => new Promise((done) => setTimeout(done, ms));

test("actions are done one after another, each after what the one before it asked for", async () => {
  const done = [];
  const turns = new Turns((error) => done.push(error.message));
  assert.equal(turns.settled(), undefined);
  turns.run(() => done.push("at once"));
  assert.deepEqual(done, ["at once"]);
  turns.run(async () => {
    await later(5);
    done.push("slow");
  });
  assert.equal(turns.isIdle, false);
  turns.hold(() => {
    done.push("key");
    turns.run(() => done.push("of the key"));
  });
  assert.equal(turns.held, 1);
  turns.run(() => {
    throw new Error("failed");
  });
  await turns.run(() => done.push("last"));
  assert.deepEqual(done, ["at once", "slow", "key", "of the key", "failed", "last"]);
  assert.equal(turns.held, 0);
  assert.equal(turns.isIdle, true);
});

test("actions that look at nothing are under way together, and others wait for them", async () => {
  const turns = new Turns(() => undefined);
  let [running, most] = [0, 0];
  const free = async () => {
    most = Math.max(most, ++running);
    await later(5);
    running--;
  };
  for (let i = 0; i < 3; i++) turns.run(free, true);
  await turns.run(() => assert.equal(running, 0));
  assert.equal(most, 3);
});

test("commands that wait go together, in order, and each gets its own result", async () => {
  const asked = [];
  const picture = { number: 1, nodes: [], order: [], groups: {}, positions: {}, problems: [], totals: {}, notes: [] };
  const told = [];
  const state = new DraftState(
    async (op, args) => {
      asked.push([op, args]);
      await new Promise((later) => setTimeout(later, 5));
      if (op === "picture") return picture;
      const results = args.commands.map((command) => (command.bad ? { error: "no" } : { new: [command.name] }));
      return { results, picture: { ...picture, since: args.since, number: args.since + 1 } };
    },
    () => undefined,
    (text) => told.push(text),
  );
  await state.take(picture);
  const done = await Promise.all([
    state.run({ name: "a" }),
    state.run({ name: "b" }),
    state.run({ bad: true }),
    state.run({ name: "c" }),
  ]);
  assert.deepEqual(done, [{ new: ["a"] }, { new: ["b"] }, null, { new: ["c"] }]);
  assert.deepEqual(told, ["no"]);
  assert.deepEqual(
    asked.map(([, { commands }]) => commands.length),
    [1, 3],
  );
  assert.equal(state.number, 3);
});

test("a picture of changes to another one than the last has the whole asked for", async () => {
  const whole = {
    number: 9,
    nodes: [node("a")],
    order: ["a"],
    groups: {},
    positions: {},
    problems: [],
    totals: {},
    notes: [],
  };
  const asked = [];
  const state = new DraftState(
    async (op) => (asked.push(op), whole),
    () => undefined,
    () => undefined,
  );
  await state.take({ ...whole, since: 3, nodes: [] });
  assert.deepEqual(asked, ["picture"]);
  assert.equal(state.nodes.get("a").name, "a");
});

test("a picture of changes changes what it names, and leaves the rest as it is", async () => {
  const state = new DraftState(
    async () => undefined,
    () => undefined,
    () => undefined,
  );
  const rest = { order: ["a", "b"], groups: {}, positions: {}, problems: [], totals: {}, notes: [] };
  const a = { ...node("a"), settings: "3", unused: true };
  await state.take({ ...rest, number: 1, nodes: [a, node("b")] });
  const [before, b] = [state.nodes.get("a"), state.nodes.get("b")];
  await state.take({ ...rest, number: 2, since: 1, nodes: [], changes: [["a", { settings: "4" }, ["unused"]]] });
  assert.equal(state.nodes.get("a").settings, "4");
  assert.equal("unused" in state.nodes.get("a"), false);
  assert.deepEqual(state.nodes.get("a").in, before.in);
  assert.equal(before.settings, "3"); // what is drawn of it stays what it was
  assert.equal(state.nodes.get("b"), b);
});

test("a question is asked again with the same number until it is answered", async () => {
  const sent = [];
  const asked = questions((question) => sent.push(question));
  const answer = asked.ask("do", { commands: [] });
  assert.equal(sent[0].args.id, sent[0].id);
  asked.answer({ id: sent[0].id, result: 3 });
  asked.answer({ id: sent[0].id, error: "late" });
  assert.equal(await answer, 3);
  const refused = asked.ask("form", {});
  asked.answer({ id: sent[1].id, error: "no such node" });
  await assert.rejects(refused, /no such node/);
  asked.stop();
});
