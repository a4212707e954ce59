// The viewer in one element: what is open and selected, and the parts that show it.

import { Camera } from "./camera.js";
import { buildChrome } from "./chrome.js";
import { Coloring } from "./coloring.js";
import { savePng, saveSvg } from "./export.js";
import { drawScene } from "./draw.js";
import { editedItems, editedWords } from "./edited.js";
import { FindBox, findItems } from "./find.js";
import { standIn } from "./fold.js";
import { frozenItems } from "./frozen.js";
import { Folding } from "./folding.js";
import { Inspector } from "./panel/inspector.js";
import { listen } from "./interact.js";
import { setLanguage, t } from "./language.js";
import { canvasMeasure } from "./measure.js";
import { Menu } from "./menu.js";
import { boxEntries, graphEntries } from "./menus.js";
import { Minimap } from "./minimap.js";
import { neighbor } from "./neighbors.js";
import { readPayload } from "./model.js";
import { Outline } from "./outline.js";
import { readRun } from "./run.js";
import { endsOf, linesOf } from "./pointing.js";
import { Stepping } from "./stepping.js";
import { themeNamed } from "./theme.js";
import { buildTree } from "./tree.js";
import { compactNumber } from "./words.js";

/** @typedef {import("./scene.js").SceneBox} SceneBox */
/**
 * @typedef {object} Options
 * @property {"light" | "dark" | "auto"} [theme]
 * @property {string} [title]
 * @property {boolean} [focus] take the keyboard at once
 * @property {any} [run] payload of a recorded run
 * @property {import("./host.js").Host} [host] answers questions about the run's tensors; needed with `run`
 * @property {(number | null)[]} [differences] by row, from what this is compared with: colors the boxes
 * @property {number[]} [alone] rows that what it is compared with does not have
 * @property {number} [position] index of the event to stand at
 * @property {Arrangement} [arrangement] what is open and on the screen; what it does not know stays as usual
 * @property {string} [language] of the viewer's own words: "en" or "ko"
 * @property {import("./branches.js").Branches} [branches] the original and its edited branches, to choose among
 * @property {Kept} [kept] what `kept()` of a viewer of the same thing gave
 *
 * @typedef {{open: string[], view: import("./camera.js").View}} Arrangement
 * @typedef {{watching?: any, panel?: any, selected?: string}} Kept what a person watches, where the walk stops, what is
 *   selected and what is half typed; as JSON
 */

const NEIGHBOR = 70; // how far the box before or after the current one reaches

const NOTHING = { incoming: new Set(), outgoing: new Set() };

