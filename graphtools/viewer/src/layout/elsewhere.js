// Layouts that take long are made in a worker, so that the page stays usable. What comes back are the layouts of single
// groups, from which the page puts the picture together: the result is the same as without a worker, to the last bit.

import { memoryOf } from "./memory.js";
import source from "worker:./worker.js";

/** @typedef {import("../tree.js").Tree} Tree */
/** @typedef {import("../scene.js").Plan} Plan */

const PAINT_MS = 250; // without a worker, the page says that it is busy before it is

export class LayoutWorker {
  constructor(/** @type {Tree} */ tree) {
    this.tree = tree;
    this.worker = /** @type {Worker | null} */ (null);
    this.refused = false; // where a page's policy allows no workers, the layout is made in the page
    this.busy = 0; // number of the plan that the worker is at
    this.next = /** @type {{plan: Plan, done: () => void} | null} */ (null);
    this.done = () => {};
    this.count = 0;
    this.waiting = 0;
  }

  /**
   * Calls `done` when all groups of a plan are remembered, or when no worker can help. Of plans that come while the worker
   * is at one, only the newest is made: `done` of the others is never called.
   */
  prepare(/** @type {Plan} */ plan, /** @type {() => void} */ done) {
    this.next = { plan, done };
    if (!this.busy) this.start();
  }

  /** What was asked for last is not wanted any more. */
  forget() {
    this.next = null;
    this.done = () => {};
  }

  start() {
    if (!this.next) return;
    const { plan, done } = this.next;
    this.next = null;
    this.busy = ++this.count;
    this.done = done;
    const worker = this.refused ? null : (this.worker ??= this.open());
    if (worker) worker.postMessage(messageOf(this.tree, plan, this.busy));
    else this.waiting = setTimeout(() => this.finish(), PAINT_MS);
  }

  /** A new worker that knows the tree; null where none is allowed. */
  open() {
    const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
    try {
      const worker = new Worker(url);
      worker.onmessage = ({ data }) => this.take(data);
      worker.onerror = (event) => {
        event.preventDefault();
        this.refuse();
      };
      worker.postMessage({ children: this.tree.items.map((item) => item.children) });
      return worker;
    } catch {
      this.refused = true;
      return null;
    } finally {
      // The worker has begun to load it; freed at once it would be gone before that in some browsers.
      setTimeout(() => URL.revokeObjectURL(url), 10_000);
    }
  }

  take(/** @type {import("./worker.js").Reply} */ { groups }) {
    const { layouts } = memoryOf(this.tree);
    for (const [signature, layout] of groups) layouts.set(signature, likeOwn(layout));
    this.finish();
  }

  /** Goes on without a worker, with what it was at. */
  refuse() {
    const { done } = this;
    this.refused = true;
    this.close();
    if (!this.next) this.waiting = setTimeout(done, PAINT_MS);
    else this.start();
  }

  finish() {
    this.busy = 0;
    const { done } = this;
    this.done = () => {};
    if (this.next) this.start();
    else done();
  }

  close() {
    clearTimeout(this.waiting);
    this.worker?.terminate();
    this.worker = null;
    this.busy = 0;
  }
}

/** @returns {import("./worker.js").PlanMessage} */
function messageOf(/** @type {Tree} */ tree, /** @type {Plan} */ plan, /** @type {number} */ id) {
  const { open, boxes, links } = plan.visible;
  const sizes = new Map();
  const titles = new Map();
  for (const item of boxes) {
    if (open.has(item)) titles.set(item, plan.titleWidth(item));
    else sizes.set(item, plan.size(item));
  }
  return { id, visible: { open, boxes, links, edges: [] }, sizes, titles };
}

/**
 * A layout that came as a message, made of objects as they are made here. Those of a message look the same but are not to
 * the engine: compiled code that meets both falls back to slow one, and the first boxes opened took twice as long.
 * @param {import("./group.js").GroupLayout} layout
 * @returns {import("./group.js").GroupLayout}
 */
function likeOwn({ width, height, boxes, pieces, cells, crossings, way, inPorts, outPorts }) {
  return {
    width,
    height,
    boxes: boxes.map(({ item, x, y, width, height, open }) => ({ item, x, y, width, height, open })),
    pieces: pieces.map(({ key, parent, tensor, upper, lower, points }) => ({
      key,
      parent,
      tensor,
      upper,
      lower,
      points: points.map(([x, y]) => /** @type {[number, number]} */ ([x, y])),
    })),
    cells: cells.map(({ index, type, key, box, rank, width, x }) => ({
      index,
      type,
      key,
      box: box && boxLikeOwn(box),
      rank,
      width,
      x,
    })),
    crossings,
    way,
    inPorts,
    outPorts,
  };
}

/** @returns {import("./layers.js").Box} */
function boxLikeOwn(/** @type {import("./layers.js").Box} */ { item, width, height, inPorts, outPorts }) {
  return { item, width, height, inPorts, outPorts };
}
