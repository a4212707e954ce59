// The viewer in one element: what is open and selected, and the parts that show it.

import { Camera } from "./camera.js";
import { Card } from "./card.js";
import { buildChrome } from "./chrome.js";
import { drawScene } from "./draw.js";
import { FindBox, findItems } from "./find.js";
import { countVisible, firstOpen, fold, standIn } from "./fold.js";
import { listen } from "./interact.js";
import { canvasMeasure } from "./measure.js";
import { Minimap } from "./minimap.js";
import { readPayload } from "./model.js";
import { Outline } from "./outline.js";
import { buildScene, linesOf } from "./scene.js";
import { themeNamed } from "./theme.js";
import { buildTree } from "./tree.js";
import { compactNumber } from "./words.js";

/** @typedef {import("./scene.js").SceneBox} SceneBox */
/** @typedef {{theme?: "light" | "dark" | "auto", title?: string, focus?: boolean}} Options */

const MOST_BOXES = 3000; // boxes that "open all" shows at most
const NOTHING = { incoming: new Set(), outgoing: new Set() };

export class Viewer {
  /** @param {HTMLElement} el @param {any} payload @param {Options} options */
  constructor(el, payload, options = {}) {
    this.model = readPayload(payload);
    this.tree = buildTree(this.model);
    this.measure = canvasMeasure();
    this.open = firstOpen(this.tree);
    this.selected = -1;
    this.hovered = -1;
    this.listeners = /** @type {Map<string, Set<(detail: any) => void>>} */ (new Map());
    this.wanted = 0;
    this.systemDark = matchMedia("(prefers-color-scheme: dark)");
    this.themeChoice = options.theme ?? "auto";
    this.theme = themeNamed("light");
    this.marked = /** @type {{incoming: Set<number>, outgoing: Set<number>}} */ (NOTHING);
    const failedNode = this.model.failure?.node ?? -1;
    this.chrome = buildChrome(el, this.model, options.title || this.model.capture.model || "model", {
      fit: () => this.fit(),
      openAll: () => this.openAll(),
      closeAll: () => this.closeAll(),
      find: () => this.find.open(),
      theme: () => this.switchTheme(),
      help: () => this.toggleHelp(),
      showFailure: failedNode >= 0 ? () => this.reveal(this.tree.ofNode[failedNode]) : null,
    });
    this.root = this.chrome.root;
    this.stage = this.chrome.stage;
    this.canvas = this.chrome.canvas;
    this.camera = new Camera(() => this.redraw());
    this.minimap = new Minimap(this.stage, this.camera);
    this.card = new Card(this.stage, this.model, this.tree, {
      select: (item) => this.reveal(item),
      toggle: (item) => this.toggle(item),
      close: () => this.select(-1),
    });
    this.outline = new Outline(this.root, this.tree, {
      select: (item) => this.select(item),
      setOpen: (item, open) => this.setItemOpen(item, open),
    });
    this.find = new FindBox(this.stage, {
      find: (query) => findItems(this.model, this.tree, query),
      describe: (item) => this.describe(item),
      choose: (item) => this.reveal(item),
      closed: () => this.canvas.focus(),
    });
    this.themeListener = () => this.applyTheme();
    this.systemDark.addEventListener("change", this.themeListener);
    this.applyTheme();
    this.visible = fold(this.model, this.tree, this.open);
    this.scene = buildScene(this.model, this.tree, this.visible, this.measure);
    this.showScene();
    this.resizer = new ResizeObserver(() => this.resize());
    this.resizer.observe(this.stage);
    this.resize();
    this.goHome();
    this.unlisten = listen(this);
    // The focus that the page gives by itself needs no mark; one that Tab moves does.
    this.root.addEventListener("keydown", (event) => event.key === "Tab" && this.root.classList.add("by-keyboard"));
    if (options.focus) this.canvas.focus();
  }

  // -- what is open ----------------------------------------------------------------------------------------------------

  /** Folds, lays out and draws anew. */
  layout() {
    this.visible = fold(this.model, this.tree, this.open);
    this.scene = buildScene(this.model, this.tree, this.visible, this.measure);
    this.showScene();
  }

  showScene() {
    this.minimap.setScene(this.scene, this.theme);
    this.cover();
    this.outline.update(this.scene, this.visible.open);
    this.mark();
    this.redraw();
  }

  toggle(/** @type {number} */ item) {
    if (item > 0 && this.tree.items[item].node < 0) this.setItemOpen(item, !this.open.has(item));
  }