export class Viewer {
  /** @param {HTMLElement} el @param {any} payload @param {Options} options */
  constructor(el, payload, options = {}) {
    if (options.language) setLanguage(options.language);
    this.model = readPayload(payload);
    this.tree = buildTree(this.model);
    this.measure = canvasMeasure();
    this.selected = -1;
    this.hovered = -1;
    this.listeners = /** @type {Map<string, Map<(detail: any) => void, boolean>>} */ (new Map());
    this.wanted = 0;
    this.systemDark = matchMedia("(prefers-color-scheme: dark)");
    this.coverSizes = "";
    this.themeChoice = options.theme ?? "auto";
    this.theme = themeNamed("light");
    this.marked = /** @type {{incoming: Set<number>, outgoing: Set<number>}} */ (NOTHING);
    this.keptSelection = false;
    this.following = false; // it does what another viewer did, and tells nobody
    this.frozen = frozenItems(this.model, this.tree);
    this.edited = editedItems(this.model, this.tree);
    this.coloring = new Coloring(this, options.differences, options.alone);
    const run = options.run && options.host ? readRun(options.run, this.model) : null;
    this.stepping = run?.events.length && options.host ? new Stepping(this, run, options.host) : null;
    const failedNode = this.model.failure?.node ?? -1;
    const isByValue = options.differences?.some((difference) => difference !== null);
    this.chrome = buildChrome(
      el,
      this.model,
      options.title || this.model.capture.model || "model",
      this.stepping?.bar.element,
      {
        fit: () => this.fit(),
        openAll: () => this.folding.openAll(),
        closeAll: () => this.folding.closeAll(),
        find: () => this.find.open(),
        theme: () => this.switchTheme(),
        help: () => this.toggleHelp(),
        overlay: (name) => void this.coloring.choose(name),
        pace: (by) => this.stepping?.changePace(by),
        savePng: () => savePng(this),
        saveSvg: () => saveSvg(this),
        menu: (x, y, title, entries) => this.menu.open(x, y, title, entries),
        compared: isByValue ? "by value" : options.differences || options.alone?.length ? "by presence" : "",
        isColored: Boolean(options.differences),
        branches: options.branches,
        showFailure: failedNode >= 0 ? () => this.reveal(this.tree.ofNode[failedNode]) : null,
      },
    );
    this.root = this.chrome.root;
    this.stage = this.chrome.stage;
    this.canvas = this.chrome.canvas;
    this.camera = new Camera(() => {
      this.redraw();
      this.emit("view", null);
    });
    this.minimap = new Minimap(this.stage, this.camera);
    this.menu = new Menu(this.root, () => this.canvas.focus());
    this.details = this.stepping
      ? null
      : new Inspector(this.chrome.body, this.model, this.tree, null, null, {
          select: (item) => this.reveal(item),
          toggle: (item) => this.folding.toggle(item),
          isOpen: (item) => this.folding.open.has(item),
          goto: () => undefined,
          edit: null,
          close: () => this.select(-1),
          keep: () => undefined,
        });
    if (this.details) this.details.element.hidden = true;
    this.outline = new Outline(this.root, this.tree, (item) => this.marksOf(item), {
      select: (item) => this.select(item),
      setOpen: (item, open) => this.folding.setOpen(item, open),
    });
    this.find = new FindBox(this.stage, {
      find: (query) => findItems(this.model, this.tree, query),
      describe: (item) => this.describe(item),
      choose: (item) => this.reveal(item),
      closed: () => this.canvas.focus(),
    });
    this.themeListener = () => this.applyTheme();
    this.systemDark.addEventListener("change", this.themeListener);
    this.folding = new Folding(this, options.arrangement?.open ?? null);
    this.stepping?.attach(this.chrome.body, this.root);
    this.applyTheme();
    if (options.differences) void this.coloring.choose("difference");
    this.showScene();
    this.resizer = new ResizeObserver(() => this.resize());
    this.resizer.observe(this.stage);
    this.resize();
    this.goHome();
    const { arrangement } = options;
    if (arrangement) {
      this.camera.set(arrangement.view);
      this.folding.restore(() => this.camera.set(arrangement.view));
    }
    this.unlisten = listen(this);
    // The focus that the page gives by itself needs no mark; one that Tab moves does.
    this.root.addEventListener("keydown", (event) => event.key === "Tab" && this.root.classList.add("by-keyboard"));
    if (options.position) this.stepping?.goto(options.position);
    if (options.kept) this.restore(options.kept);
    if (options.focus) this.canvas.focus();
  }

  /** What is on the screen: while another layout is made, the one before. */
  get scene() {
    return this.folding.scene;
  }

  get visible() {
    return this.folding.visible;
  }

  /** @returns {Arrangement} */
  arrangement() {
    return { open: [...this.folding.open].map((item) => this.tree.items[item].id), view: this.camera.view };
  }

  /** Whether what an operation or a group gave is worth a small picture: two sizes of three or more at the end. */
  canHavePicture(/** @type {number} */ item) {
    const node = this.stepping?.results[item] ?? -1;
    if (node < 0 || this.model.nodes[node].kind === "output") return false;
    const sizes = this.model.nodes[node].shape.split("×").map(Number);
    return sizes.length >= 2 && sizes.slice(-2).every((size) => size >= 3);
  }

  showScene() {
    this.minimap.setScene(this.scene, this.theme);
    this.cover();
    this.outline.update(this.scene, this.visible.open);
    this.stepping?.moments.setScene(this.scene);
    this.mark();
    this.redraw();
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
    if (box && !show && this.details?.element.offsetWidth) this.uncover(box);
    this.redraw();
    const found = this.tree.items[item];
    this.emit("select", found ? { name: found.id, operation: found.node >= 0 } : null);
    this.keep();
    this.folding.expect(item);
  }

