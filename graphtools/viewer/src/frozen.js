// Which boxes hold only parameters that are not trained, where others are: what transfer learning leaves as it is.

/** @typedef {import("./model.js").Model} Model */
/** @typedef {import("./tree.js").Tree} Tree */

const TRAINED = 1;
const FROZEN = 2;

/**
 * A number by item, 1 for those that are frozen. None is, where no parameter of the whole model is trained: a model that
 * only runs is not worth a mark on every box.
 * @param {Model} model
 * @param {Tree} tree
 * @returns {Uint8Array}
 */
export function frozenItems(model, tree) {
  const found = new Uint8Array(tree.items.length);
  for (const item of tree.items) {
    if (item.node < 0) continue;
    const { trained, frozen } = model.nodes[item.node];
    found[item.index] = (trained ? TRAINED : 0) | (frozen ? FROZEN : 0);
  }
  // A group comes before what it holds.
  for (let i = tree.items.length - 1; i > 0; i--) found[tree.items[i].parent] |= found[i];
  const some = found[0] === (TRAINED | FROZEN);
  return found.map((parts) => (some && parts === FROZEN ? 1 : 0));
}

/** A padlock in the box's lower left corner. */
export function drawLock(
  /** @type {CanvasRenderingContext2D} */ context,
  /** @type {number} */ x,
  /** @type {number} */ y,
  /** @type {import("./theme.js").Theme} */ theme,
) {
  context.fillStyle = theme.box;
  context.strokeStyle = theme.muted;
  context.lineWidth = 1;
  context.beginPath();
  context.arc(x, y, 8, 0, 2 * Math.PI);
  context.fill();
  context.stroke();
  context.lineWidth = 1.4;
  context.beginPath();
  context.arc(x, y - 1.5, 2.4, Math.PI, 2 * Math.PI);
  context.stroke();
  context.fillStyle = theme.muted;
  context.beginPath();
  context.roundRect(x - 3.8, y - 1.5, 7.6, 5.6, 1.2);
  context.fill();
}
