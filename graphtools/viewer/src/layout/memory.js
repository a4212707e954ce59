// Groups that were laid out before: opening a box changes only those around it, and blocks that are alike look alike.

/** @typedef {import("../tree.js").Tree} Tree */
/** @typedef {import("../fold.js").Link} Link */
/** @typedef {import("./group.js").GroupLayout} GroupLayout */
/** @typedef {import("./layers.js").Box} Box */
/** @typedef {import("./names.js").Named} Named */
/**
 * What a group's layout is of. `way` is that of the layout to be like, -1 for any.
 * @typedef {{boxes: Box[], links: Link[], entering: number[] | null, least: number, way: number}} Given
 */

const MOST_LAYOUTS = 20_000; // more than one picture has groups: what it needs is there until it is drawn

export class Memory {
  constructor() {
    this.layouts = /** @type {Map<string, GroupLayout>} */ (new Map()); // by signature
    this.last = /** @type {Map<number, {given: Given, named: Named}>} */ (new Map()); // by item, or ~item with `entering`
    this.derived = /** @type {WeakMap<Named, any>} */ (new WeakMap());
  }

  /** The last layout of this very group, if nothing about it has changed: much cheaper than a look-up by signature. */
  same(/** @type {number} */ item, /** @type {Given} */ given) {
    const found = this.last.get(given.entering ? ~item : item);
    return found && equal(found.given, given) ? found.named : null;
  }

  keep(/** @type {number} */ item, /** @type {Given} */ given, /** @type {Named} */ named) {
    this.last.set(given.entering ? ~item : item, { given, named });
  }

  /** Forgets the oldest. */
  trim() {
    const { layouts } = this;
    for (const signature of layouts.keys()) {
      if (layouts.size <= MOST_LAYOUTS) return;
      layouts.delete(signature);
    }
  }

  /** @template T @returns {T} */
  of(/** @type {Named} */ named, /** @type {(named: Named) => T} */ compute) {
    let found = this.derived.get(named);
    if (found === undefined) this.derived.set(named, (found = compute(named)));
    return found;
  }
}

const memories = /** @type {WeakMap<object, Memory>} */ (new WeakMap());

/** What is remembered of a tree. */
export function memoryOf(/** @type {Pick<Tree, "items">} */ tree) {
  let found = memories.get(tree);
  if (!found) memories.set(tree, (found = new Memory()));
  return found;
}

function equal(/** @type {Given} */ a, /** @type {Given} */ b) {
  if (a.least !== b.least || a.way !== b.way || a.boxes.length !== b.boxes.length || a.links.length !== b.links.length) return false;
  if (a.entering !== b.entering && String(a.entering) !== String(b.entering)) return false;
  return a.boxes.every((box, i) => sameBox(box, b.boxes[i])) && a.links.every((link, i) => sameLink(link, b.links[i]));
}

/** The ports of an open box are the same object as before if its own layout is. */
function sameBox(/** @type {Box} */ a, /** @type {Box} */ b) {
  return a.width === b.width && a.height === b.height && a.inPorts === b.inPorts && a.outPorts === b.outPorts;
}

function sameLink(/** @type {Link} */ a, /** @type {Link} */ b) {
  return a.key === b.key && a.from === b.from && a.to === b.to && a.tensor === b.tensor;
}
