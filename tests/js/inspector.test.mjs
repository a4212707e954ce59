import assert from "node:assert/strict";
import { test } from "node:test";
import { SPECIAL, colorOf, css, isSigned } from "../../graphtools/viewer/src/panel/colors.js";
import { Looks } from "../../graphtools/viewer/src/panel/looks.js";
import { gradientAt, makesZeros, number, onlyNumber, percent, ratioWords, warningsOf } from "../../graphtools/viewer/src/panel/numbers.js";
import { keysAt } from "../../graphtools/viewer/src/panel/parameters.js";
import { isExact, valuesOf } from "../../graphtools/viewer/src/panel/pixels.js";

const base64 = (bytes) => Buffer.from(bytes).toString("base64");
const floats = (values) => base64(new Uint8Array(new Float32Array(values).buffer));
const entry = (more = {}) => ({ elements: 100, zeros: 0, nan: 0, inf: 0, norm: 1, ...more });
const texts = (value, grad) => warningsOf(value, grad).map((warning) => warning.text);

// As graphtools.statistics.number writes them; whole numbers are in full.
test("numbers have four significant digits, as Python writes them", () => {
  for (const [value, text] of [
    [0.391234, "0.3912"],
    [251.4, "251.4"],
    [0.0001, "0.0001"],
    [0.00001234, "1.234e-5"],
    [-1.2e-5, "-1.2e-5"],
    [1e-7, "1e-7"],
    [1e-10, "1e-10"],
    [0, "0"],
    [131072, "131072"],
    ["nan", "nan"],
    ["-inf", "-inf"],
    [null, "–"],
    [undefined, "–"],
  ])
    assert.equal(number(value), text);
});

test("shares are percentages, 0 where there is none and all a word", () => {
  assert.deepEqual([0, 0.5031, 0.0002, 0.99991, 1].map(percent), ["0", "50.3 %", "0.020 %", "99.991 %", "all"]);
});

test("values of two signs are colored around zero, those of one from end to end", () => {
  assert.equal(isSigned(-1, 2), true);
  assert.equal(isSigned(0, 2), false);
  assert.equal(isSigned(-2, 0), false);
  const zero = colorOf(0, -1, 2);
  assert.deepEqual(zero, colorOf(0, -2, 2));
  assert.ok(
    zero.every((part) => part >= 240),
    "zero is the lightest",
  );
  assert.notDeepEqual(colorOf(-1, -1, 2), colorOf(-1, -1, 1), "the farther end sets the scale of both");
  assert.deepEqual(colorOf(5, -1, 2), colorOf(2, -1, 2), "what is outside has the color of the end");
  assert.equal(css(colorOf(0, 0, 1)), "rgb(11 7 36)");
  assert.equal(css(colorOf(3, 3, 3)), css(colorOf(0, 0, 1)), "a constant tensor has one color, that of its small picture");
});

test("one-signed colors grow lighter all the way, so they are told apart without hue", () => {
  const lightness = Array.from({ length: 21 }, (_, i) =>
    colorOf(i / 20, 0, 1).reduce((sum, part, k) => sum + part * [0.2126, 0.7152, 0.0722][k], 0),
  );
  lightness.slice(1).forEach((value, i) => assert.ok(value > lightness[i], `${i}`));
});

test("NaN and the two infinities have colors of their own that no value has", () => {
  const special = [NaN, Infinity, -Infinity].map((value) => String(colorOf(value, -1, 1)));
  assert.equal(new Set(special).size, 3);
  assert.deepEqual(
    SPECIAL.map(({ color }) => String(color)),
    special,
  );
  for (let i = -20; i <= 20; i++) {
    assert.ok(!special.includes(String(colorOf(i / 20, -1, 1))));
    assert.ok(!special.includes(String(colorOf(Math.abs(i) / 20, 0, 1))));
  }
});

test("float pixels are read as they are", () => {
  const picture = { width: 2, height: 2, coding: "f32", data: floats([0.5, -1, NaN, Infinity]), exact: true };
  assert.deepEqual([...valuesOf(picture)], [0.5, -1, NaN, Infinity]);
  assert.equal(isExact(picture), true);
  assert.equal(isExact({ ...picture, exact: false }), false);
});

test("byte pixels run from low to high, and what was not finite is what it was", () => {
  const picture = { width: 3, height: 1, coding: "u8", data: base64([0, 255, 51]), low: -1, high: 4, exact: true };
  assert.deepEqual([...valuesOf(picture)], [-1, 4, 0]);
  assert.deepEqual([...valuesOf({ ...picture, nonfinite: [1] })], [-1, NaN, 0]);
  const three = { ...picture, nonfinite: [0, 1, 2], plus: [1], minus: [2] };
  assert.deepEqual([...valuesOf(three)], [NaN, Infinity, -Infinity]);
  assert.equal(isExact(picture), false);
});

