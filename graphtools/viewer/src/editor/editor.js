// The editor of a draft in one element: what is selected and open, and what each action asks Python to do.

import { Camera } from "../camera.js";
import { make } from "../dom.js";
import { Menu } from "../menu.js";
import { Board } from "./board.js";
import { buildBar } from "./bar.js";
import { Changes } from "./changes.js";
import { Copies } from "./copies.js";
import { DraftState } from "./draft.js";
import { actsOf } from "./dragging.js";
import { Form } from "./form.js";
import { listenTo } from "./gestures.js";
import { copyAsked, pressed } from "./keys.js";
import { above, levelOf } from "./level.js";
import { fixesFor } from "./menus.js";
import { placeNew } from "./placing.js";
import { Search } from "./search.js";
import { Turns } from "./turns.js";
import { t } from "./words.js";
import { drawLook } from "./looks.js";
import inspectorCss from "../panel/inspector.css";
import viewerCss from "../viewer.css";
import css from "./editor.css";

/**
 * @typedef {object} EditorHost
 * @property {(op: string, args: any) => Promise<any>} ask asks the Python side, `graphtools.editor`
 * @property {() => void} run shows the debugger on the draft
 * @property {() => void} train shows the page where it is trained
 * @property {string} title what files are called after; "" for the model
 */

const NOTICE_MS = 6000;
const VALUES_MS = 250;

export class Editor {
  /** @param {HTMLElement} el @param {EditorHost} host @param {"light" | "dark"} theme */
  constructor(el, host, theme) {
    this.host = host;
    this.scope = "";
    this.selected = /** @type {Set<string>} */ (new Set());
    this.level = levelOf({ nodes: new Map(), groups: {}, problems: [] }, "");
    this.views = /** @type {Map<string, import("../camera.js").View>} */ (new Map());
    this.withValues = false;
    this.pending = /** @type {Record<string, [number, number]>} */ ({});
    const shadow = el.shadowRoot ?? el.attachShadow({ mode: "open" });
    this.root = make("div", { class: "graphtools editor", "data-theme": theme });
    this.draft = new DraftState(
      host.ask,
      () => this.changed(),
      (text) => this.tell(text),
    );
    this.turns = new Turns((error) => this.tell(error instanceof Error ? error.message : String(error)));
    this.changes = new Changes(this);
    this.copies = new Copies(this);
    this.bar = buildBar(this);
    this.stage = make("div", { class: "stage" });
    const body = make("div", { class: "body" }, this.stage);
    this.root.append(this.bar.element, body);
    shadow.replaceChildren(make("style", {}, viewerCss + inspectorCss + css), this.root);
    this.camera = new Camera(() => this.board.follow());
    this.board = new Board(this.stage, this.camera);
    this.board.setTheme(theme);
    this.menu = new Menu(this.root, () => this.focus());
    this.search = new Search(this.stage, {
      closed: () => this.focus(),
      settled: () => this.turns.settled(),
      later: (act) => void this.turns.run(act),
      nothing: (query) => this.tell(t("Nothing is called {query}.", { query })),
    });
    this.notice = make("p", { class: "notice", role: "status", hidden: true });
    this.hint = make("p", { class: "hint muted" }, t("Press Space, or double-click, to add an operation."));
    this.stage.append(this.bar.crumbs, this.notice, this.hint, this.bar.help);
    this.form = new Form(body, this);
    this.board.onChip = (edge, x, y) => {
      const { title, entries } = fixesFor(this, edge);
      this.tell(title);
      this.openMenu(x, y, title, entries);
    };
    this.mouse = listenTo(this.board, actsOf(this));
    this.board.element.addEventListener("keydown", (event) => {
      if (!pressed(this, event)) return;
      event.preventDefault();
      event.stopPropagation();
    });
    this.root.addEventListener("keydown", (event) => copyAsked(event, this), true); // in a field too
    this.resizer = new ResizeObserver(() => this.resize());
    this.resizer.observe(this.stage);
    this.resize();
  }