  /** Selects what flows along a line: the box that gives it, and which of its results. */
  selectLine(/** @type {number} */ index) {
    const { from, targets } = endsOf(this.scene, index);
    const edge = this.scene.edges.find((found) => found.from === from && targets.includes(found.to))?.edges[0];
    const node = edge === undefined ? -1 : this.model.edges[edge].from;
    // Of a closed group the value is that of an operation inside.
    this.select(node >= 0 && this.stepping ? this.tree.ofNode[node] : from, false);
    const names = targets.map((item) => this.tree.items[item].id).join(", ");
    const line = t("{from} to {to}", { from: this.tree.items[from].id, to: names });
    (this.stepping?.inspector ?? this.details)?.showOutput(edge === undefined ? "" : this.model.edges[edge].path, line);
    const incoming = new Set();
    for (let i = index; i >= 0; i = this.scene.lines[i].parent) incoming.add(i);
    this.marked = { incoming, outgoing: new Set() };
    this.outline.say(line);
    this.redraw();
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
    this.folding.openAround(item, () => this.select(item));
  }

  /** Selects the item of the current event and keeps the box that stands for it on the screen. */
  follow(/** @type {number} */ item) {
    this.selected = item;
    this.showCard();
    this.mark();
    this.outline.mark(standIn(this.tree, this.visible.open, item));
    if (this.keptSelection) this.keep();
    const box = this.scene.ofItem.get(standIn(this.tree, this.visible.open, item));
    if (box) {
      // With what is before and after it, or a walk downwards would always be at the lower edge.
      const { x, y, width, height } = box;
      const around = { x, y: y - NEIGHBOR, width, height: height + 2 * NEIGHBOR };
      this.camera.glide(this.camera.showing(around), this.stepping?.haste);
    }
    this.redraw();
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
    const frozen = this.frozen[item] ? t("Frozen: its parameters are not trained.") : "";
    if (node < 0) return [id, frozen, this.coloring.words(item)].filter(Boolean).join("\n");
    const { target, specs, states } = this.model.nodes[node];
    const failure = failed && this.model.failure ? `${this.model.failure.type}: ${this.model.failure.message}` : "";
    const edited = editedWords(this.model.nodes[node]);
    return [id, target, scope, specs.join(", "), ...states, ...edited, frozen, this.coloring.words(item), failure]
      .filter(Boolean)
      .join("\n");
  }

  /** What a box is marked with, in words. */
  marksOf(/** @type {number} */ item) {
    return [this.frozen[item] ? t("frozen") : "", this.edited[item] ? t("edited") : ""];
  }

  mark() {
    // Lines of the current event would change with every step; those of what the user points at or chose are marked.
    const chosen = this.stepping && this.selected === this.stepping.item ? -1 : this.selected;
    const item = this.hovered >= 0 && this.scene.ofItem.has(this.hovered) ? this.hovered : chosen;
    this.marked = item >= 0 ? linesOf(this.scene, item) : NOTHING;
  }

  /** Moves the selection along an edge, or to the neighbor beside it. */
  step(/** @type {import("./neighbors.js").Arrow} */ key) {
    const box = this.scene.ofItem.get(this.selected);
    const found = box ? neighbor(this.scene, this.tree, box, key) : (this.tree.items[0].children[0] ?? -1);
    if (found >= 0) this.select(found);
  }

  escape() {
    if (!this.chrome.help.hidden) this.chrome.help.hidden = true;
    else if (this.selected >= 0) this.select(-1);
    const root = /** @type {ShadowRoot | Document} */ (this.root.getRootNode());
    if (!root.activeElement) this.canvas.focus({ preventScroll: true }); // what had the focus is gone
  }

  showCard() {
    if (this.stepping) this.stepping.inspector?.show(this.selected, this.stepping.position);
    else if (this.details) {
      const shown = this.selected >= 0 && !this.following; // a card for each step of another viewer would only cover
      this.details.element.hidden = !shown;
      if (shown) this.details.show(this.selected, 0);
    }
    this.cover();
  }