test("the gradient at a position is the last that has arrived, of that output alone", () => {
  const arrivals = [
    { output: 0, event: 4 },
    { output: 1, event: 5 },
    { output: 0, event: 9 },
  ];
  assert.deepEqual(gradientAt(arrivals, 0, 3), { arrived: -1, coming: 4 });
  assert.deepEqual(gradientAt(arrivals, 0, 4), { arrived: 4, coming: 9 });
  assert.deepEqual(gradientAt(arrivals, 0, 8), { arrived: 4, coming: 9 });
  assert.deepEqual(gradientAt(arrivals, 0, 20), { arrived: 9, coming: -1 });
  assert.deepEqual(gradientAt(arrivals, 1, 4), { arrived: -1, coming: 5 });
  assert.deepEqual(gradientAt([], 0, 4), { arrived: -1, coming: -1 });
  // Of two backward passes the first.
  assert.deepEqual(gradientAt(arrivals, 0, 20, { start: 3, stop: 9 }), { arrived: 4, coming: -1 });
});

test("a parameter is what its last update left, with the .grad that had come by then", () => {
  const update = (event) => ({ event, optimizer: "SGD", settings: [], state: [], ratio: null });
  const run = { updates: new Map([[0, [update(7), update(15)]]]), accumulated: new Map([[0, [5, 12]]]) };
  const keys = (position) => {
    const { value, before, grad } = keysAt(run, 0, position);
    return [value, before, grad];
  };
  assert.deepEqual(keys(4), ["p.0", null, null]);
  assert.deepEqual(keys(6), ["p.0", null, "a.0.5"]);
  assert.deepEqual(keys(7), ["u.7.after", "u.7.before", "a.0.5"]);
  assert.deepEqual(keys(14), ["u.7.after", "u.7.before", "a.0.12"]);
  assert.deepEqual(keys(15), ["u.15.after", "u.15.before", "a.0.12"]);
  assert.equal(keysAt(run, 1, 20).value, "p.1");
});

test("what stands out is said once, and the worst of it alone", () => {
  assert.deepEqual(texts(entry(), entry()), []);
  assert.deepEqual(texts(entry({ nan: 2, inf: 1, zeros: 1 }), null), ["The value holds 2 NaN and 1 infinite."]);
  assert.deepEqual(texts(null, entry({ inf: 3 })), ["The gradient holds 3 infinite."]);
  assert.deepEqual(texts(entry(), entry({ zeros: 1, norm: 0 })), ["The gradient is zero everywhere."]);
  assert.deepEqual(texts(entry({ zeros: 0.93 }), null), ["93.0 % of the values are zero."]);
  assert.deepEqual(texts(entry({ zeros: 0.55 }), null), [], "half is what a ReLU gives");
  assert.deepEqual(texts(null, entry({ zeros: 0.93 })), [], "of a gradient it is usual");
  assert.deepEqual(texts(entry({ elements: 1, zeros: 1 }), null), [], "one zero is a number like others");
  assert.deepEqual(texts(entry(), entry({ norm: 2500 })), ["The gradient is 2500 times as large as the value."]);
  assert.deepEqual(texts({ lost: "not kept" }, { text: "3" }), []);
});

test("an update is measured against what is usual", () => {
  assert.equal(ratioWords(null), "");
  assert.equal(ratioWords(0), "the parameter did not change");
  assert.match(ratioWords(1e-7), /^very small: about 1e-3 is usual/);
  assert.match(ratioWords(2e-3), /^about 1e-3 is usual/);
  assert.match(ratioWords(0.5), /^very large: /);
});

test("a tensor is asked for once, and again only after an error", async () => {
  const asked = [];
  const looks = new Looks({
    tensor: async (key) => {
      asked.push(key);
      if (key === "bad" && asked.length < 4) throw new Error("the connection is closed");
      return { key };
    },
  });
  assert.deepEqual([await looks.tensor("a"), await looks.tensor("a")], [{ key: "a" }, { key: "a" }]);
  assert.deepEqual(asked, ["a"]);
  await assert.rejects(looks.tensor("bad"), /closed/);
  asked.push("");
  assert.deepEqual(await looks.tensor("bad"), { key: "bad" });
});

test("what was used least recently is forgotten first", async () => {
  const asked = [];
  const looks = new Looks({ tensor: async (key) => asked.push(key) });
  await looks.tensor("kept");
  for (let i = 0; i < 299; i++) await looks.tensor(`${i}`);
  await looks.tensor("kept");
  await looks.tensor("one more");
  await looks.tensor("kept");
  await looks.tensor("0");
  assert.deepEqual(asked.slice(-2), ["one more", "0"]);
});

test("zeros that an operation makes on purpose are no alarm, of any other they are", () => {
  const zeros = { elements: 4, zeros: 1, nan: 0, inf: 0 };
  assert.equal(warningsOf(zeros, null, makesZeros("torch.zeros")).length, 0);
  assert.equal(warningsOf(zeros, null, makesZeros("torch.nn.functional.relu")).length, 1);
  const made = ["torch.zeros", "torch.Tensor.new_zeros", "torch.zeros_like", "torch.Tensor.zero_", "torch.count_nonzeros"];
  assert.deepEqual(made.map(makesZeros), [true, true, true, true, false]);
});

test("the number of a tensor of one element is told, also where it is not finite", () => {
  const one = { elements: 1, nan: 0, inf: 0, min: 0.25 };
  assert.equal(onlyNumber(one), "0.25");
  assert.equal(onlyNumber({ ...one, min: null, nan: 1 }), "nan");
  assert.equal(onlyNumber({ ...one, min: null, inf: 1, line: "tensor[] f32 +Inf! inf" }), "inf");
  assert.equal(onlyNumber({ ...one, min: null, inf: 1, line: "tensor[] f32 -Inf! -inf" }), "-inf");
});