  /** Shows the draft that Python has, and takes the keyboard. */
  async start() {
    await this.draft.take(await this.draft.ask("picture", {}));
    this.fit();
    if (!this.search.isOpen) this.focus(); // else somebody was faster
  }

  destroy() {
    this.resizer.disconnect();
    this.changes.stop();
    clearTimeout(this.valuing);
  }

  focus() {
    this.board.element.focus({ preventScroll: true });
  }

  tell(/** @type {string} */ text) {
    this.notice.textContent = text;
    this.notice.hidden = !text;
    clearTimeout(this.telling);
    this.telling = setTimeout(() => (this.notice.hidden = true), NOTICE_MS);
  }

  /** Opens a menu whose actions are done in their turn. */
  openMenu(
    /** @type {number} */ x,
    /** @type {number} */ y,
    /** @type {string} */ title,
    /** @type {import("../menu.js").Entry[]} */ entries,
  ) {
    const later = entries.map((entry) => entry && { ...entry, act: () => void this.turns.run(entry.act) });
    this.menu.open(x, y, title, later);
  }

  resize() {
    this.camera.width = this.stage.clientWidth;
    this.camera.height = this.stage.clientHeight;
    this.board.follow();
  }

  // -- the picture ---------------------------------------------------------------------------------------------------

  /** Draws what Python says the draft is now. */
  changed() {
    if (this.scope && !(this.scope in this.draft.groups)) this.scope = "";
    this.level = levelOf(this.draft, this.scope);
    this.board.build(this.level);
    const known = { ...this.draft.positions, ...this.pending };
    const chosen = placeNew(this.level, known, (key) => this.board.sizeOf(key));
    if (Object.keys(chosen).length) void this.draft.run({ do: "place", positions: chosen });
    this.board.place({ ...known, ...chosen });
    this.selected = new Set([...this.selected].filter((key) => this.board.boxOf.has(key)));
    this.board.select(this.selected);
    this.hint.hidden = this.level.boxes.length > 0;
    this.bar.update();
    void this.form.show();
    this.showValues();
  }

  /** The one box that is selected, if it is a node. */
  single() {
    if (this.selected.size !== 1) return null;
    return this.level.boxes.find(({ key, kind }) => this.selected.has(key) && kind === "node") ?? null;
  }

  boxes() {
    return this.level.boxes.filter(({ key }) => this.selected.has(key));
  }

  /** The nodes that are selected, those in selected modules too. */
  nodes() {
    return this.boxes().flatMap(({ kind, nodes }) => (kind === "outside" ? [] : nodes));
  }

  select(/** @type {string[]} */ keys, more = false) {
    if (more && keys.length === 1 && this.selected.has(keys[0])) this.selected.delete(keys[0]);
    else this.selected = new Set([...(more ? this.selected : []), ...keys]);
    this.board.select(this.selected);
    this.bar.update();
    void this.form.show();
  }

  /** Selects a node, and shows it, wherever it is. */
  reveal(/** @type {string} */ name) {
    const node = this.draft.nodes.get(name);
    if (!node) return;
    if (node.home !== this.scope) this.openScope(node.home);
    this.select([name]);
    this.keepInSight([name]);
    this.focus();
  }

  keepInSight(/** @type {string[]} */ keys) {
    const bounds = this.board.bounds(keys);
    if (!bounds) return;
    const { scale } = this.camera.view;
    const seen = this.camera.visible();
    const inside =
      bounds.x > seen.x && bounds.x + bounds.width < seen.x + seen.width &&
      bounds.y > seen.y && bounds.y + bounds.height < seen.y + seen.height; // prettier-ignore
    if (inside) return;
    const x = bounds.x + bounds.width / 2 - seen.width / 2;
    const y = bounds.y + bounds.height / 2 - seen.height / 2;
    this.camera.glide({ x, y, scale });
  }

