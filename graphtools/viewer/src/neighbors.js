// Which box the arrow keys lead to.

/** @typedef {import("./scene.js").Scene} Scene */
/** @typedef {import("./scene.js").SceneBox} SceneBox */
/** @typedef {"ArrowUp" | "ArrowDown" | "ArrowLeft" | "ArrowRight"} Arrow */

const NEAR = 200; // how far above or below a neighbor to the side may stand

/**
 * The item to which an arrow key leads: up to an input, down to a user or into an open group, aside to a neighbor.
 * @param {Scene} scene
 * @param {import("./tree.js").Tree} tree
 * @param {SceneBox} box
 * @param {Arrow} key
 * @returns {number} -1 if there is none
 */
export function neighbor(scene, tree, box, key) {
  const aside = key === "ArrowLeft" || key === "ArrowRight";
  const found = (
    aside ? beside(scene, box, key === "ArrowRight" ? 1 : -1) : along(scene, tree, box, key === "ArrowDown")
  )
    .filter((other) => other !== undefined)
    .sort((a, b) => distance(a, box, aside) - distance(b, box, aside));
  return found.length ? found[0].item : -1;
}

function along(
  /** @type {Scene} */ scene,
  /** @type {import("./tree.js").Tree} */ tree,
  /** @type {SceneBox} */ box,
  /** @type {boolean} */ down,
) {
  const items = scene.edges
    .filter((edge) => (down ? edge.from : edge.to) === box.item)
    .map((edge) => (down ? edge.to : edge.from));
  // From an open group into it.
  if (!items.length && box.open && down) items.push(...tree.items[box.item].children.slice(0, 1));
  return items.map((item) => scene.ofItem.get(item));
}

function beside(/** @type {Scene} */ scene, /** @type {SceneBox} */ box, /** @type {number} */ side) {
  return scene.boxes.filter(
    (other) => !other.open && (center(other) - center(box)) * side > 1 && Math.abs(middle(other) - middle(box)) < NEAR,
  );
}

function distance(/** @type {SceneBox} */ a, /** @type {SceneBox} */ b, /** @type {boolean} */ aside) {
  return Math.abs(center(a) - center(b)) + Math.abs(middle(a) - middle(b)) * (aside ? 3 : 0.5);
}

function center(/** @type {SceneBox} */ box) {
  return box.x + box.width / 2;
}

function middle(/** @type {SceneBox} */ box) {
  return box.y + box.height / 2;
}