  /** Opens or closes a group; its top stays where it is on the screen. */
  setItemOpen(/** @type {number} */ item, /** @type {boolean} */ open) {
    if (item <= 0 || this.tree.items[item].node >= 0 || this.open.has(item) === open) return;
    const before = this.scene.ofItem.get(item);
    const grown = new Set(this.open);
    if (open) grown.add(item);
    else grown.delete(item);
    if (open && countVisible(this.tree, grown) > MOST_BOXES) {
      this.chrome.tell(`This would show more than ${MOST_BOXES} boxes. Close other groups first.`);
      return;
    }
    this.open = grown;
    const shown = standIn(this.tree, this.open, this.selected < 0 ? 0 : this.selected);
    if (this.selected >= 0 && shown !== this.selected) this.selected = shown;
    this.layout();
    const after = this.scene.ofItem.get(item);
    if (before && after) {
      const { x, y, scale } = this.camera.view;
      this.camera.set({
        x: x + after.x + after.width / 2 - before.x - before.width / 2,
        y: y + after.y - before.y,
        scale,
      });
    }
    this.showCard();
    this.outline.mark(this.selected);
    const { id, children } = this.tree.items[item];
    this.outline.say(open ? `${id} open, ${children.length} boxes` : `${id} closed`);
    this.emit("toggle", { scope: id, open });
  }

  openAll() {
    const all = new Set(this.tree.items.filter((item) => item.node < 0).map((item) => item.index));
    const count = countVisible(this.tree, all);
    if (count > MOST_BOXES)
      this.chrome.tell(`Open all would show ${count} boxes, more than ${MOST_BOXES}. Open single groups instead.`);
    else this.setOpenSet(all);
  }

  closeAll() {
    this.setOpenSet(new Set([0]));
  }

  setOpenSet(/** @type {Set<number>} */ open) {
    this.open = open;
    if (this.selected >= 0) this.selected = standIn(this.tree, open, this.selected);
    this.layout();
    this.showCard();
    const box = this.scene.ofItem.get(this.selected);
    if (box) this.camera.set(this.camera.showing(box));
    else this.goHome();
  }

  // -- what is selected ------------------------------------------------------------------------------------------------

  /** Selects a visible item; -1 selects nothing. With `show`, the camera moves if it is not on the screen. */
  select(/** @type {number} */ item, show = true) {
    this.selected = item;
    this.showCard();
    this.mark();
    this.outline.mark(item);
    const box = this.scene.ofItem.get(item);
    if (box && show) this.camera.glide(this.camera.showing(box));
    if (box && !show && this.card.element.offsetWidth) this.uncover(box);
    this.redraw();
    const found = this.tree.items[item];
    this.emit("select", found ? { name: found.id, operation: found.node >= 0 } : null);
  }

  /** Moves the picture if the card has just covered the selected box. */
  uncover(/** @type {SceneBox} */ box) {
    const { x, width } = this.camera.free();
    const right = this.camera.toScreen(box.x + Math.min(box.width, 260), 0).x;
    if (right > x + width)
      this.camera.glide({ ...this.camera.view, x: this.camera.view.x + (right - x - width) / this.camera.view.scale });
  }

  /** Opens the groups around an item and selects it. */
  reveal(/** @type {number} */ item) {
    const open = new Set(this.open);
    for (let i = this.tree.items[item].parent; i >= 0; i = this.tree.items[i].parent) open.add(i);
    if (open.size !== this.open.size) {
      this.open = open;
      this.layout();
    }
    this.select(item);
  }

  hover(/** @type {number} */ item) {
    if (item === this.hovered) return;
    this.hovered = item;
    this.canvas.title = item >= 0 ? this.tooltip(item) : "";
    this.mark();
    this.redraw();
  }

  /** The words of a box in full, which may be cut in the picture, and what else an operation reads. */
  tooltip(/** @type {number} */ item) {
    const { id, node, scope, failed } = this.tree.items[item];
    if (node < 0) return id;
    const { target, specs, states } = this.model.nodes[node];
    const failure = failed && this.model.failure ? `${this.model.failure.type}: ${this.model.failure.message}` : "";
    return [id, target, scope, specs.join(", "), ...states, failure].filter(Boolean).join("\n");
  }

  mark() {
    const item = this.hovered >= 0 && this.scene.ofItem.has(this.hovered) ? this.hovered : this.selected;
    this.marked = item >= 0 ? linesOf(this.scene, item) : NOTHING;
  }

  /** Moves the selection along an edge, or to the neighbor beside it. */
  step(/** @type {"ArrowUp" | "ArrowDown" | "ArrowLeft" | "ArrowRight"} */ key) {
    const { scene } = this;
    const box = scene.ofItem.get(this.selected);
    if (!box) return this.select(this.tree.items[0].children[0] ?? -1);
    const center = (/** @type {SceneBox} */ b) => b.x + b.width / 2;
    const middle = (/** @type {SceneBox} */ b) => b.y + b.height / 2;
    let near;
    if (key === "ArrowUp" || key === "ArrowDown") {
      const down = key === "ArrowDown";
      near = scene.edges
        .filter((edge) => (down ? edge.from : edge.to) === box.item)
        .map((edge) => scene.ofItem.get(down ? edge.to : edge.from));
      // From an open group into it, or past it.
      if (!near.length && box.open && down)
        near = this.tree.items[box.item].children.slice(0, 1).map((child) => scene.ofItem.get(child));
    } else {
      const side = key === "ArrowRight" ? 1 : -1;
      near = scene.boxes.filter(
        (other) =>
          !other.open && (center(other) - center(box)) * side > 1 && Math.abs(middle(other) - middle(box)) < 200,
      );
    }
    const distance = (/** @type {SceneBox} */ b) =>
      Math.abs(center(b) - center(box)) +
      Math.abs(middle(b) - middle(box)) * (key === "ArrowLeft" || key === "ArrowRight" ? 3 : 0.5);
    const found = near.filter((b) => b !== undefined).sort((a, b) => distance(a) - distance(b))[0];
    if (found) this.select(found.item);
  }

