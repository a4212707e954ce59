// What is open, and the picture that follows from it: made at once where that is quick, else in a worker while the
// picture before stays and can be used.

import { t } from "./language.js";
import { Boxes } from "./boxes.js";
import { afterFrame } from "./dom.js";
import { countVisible, firstOpen, fold, standIn } from "./fold.js";
import { LayoutWorker } from "./layout/elsewhere.js";
import { layoutGraph } from "./layout/layout.js";
import { planScene, sceneOf } from "./scene.js";

/** @typedef {import("./viewer.js").Viewer} Viewer */
/** @typedef {import("./scene.js").Plan} Plan */

const MOST_BOXES = 20_000; // that can be shown at once
const QUICK = 600; // boxes and links that the page lays out itself: about 0.1 s
const MANY = 600; // boxes: from here on a toggle is worth preparing
const SAY_MS = 150; // a layout that takes longer is announced

const grouped = (/** @type {number} */ count) => count.toLocaleString("en");

export class Folding {
  /** @param {Viewer} viewer @param {string[] | null} ids names of the groups that are open; null for the first view */
  constructor(viewer, ids) {
    const { model, tree, measure } = viewer;
    this.viewer = viewer;
    this.tree = tree;
    this.boxes = new Boxes(model, tree, measure, viewer.stepping ? (item) => viewer.canHavePicture(item) : () => false);
    this.worker = new LayoutWorker(tree);
    this.saying = 0;
    this.expected = { item: -1, open: /** @type {Set<number> | null} */ (null) };
    /** The groups that are to be open; while a layout is made, `visible` and `scene` are those before. */
    this.open = firstOpen(tree);
    this.restoring = ids && this.named(ids);
    const plan = this.plan(this.restoring ?? this.open);
    const layout = this.layout(plan, QUICK);
    if (layout && this.restoring) [this.open, this.restoring] = [this.restoring, null];
    const shown = layout ? plan : this.plan(this.open);
    this.visible = shown.visible;
    this.scene = this.sceneOf(shown, layout ?? this.layout(shown));
  }

  /** What could not be shown at once when the viewer was built; `then` is called when it is. */
  restore(/** @type {() => void} */ then) {
    if (this.restoring) this.change(this.restoring, { then });
    this.restoring = null;
  }

  /** The groups of those names, and the root. */
  named(/** @type {string[]} */ ids) {
    const wanted = new Set(ids);
    const groups = this.tree.items.filter(({ id, node }) => node < 0 && wanted.has(id));
    return new Set([0, ...groups.map(({ index }) => index)]);
  }

  /**
   * Shows the graph with other groups open. The top of `keep` stays where it is on the screen. `then` is called when the
   * picture is there, at once if it can be; never, if something else was asked for meanwhile.
   * @param {Set<number>} open
   * @param {{keep?: number, then?: () => void}} [options]
   */
  change(open, { keep = -1, then = () => undefined } = {}) {
    this.open = open;
    this.worker.forget();
    this.stopSaying();
    const plan = this.plan(open);
    const quick = this.layout(plan, QUICK);
    if (quick) {
      this.show(plan, quick, keep, then);
      return;
    }
    const count = countVisible(this.tree, open);
    this.saying = setTimeout(() => this.viewer.chrome.wait(t("Laying out {n} boxes …", { n: grouped(count) })), SAY_MS);
    this.worker.prepare(plan, () => {
      const layout = this.layout(plan);
      this.stopSaying();
      this.show(plan, layout, keep, then);
    });
  }

  get busy() {
    return this.saying !== 0;
  }

  stopSaying() {
    if (!this.saying) return;
    clearTimeout(this.saying);
    this.saying = 0;
    this.viewer.chrome.wait("");
  }

  plan(/** @type {Set<number>} */ open) {
    return planScene(fold(this.viewer.model, this.tree, open), this.boxes);
  }

  /** Null only if it is more work than `most`. */
  layout(/** @type {Plan} */ { visible, size, titleWidth }, most = Infinity) {
    return /** @type {import("./layout/layout.js").Layout} */ (layoutGraph(this.tree, visible, size, titleWidth, most));
  }

  sceneOf(/** @type {Plan} */ plan, /** @type {import("./layout/layout.js").Layout} */ layout) {
    return sceneOf(plan, this.boxes, layout);
  }

  show(
    /** @type {Plan} */ plan,
    /** @type {import("./layout/layout.js").Layout} */ layout,
    /** @type {number} */ keep,
    /** @type {() => void} */ then,
  ) {
    const { camera } = this.viewer;
    const before = this.scene.ofItem.get(keep);
    this.visible = plan.visible;
    this.scene = this.sceneOf(plan, layout);
    this.selectVisible();
    this.viewer.showScene();
    const after = this.scene.ofItem.get(keep);
    if (before && after) {
      const { x, y, scale } = camera.view;
      camera.set({
        x: x + after.x + after.width / 2 - before.x - before.width / 2,
        y: y + after.y - before.y,
        scale,
      });
    }
    then();
  }

