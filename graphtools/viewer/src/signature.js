// When two groups do the same: the same operations under the same relative names, wired the same way. Shapes may differ.

/** @typedef {import("./tree.js").Part} Part */

/**
 * A function that gives equal strings for parts that do the same. Costs one walk over a part's nodes, once per part.
 * @param {import("./model.js").Model} model
 * @param {number[][]} inputs
 */
export function signer(model, inputs) {
  const known = /** @type {Map<Part, string>} */ (new Map());
  return (/** @type {Part} */ part) => {
    let found = known.get(part);
    if (found === undefined) known.set(part, (found = sign(part)));
    return found;
  };

  function sign(/** @type {Part} */ part) {
    const position = new Map(part.nodes.map((node, i) => [node, i]));
    // A run of boxes has no scope of its own: the numbers in its members' paths count, they do not distinguish.
    const strip = part.parts || part.nodes.length === 1;
    const words = part.nodes.map((node, i) => {
      const { target, scope } = model.nodes[node];
      const refs = inputs[node].map((source) =>
        position.has(source) ? i - /** @type {number} */ (position.get(source)) : "x",
      );
      const inside = strip ? scope.replace(/\d+/g, "") : scope.slice(part.scope.length);
      return `${target}@${inside}(${refs.join()})`;
    });
    return words.join(";");
  }
}
