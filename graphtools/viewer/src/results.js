// What stands for the value of a group: the last operation in it whose tensor goes on to what is outside.

/**
 * The node whose result is shown of each item: of an operation itself; -1 for a group that gives no tensor.
 * @param {import("./model.js").Model} model
 * @param {import("./tree.js").Tree} tree
 * @returns {Int32Array}
 */
export function resultsOf({ edges }, { items, ofNode }) {
  const found = new Int32Array(items.length).fill(-1);
  for (const { index, node } of items) found[index] = node;
  for (const { from, to, shape } of edges) {
    if (!shape) continue;
    // All groups around the one that do not hold the other. A group comes before what it holds.
    let [a, b] = [items[ofNode[from]].parent, ofNode[to]];
    while (a > 0) {
      while (b > a) b = items[b].parent;
      if (b === a) break;
      found[a] = Math.max(found[a], from);
      a = items[a].parent;
    }
  }
  return found;
}
