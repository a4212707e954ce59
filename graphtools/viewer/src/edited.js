// Which boxes were changed by an edit, what was changed there in words, and the pencil that marks them.

import { t, word } from "./language.js";

/** @typedef {import("./model.js").Model} Model */
/** @typedef {import("./tree.js").Tree} Tree */
/** @typedef {import("./model.js").GraphNode} GraphNode */

/**
 * A number by item, 1 for those that were edited; a group is if something in it is.
 * @param {Model} model
 * @param {Tree} tree
 * @returns {Uint8Array}
 */
export function editedItems(model, tree) {
  const found = new Uint8Array(tree.items.length);
  // A group comes before what it holds.
  for (let i = tree.items.length - 1; i > 0; i--) {
    const { node, parent } = tree.items[i];
    if (node >= 0 && model.nodes[node].edited.length) found[i] = 1;
    found[parent] |= found[i];
  }
  return found;
}

const WORDS = /** @type {Record<string, string>} */ ({
  value: word("Edited: value = {text}"),
  gradient: word("Edited: gradient = {text}"),
  operation: word("Edited: operation = {text}"),
});

/** A line for each change made at a node, or at a parameter that it reads. @returns {string[]} */
export function editedWords(/** @type {GraphNode | null} */ node) {
  return (node?.edited ?? []).map(([of, what, text]) => {
    if (!of) return t(WORDS[what], { text });
    return what === "gradient"
      ? t("Edited: gradient of {name} = {text}", { name: of, text })
      : t("Edited: {name} = {text}", { name: of, text });
  });
}

/** A pencil in the box's upper right corner. */
export function drawPencil(
  /** @type {CanvasRenderingContext2D} */ context,
  /** @type {number} */ x,
  /** @type {number} */ y,
  /** @type {import("./theme.js").Theme} */ theme,
) {
  context.fillStyle = theme.box;
  context.strokeStyle = theme.accent;
  context.lineWidth = 1;
  context.beginPath();
  context.arc(x, y, 8.5, 0, 2 * Math.PI);
  context.fill();
  context.stroke();
  context.fillStyle = theme.accent;
  context.beginPath(); // the tip, then the shaft
  context.moveTo(x - 4.6, y + 4.6);
  context.lineTo(x - 3.7, y + 1.4);
  context.lineTo(x - 1.4, y + 3.7);
  context.fill();
  context.beginPath();
  context.moveTo(x - 3.1, y + 0.8);
  context.lineTo(x + 2, y - 4.3);
  context.lineTo(x + 4.3, y - 2);
  context.lineTo(x - 0.8, y + 3.1);
  context.fill();
}