  // -- what a person asks for ------------------------------------------------------------------------------------------

  toggle(/** @type {number} */ item) {
    if (item > 0 && this.tree.items[item].node < 0) this.setOpen(item, !this.open.has(item));
  }

  /**
   * A group is pressed or chosen, as it mostly is before it is opened or closed: among many boxes, the layout for that is
   * made in the worker meanwhile.
   */
  expect(/** @type {number} */ item) {
    const isGroup = item > 0 && this.tree.items[item].node < 0;
    if (!isGroup || this.busy || this.worker.refused || !this.scene.ofItem.has(item)) return;
    if (this.scene.boxes.length < MANY) return;
    if (this.expected.item === item && this.expected.open === this.open) return;
    const expected = { item, open: this.open };
    this.expected = expected;
    afterFrame(() => {
      if (this.busy || this.expected !== expected || this.open !== expected.open) return;
      const plan = this.plan(this.toggled(item));
      if (plan.visible.boxes.length <= MOST_BOXES) this.worker.prepare(plan, () => undefined);
    });
  }

  /** What is open when a group has been opened or closed. */
  toggled(/** @type {number} */ item) {
    const open = new Set(this.open);
    if (!open.delete(item)) open.add(item);
    return open;
  }

  /** Opens or closes a group; its top stays where it is on the screen. */
  setOpen(/** @type {number} */ item, /** @type {boolean} */ open) {
    if (item <= 0 || this.tree.items[item].node >= 0 || this.open.has(item) === open) return;
    const { viewer } = this;
    const toggled = this.toggled(item);
    if (open && countVisible(this.tree, toggled) > MOST_BOXES) {
      viewer.chrome.tell(
        t("This would show more than {n} boxes. Close other groups first.", { n: grouped(MOST_BOXES) }),
      );
      return;
    }
    const { id, children } = this.tree.items[item];
    const then = () => {
      viewer.showCard();
      viewer.stepping?.inspector?.refresh();
      viewer.outline.mark(viewer.selected);
      viewer.outline.say(open ? t("{id} open, {n} boxes", { id, n: children.length }) : t("{id} closed", { id }));
    };
    this.change(toggled, { keep: item, then });
    viewer.emit("toggle", { scope: id, open });
  }

  openAll() {
    const all = new Set(this.tree.items.filter((item) => item.node < 0).map((item) => item.index));
    const count = countVisible(this.tree, all);
    if (count > MOST_BOXES)
      this.viewer.chrome.tell(
        t("Open all would show {n} boxes, more than {most}. Open single groups instead.", {
          n: grouped(count),
          most: grouped(MOST_BOXES),
        }),
      );
    else {
      this.changeAll(all);
      this.viewer.emit("foldAll", { open: true });
    }
  }

  closeAll() {
    this.changeAll(new Set([0]));
    this.viewer.emit("foldAll", { open: false });
  }

  /** Shows the graph with other groups open, and in it what is selected, or else all of it. */
  changeAll(/** @type {Set<number>} */ open) {
    const { viewer } = this;
    this.change(open, {
      then: () => {
        viewer.showCard();
        viewer.goHome();
        const box = this.scene.ofItem.get(standIn(this.tree, this.visible.open, Math.max(0, viewer.selected)));
        if (box) viewer.camera.set(viewer.camera.showing(box));
      },
    });
  }

  /** Opens the groups around an item; the picture around the outermost of them stays where it is. */
  openAround(/** @type {number} */ item, /** @type {() => void} */ then = () => undefined) {
    const opened = [];
    for (let i = this.tree.items[item].parent; i >= 0; i = this.tree.items[i].parent)
      if (!this.open.has(i)) opened.unshift(i);
    if (!opened.length && !this.busy) then();
    else this.change(new Set([...this.open, ...opened]), { keep: standIn(this.tree, this.visible.open, item), then });
    for (const i of opened) this.viewer.emit("toggle", { scope: this.tree.items[i].id, open: true });
  }

  /** Without a run, what is selected is on the screen; with one, the current event may be inside a closed group. */
  selectVisible() {
    const { viewer } = this;
    if (viewer.selected >= 0 && !viewer.stepping)
      viewer.selected = standIn(this.tree, this.visible.open, viewer.selected);
  }

  destroy() {
    this.stopSaying();
    this.expected = { item: -1, open: null };
    this.worker.forget();
    this.worker.close();
  }
}