  fit() {
    const bounds = this.board.bounds();
    if (!bounds) return this.camera.set({ x: -this.camera.width / 2 + 70, y: -60, scale: 1 });
    const scale = Math.min(1.1, (this.camera.width - 60) / bounds.width, (this.camera.height - 60) / bounds.height);
    this.camera.glide({
      x: bounds.x + bounds.width / 2 - this.camera.width / 2 / scale,
      y: bounds.y + bounds.height / 2 - this.camera.height / 2 / scale,
      scale,
    });
  }

  openScope(/** @type {string} */ scope) {
    this.views.set(this.scope, this.camera.view);
    this.scope = scope;
    this.selected = new Set();
    this.changed();
    const view = this.views.get(scope);
    if (view) this.camera.set(view);
    else this.fit();
  }

  /** Goes to a module around this one, by default the next, and selects that from which one comes. */
  leave(up = this.around(this.scope)) {
    if (!this.scope) return;
    let left = this.scope;
    while (this.around(left) !== up) left = this.around(left);
    this.openScope(up);
    this.select([`${left}/`]);
    this.focus();
  }

  /** The path of the group that holds a module; "" for the whole. */
  around(/** @type {string} */ scope) {
    let up = above(scope);
    while (up && !(up in this.draft.groups)) up = above(up);
    return up;
  }

  /** Opens the module, or its parameters, that are selected. */
  enter() {
    const box = this.boxes()[0];
    if (!box) return;
    if (box.kind === "group") return this.openScope(box.key.slice(0, -1));
    return this.form.focusField();
  }

  /** Selects the box in a direction: the nearest, those straight ahead first. */
  goto(/** @type {number} */ dx, /** @type {number} */ dy) {
    const center = (/** @type {string} */ key) => {
      const { x, y, width, height } = this.board.rectOf(key);
      return [x + width / 2, y + height / 2];
    };
    const from = [...this.selected].pop();
    const boxes = this.level.boxes.map(({ key }) => key);
    if (!boxes.length) return;
    let best = boxes[0];
    if (from) {
      const [x, y] = center(from);
      let least = Infinity;
      for (const key of boxes) {
        const [toX, toY] = center(key);
        const ahead = (toX - x) * dx + (toY - y) * dy;
        const aside = Math.abs((toX - x) * dy) + Math.abs((toY - y) * dx);
        if (key !== from && ahead > 4 && ahead + 2 * aside < least) [best, least] = [key, ahead + 2 * aside];
      }
      if (least === Infinity) return;
    }
    this.select([best]);
    this.keepInSight([best]);
  }

  /** Shows the next problem behind the selected node. */
  nextProblem() {
    const names = this.draft.problems.map(({ node }) => node ?? "").filter(Boolean);
    if (!names.length) return this.select([]);
    const at = names.indexOf([...this.selected][0]);
    this.reveal(names[(at + 1) % names.length]);
  }

  /** Goes to the debugger or to the training with the draft; where something does not fit, there instead. */
  leaveFor(/** @type {"run" | "train"} */ what) {
    const [first] = this.draft.problems;
    if (!first) return this.host[what]();
    this.nextProblem();
    this.tell(`${t("This must be mended before it can run:")} ${first.message}`);
  }

  toggleHelp() {
    this.bar.help.hidden = !this.bar.help.hidden;
  }

  // -- values --------------------------------------------------------------------------------------------------------

  toggleValues() {
    this.withValues = !this.withValues;
    this.root.classList.toggle("with-values", this.withValues);
    this.bar.update();
    this.showValues();
  }

  /** Small pictures of what each operation gives on a sample, a moment after the last change. */
  showValues() {
    clearTimeout(this.valuing);
    if (!this.withValues) return;
    this.valuing = setTimeout(async () => {
      const looks = await this.draft.ask("values", {}).catch(() => ({}));
      for (const { key } of this.level.boxes) {
        drawLook(/** @type {HTMLElement} */ (this.board.elementOf(key)?.querySelector(".look")), looks[key] ?? null);
      }
    }, VALUES_MS);
  }

  toggleCode() {
    this.form.withCode = !this.form.withCode;
    this.root.classList.toggle("with-code", this.form.withCode);
    this.bar.update();
    void this.form.show();
  }
}