  escape() {
    if (!this.chrome.help.hidden) this.chrome.help.hidden = true;
    else if (this.selected >= 0) this.select(-1);
  }

  showCard() {
    this.card.show(this.selected, this.open.has(this.selected));
    this.cover();
    this.stage.classList.toggle("with-card", !this.card.element.hidden);
  }

  /** Tells the camera what lies over the picture's right side: the card and the minimap. */
  cover() {
    this.camera.covered.right = this.card.element.offsetWidth + this.minimap.canvas.offsetWidth + 8;
  }

  describe(/** @type {number} */ item) {
    const { id, node, operations, scope } = this.tree.items[item];
    if (node < 0) return [id, `${compactNumber(operations)} operations`];
    const { target, shape } = this.model.nodes[node];
    return [id, [target.slice(target.lastIndexOf(".") + 1), shape, scope].filter(Boolean).join("  ")];
  }

  // -- the screen ------------------------------------------------------------------------------------------------------

  fit() {
    this.camera.glide(this.camera.fitting({ x: 0, y: 0, width: this.scene.width, height: this.scene.height }));
  }

  goHome() {
    this.camera.set(this.camera.home({ x: 0, y: 0, width: this.scene.width, height: this.scene.height }));
    const failed = this.scene.boxes.find((box) => box.failed && !box.open);
    if (failed) this.camera.set(this.camera.showing(failed));
  }

  toggleHelp() {
    this.chrome.help.hidden = !this.chrome.help.hidden;
  }

  switchTheme() {
    this.themeChoice = this.theme.dark ? "light" : "dark";
    this.applyTheme();
  }

  applyTheme() {
    const name = this.themeChoice === "auto" ? (this.systemDark.matches ? "dark" : "light") : this.themeChoice;
    this.theme = themeNamed(name);
    this.root.dataset.theme = name;
    if (this.scene) {
      this.minimap.setScene(this.scene, this.theme);
      this.redraw();
    }
  }

  resize() {
    const { clientWidth, clientHeight } = this.stage;
    if (!clientWidth || !clientHeight) return;
    const ratio = devicePixelRatio || 1;
    this.canvas.width = Math.round(clientWidth * ratio);
    this.canvas.height = Math.round(clientHeight * ratio);
    const first = this.camera.width <= 1;
    this.camera.width = clientWidth;
    this.camera.height = clientHeight;
    if (first) this.goHome();
    this.draw();
  }

  /** Draws at the next frame, however often it is asked for. */
  redraw() {
    if (!this.wanted) this.wanted = requestAnimationFrame(() => this.draw());
  }

  draw() {
    cancelAnimationFrame(this.wanted);
    this.wanted = 0;
    const context = this.canvas.getContext("2d");
    if (!context || this.camera.width <= 1) return;
    const ratio = devicePixelRatio || 1;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    const { theme, measure, selected, hovered, marked } = this;
    drawScene(context, this.scene, this.camera.view, this.camera.width, this.camera.height, {
      theme,
      measure,
      selected,
      hovered,
      marked,
    });
    this.minimap.draw();
  }

  // -- for the host ----------------------------------------------------------------------------------------------------

  /** The item of a node's name or a scope; -1 if there is none. */
  itemNamed(/** @type {string} */ name) {
    const found =
      this.tree.items.find((item) => item.id === name) ??
      this.tree.items.find((item) => item.scope === name && item.index > 0);
    return found ? found.index : -1;
  }

  on(/** @type {string} */ event, /** @type {(detail: any) => void} */ listener) {
    const found = this.listeners.get(event) ?? new Set();
    found.add(listener);
    this.listeners.set(event, found);
    return () => found.delete(listener);
  }

  emit(/** @type {string} */ event, /** @type {any} */ detail) {
    for (const listener of this.listeners.get(event) ?? []) listener(detail);
  }

  destroy() {
    this.unlisten();
    this.resizer.disconnect();
    this.systemDark.removeEventListener("change", this.themeListener);
    cancelAnimationFrame(this.wanted);
    cancelAnimationFrame(this.camera.frame);
    this.chrome.remove();
  }
}
