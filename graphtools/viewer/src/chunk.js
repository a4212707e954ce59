// Long flat scopes (an unrolled loop, a long functional forward) in runs, so that no box holds hundreds of boxes.

/** @typedef {import("./tree.js").Part} Part */

export const LONGEST = 40; // boxes in one group before it is divided into runs
const RUNS = 24; // at most so many runs; they are divided again where they are still too long
const LONGEST_PERIOD = 24;

/**
 * `parts` as they are if they are few, else as runs of them. Parts must come with inputs before users, so that runs form
 * no cycle. A loop is cut between two of its steps, other code where the fewest values are alive.
 * @param {Part[]} parts
 * @param {number[][]} inputs
 * @param {(part: Part) => string} signature
 * @param {(part: Part) => boolean} fixed parts that stay outside of any run (inputs, the output)
 * @returns {Part[]}
 */
export function chunk(parts, inputs, signature, fixed) {
  if (parts.length <= LONGEST) return parts;
  const first = parts.filter((part) => fixed(part) && inputs[part.nodes[0]].length === 0);
  const last = parts.filter((part) => fixed(part) && inputs[part.nodes[0]].length > 0);
  const middle = parts.filter((part) => !fixed(part));
  if (middle.length <= LONGEST) return parts;
  const loop = findLoop(middle.map(signature));
  const runs = loop ? cutLoop(middle, loop) : cutCode(middle, inputs);
  return [
    ...first.slice(0, LONGEST),
    ...(first.length > LONGEST ? [join(first.slice(LONGEST), "more inputs")] : []),
    ...runs,
    ...last,
  ];
}

function join(/** @type {Part[]} */ parts, /** @type {string} */ label) {
  const scope = parts[0].scope;
  const dot = scope.lastIndexOf(".");
  const nodes = parts.flatMap((part) => part.nodes).sort((a, b) => a - b);
  return { scope: dot < 0 ? "" : scope.slice(0, dot), nodes, parts, label };
}

/** Where a repetition starts and how long one step of it is; null if less than two thirds of the list repeats. */
export function findLoop(/** @type {string[]} */ words) {
  let best = null;
  for (let period = 1; period <= LONGEST_PERIOD; period++) {
    let length = 0;
    let longest = 0;
    let end = 0;
    for (let i = period; i < words.length; i++) {
      length = words[i] === words[i - period] ? length + 1 : 0;
      if (length > longest) [longest, end] = [length, i + 1];
    }
    const covered = longest + period;
    const steps = Math.floor(covered / period);
    // A multiple of the true period matches as long, so a longer period must win by more than its own length.
    if (
      longest &&
      steps >= 4 &&
      covered * 3 >= words.length * 2 &&
      (!best || covered > best.steps * best.period + period)
    ) {
      best = { start: end - covered, period, steps };
    }
  }
  return best;
}

function cutLoop(/** @type {Part[]} */ parts, /** @type {{start: number, period: number, steps: number}} */ loop) {
  const { start, period, steps } = loop;
  const perRun = Math.max(1, roundUp(steps / RUNS));
  const end = start + steps * period;
  const runs = parts.slice(0, start);
  for (let step = 0; step < steps; step += perRun) {
    const until = Math.min(steps, step + perRun);
    const members = parts.slice(start + step * period, start + until * period);
    if (members.length === 1) runs.push(members[0]);
    else runs.push(join(members, until - step > 1 ? `steps ${step + 1}–${until}` : `step ${step + 1}`));
  }
  return [...runs, ...parts.slice(end)];
}

/** The next of 1, 2, 5, 10, 20, 50, ...: people count steps in round numbers. */
function roundUp(/** @type {number} */ count) {
  let unit = 1;
  for (;;) {
    for (const factor of [1, 2, 5]) if (unit * factor >= count) return unit * factor;
    unit *= 10;
  }
}

function cutCode(/** @type {Part[]} */ parts, /** @type {number[][]} */ inputs) {
  const alive = valuesAlive(parts, inputs);
  const size = Math.max(6, Math.ceil(parts.length / RUNS));
  const runs = [];
  for (let start = 0; start < parts.length;) {
    let end = parts.length;
    if (end - start > size * 1.5) {
      end = start + size;
      for (let cut = start + Math.ceil(size * 0.6); cut <= start + Math.ceil(size * 1.4); cut++) {
        const nearer = alive[cut] === alive[end] && Math.abs(cut - start - size) < Math.abs(end - start - size);
        if (alive[cut] < alive[end] || nearer) end = cut;
      }
    }
    runs.push(join(parts.slice(start, end), `${start + 1}–${end}`));
    start = end;
  }
  return runs;
}

/** How many values cross the cut before each part. */
function valuesAlive(/** @type {Part[]} */ parts, /** @type {number[][]} */ inputs) {
  const of = new Map();
  parts.forEach((part, p) => part.nodes.forEach((node) => of.set(node, p)));
  const lastUse = new Map();
  parts.forEach((part, p) =>
    part.nodes.forEach((node) => inputs[node].forEach((source) => of.has(source) && lastUse.set(source, p))),
  );
  const alive = new Array(parts.length + 1).fill(0);
  for (const [source, last] of lastUse) for (let p = of.get(source) + 1; p <= last; p++) alive[p]++;
  return alive;
}