  /** Tells the camera what lies over the picture: the minimap and the legend. */
  cover() {
    // Asked for again, sizes would make the browser place the thousands of rows of the outline, too.
    const { legend } = this.chrome;
    const sizes = `${this.minimap.canvas.style.width} ${this.camera.width} ${legend.textContent} ${legend.hidden}`;
    if (sizes === this.coverSizes) return;
    this.coverSizes = sizes;
    this.camera.covered.corner = this.minimap.canvas.offsetHeight;
    // Where there is little room, the legend of an overlay lies across the top.
    this.camera.covered.top = legend.offsetWidth >= this.camera.width ? legend.offsetHeight : 0;
    this.camera.covered.right = this.minimap.canvas.offsetWidth + 8;
  }

  describe(/** @type {number} */ item) {
    const { id, node, operations, scope } = this.tree.items[item];
    if (node < 0) return [id, t("{n} operations", { n: compactNumber(operations) })];
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
    this.stepping?.setTheme(this.theme);
    this.details?.setTheme(this.theme);
    this.coloring.show();
    if (this.folding) {
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
    this.cover();
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
    drawScene(context, this.scene, this.camera.view, this.camera.width, this.camera.height, this.look());
    this.minimap.draw();
  }

  /** What is marked in the picture now. @returns {import("./draw.js").Look} */
  look() {
    const { theme, measure, selected, hovered, marked, stepping } = this;
    return {
      theme,
      measure,
      selected,
      hovered,
      marked,
      moment: stepping?.view() ?? null,
      heat: this.coloring.heat ? (item) => this.coloring.colorOf(item) : null,
      thumbnail: (item) => stepping?.thumbnail(item) ?? null,
      isEdited: (item) => this.edited[item] === 1,
      isFrozen: (item) => this.frozen[item] === 1,
      hasBreakpoint: (item) => stepping?.hasBreakpoint(item) ?? false,
    };
  }

  openMenu(/** @type {number} */ item, /** @type {number} */ x, /** @type {number} */ y) {
    this.menu.open(
      x,
      y,
      item < 0 ? t("Graph") : this.tree.items[item].id,
      item < 0 ? graphEntries(this) : boxEntries(this, item),
    );
  }

  /** @returns {Kept} */
  kept() {
    const { stepping } = this;
    // The current event's box is selected in any case.
    const chosen =
      this.selected >= 0 && this.selected !== stepping?.item ? this.tree.items[this.selected].id : undefined;
    return { watching: stepping?.watching?.kept(), panel: stepping?.inspector?.kept(), selected: chosen };
  }

  restore(/** @type {Kept} */ { watching, panel, selected }) {
    if (watching) this.stepping?.watching?.restore(watching);
    if (panel) this.stepping?.inspector?.restore(panel);
    const item = selected === undefined ? -1 : this.itemNamed(selected);
    if (item > 0) this.select(item, false);
  }

  /** Tells the host that there is something else to keep. */
  keep() {
    if (!this.stepping?.watching) return;
    const kept = this.kept();
    this.keptSelection = kept.selected !== undefined;
    this.emit("kept", kept);
  }

  // -- for the host ----------------------------------------------------------------------------------------------------

  /** The item of a node's name or a scope; -1 if there is none. */
  itemNamed(/** @type {string} */ name) {
    const found =
      this.tree.items.find((item) => item.id === name) ??
      this.tree.items.find((item) => item.scope === name && item.index > 0);
    return found ? found.index : -1;
  }

  /** With `always` also what this viewer does because it follows another one. */
  on(/** @type {string} */ event, /** @type {(detail: any) => void} */ listener, always = false) {
    const found = this.listeners.get(event) ?? new Map();
    found.set(listener, always);
    this.listeners.set(event, found);
    return () => found.delete(listener);
  }

  emit(/** @type {string} */ event, /** @type {any} */ detail) {
    for (const [listener, always] of this.listeners.get(event) ?? []) if (always || !this.following) listener(detail);
  }

  destroy() {
    this.unlisten();
    this.folding.destroy();
    this.stepping?.destroy();
    this.details?.destroy();
    this.resizer.disconnect();
    this.systemDark.removeEventListener("change", this.themeListener);
    cancelAnimationFrame(this.wanted);
    cancelAnimationFrame(this.camera.frame);
    this.chrome.remove();
  }
}
