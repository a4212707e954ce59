// What a program computes with sizes and asserts about them, put together: it says little about the model, and would fill
// the picture of a traced one.

/** @typedef {import("./tree.js").Part} Part */

const LEAST = 3; // of such operations in a row that become one box
export const SIZES = "sizes and checks";

/**
 * `parts` with each run of operations that give no tensor as one part. Parts must come with inputs before users: a run of
 * them, taken together, then forms no cycle.
 * @param {Part[]} parts
 * @param {(part: Part) => boolean} isOfSizes
 * @returns {Part[]}
 */
export function gatherSizes(parts, isOfSizes) {
  const found = /** @type {Part[]} */ ([]);
  let run = /** @type {Part[]} */ ([]);
  const flush = () => {
    if (run.length < LEAST || run.length === parts.length) found.push(...run);
    else found.push(joined(run));
    run = [];
  };
  for (const part of parts) {
    if (isOfSizes(part)) run.push(part);
    else {
      flush();
      found.push(part);
    }
  }
  flush();
  return found;
}

/** @returns {Part} */
function joined(/** @type {Part[]} */ run) {
  const nodes = run.flatMap((part) => part.nodes).sort((a, b) => a - b);
  return { scope: run[0].scope, nodes, parts: run, label: SIZES };
}
