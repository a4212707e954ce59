// The editor of a draft in one element: what is selected and open, and what each action asks Python to do.

import { Camera } from "../camera.js";
import { make } from "../dom.js";
import { Menu } from "../menu.js";
import { arrange, placeNew } from "./arrange.js";
import { Board } from "./board.js";
import { buildBar } from "./bar.js";
import { DraftState } from "./draft.js";
import { Form } from "./form.js";
import { listenTo } from "./gestures.js";
import { pressed } from "./keys.js";
import { above, levelOf } from "./level.js";
import { entriesFor } from "./menus.js";
import { Search, askWord } from "./search.js";
import { t } from "./words.js";
import { drawLook } from "./looks.js";
import inspectorCss from "../panel/inspector.css";
import viewerCss from "../viewer.css";
import css from "./editor.css";

/** @typedef {import("./level.js").Edge} Edge */
/** @typedef {import("./level.js").Box} Box */
/** @typedef {import("./draft.js").Value} Value */
/** @typedef {import("./gestures.js").Port} Port */

/**
 * @typedef {object} EditorHost
 * @property {(op: string, args: any) => Promise<any>} ask asks the Python side, `graphtools.editor`
 * @property {() => void} run shows the debugger on the draft
 * @property {() => void} train shows the page where it is trained
 * @property {() => void} save gives the person the draft's file
 */

const CLIP = "graphtools.clip"; // in the browser's storage, so that another draft can take it
const NOTICE_MS = 6000;
const NUDGE_MS = 350; // after the last nudge of a row, which is one step of undo
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
    this.bar = buildBar(this);
    this.stage = make("div", { class: "stage" });
    const body = make("div", { class: "body" }, this.stage);
    this.root.append(this.bar.element, body);
    shadow.replaceChildren(make("style", {}, viewerCss + inspectorCss + css), this.root);
    this.camera = new Camera(() => this.board.follow());
    this.board = new Board(this.stage, this.camera);
    this.board.setTheme(theme);
    this.menu = new Menu(this.root, () => this.focus());
    this.search = new Search(this.stage, () => this.focus());
    this.notice = make("p", { class: "notice", role: "status", hidden: true });
    this.hint = make("p", { class: "hint muted" }, t("Press Space, or double-click, to add an operation."));
    this.stage.append(this.notice, this.hint, this.bar.help);
    this.form = new Form(body, this.draft, { select: (name) => this.reveal(name), leave: () => this.focus() });
    this.mouse = listenTo(this.board, this.acts());
    this.board.element.addEventListener("keydown", (event) => {
      if (!pressed(this, event)) return;
      event.preventDefault();
      event.stopPropagation();
    });
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
    clearTimeout(this.nudging);
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
    void this.form.show(this.single()?.key ?? "");
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
    void this.form.show(this.single()?.key ?? "");
  }

  /** Selects a node, and shows it, wherever it is. */
  reveal(/** @type {string} */ name) {
    const node = this.draft.nodes.get(name);
    if (!node) return;
    if (node.home !== this.scope) this.openScope(node.home);
    this.select([name]);
    this.keepInSight(name);
    this.focus();
  }

  keepInSight(/** @type {string} */ key) {
    const bounds = this.board.bounds([key]);
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

  leave() {
    if (!this.scope) return;
    const left = `${this.scope}/`;
    let up = above(this.scope);
    while (up && !(up in this.draft.groups)) up = above(up);
    this.openScope(up);
    this.select([left]);
  }

  /** Opens the module, or its parameters, that are selected. */
  enter() {
    const box = this.boxes()[0];
    if (!box) return;
    if (box.kind === "group") return this.openScope(box.key.slice(0, -1));
    this.form.focusField();
  }

  /** Selects the box in a direction: the nearest, those straight ahead first. */
  goto(/** @type {number} */ dx, /** @type {number} */ dy) {
    const center = (/** @type {string} */ key) => {
      const [x, y] = this.board.positions[key] ?? [0, 0];
      const { width, height } = this.board.sizeOf(key);
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
    this.keepInSight(best);
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
    void this.form.show(this.single()?.key ?? "");
  }

  // -- changes -------------------------------------------------------------------------------------------------------

  async run(/** @type {any} */ command, select = true) {
    const done = await this.draft.run(command);
    const last = done?.new?.[done.new.length - 1];
    if (select && last && this.draft.nodes.get(last)?.home === this.scope) {
      this.select([last]);
      this.keepInSight(last);
    }
    if (done?.said) this.tell(done.said);
    return done;
  }

  undo() {
    return this.run({ do: "undo" }, false);
  }

  redo() {
    return this.run({ do: "redo" }, false);
  }

  remove() {
    const nodes = this.nodes();
    if (nodes.length) return this.run({ do: "remove", nodes }, false);
  }

  nudge(/** @type {number} */ dx, /** @type {number} */ dy) {
    for (const key of this.selected) {
      const [x, y] = this.board.positions[key];
      this.board.positions[key] = this.pending[key] = [x + dx, y + dy];
      this.board.move(key);
    }
    this.board.routeEdges(this.selected);
    clearTimeout(this.nudging);
    this.nudging = setTimeout(() => this.sendMoves(Object.keys(this.pending)), NUDGE_MS);
  }

  async sendMoves(/** @type {string[]} */ keys) {
    const positions = Object.fromEntries(keys.map((key) => [key, this.board.positions[key]]));
    for (const key of keys) this.pending[key] = positions[key];
    await this.draft.run({ do: "move", positions });
    for (const key of keys) if (this.pending[key] === positions[key]) delete this.pending[key];
  }

  arrange() {
    const positions = arrange(this.level, (key) => this.board.sizeOf(key));
    if (!Object.keys(positions).length) return;
    return this.draft.run({ do: "move", positions }).then(() => this.fit());
  }

  /** Adds what is chosen in a search: behind a value, on an edge, before a port, or alone. */
  add(
    /** @type {{at?: [number, number], from?: Value, edge?: Edge, to?: [string, (string | number)[]]}} */ where = {},
  ) {
    const { edge, to } = where;
    const from = where.from ?? (edge || to ? undefined : this.behind());
    const cursor = where.at ?? (from ? this.below(from[0]) : this.mouse.cursor());
    const point = this.camera.toPicture(...cursor);
    const at = where.from || !from ? [point.x - 60, point.y - 10] : null;
    const title = from
      ? t("Add behind {name}", { name: from[0] })
      : edge
        ? t("Insert on this edge")
        : t("Add an operation");
    this.search.open({
      title,
      at: cursor,
      find: (query) => this.found(query, edge?.value ?? from, !from && !edge && !to),
      choose: (row) => void this.addChosen(row.value, { from, edge, to, at }),
    });
  }

  async addChosen(/** @type {string} */ target, /** @type {any} */ { from, edge, to, at }) {
    if (target === "input") return this.addInput(at);
    if (edge) {
      const box = this.level.boxes.find(({ key }) => key === edge.to);
      const [node, place] = box?.ins[edge.in].ends[0] ?? ["", []];
      return this.run({ do: "insert", node, place, target });
    }
    const done = await this.run({ do: "add", target, from: from ?? null, at, scope: this.scope });
    if (done && to) await this.draft.run({ do: "connect", from: [done.new[0], []], node: to[0], place: to[1] });
  }

  /** The value of what is selected: behind it the next is added. @returns {Value | undefined} */
  behind() {
    const box = this.boxes().pop();
    return box?.outs[0]?.value;
  }

  below(/** @type {string} */ name) {
    const key = this.level.boxes.find(({ nodes, kind }) => kind !== "outside" && nodes.includes(name))?.key ?? name;
    const [x, y] = this.board.positions[key] ?? [0, 0];
    const { x: left, y: top } = this.camera.toScreen(x, y + this.board.sizeOf(key).height + 20);
    return /** @type {[number, number]} */ ([left, top]);
  }

  /** Rows of the palette for a query. */
  async found(/** @type {string} */ query, /** @type {Value | undefined} */ from, withInput = false) {
    const found = await this.draft.ask("find", { query, ...(from ? { from } : {}) });
    const rows = found.map((/** @type {any} */ entry) => ({
      title: entry.title,
      note: entry.gives ?? (entry.no ? t("does not fit") : entry.group),
      summary: entry.no ? `${entry.target}: ${entry.no}` : `${entry.target}: ${entry.summary}`,
      dim: Boolean(entry.no),
      value: entry.target,
    }));
    const input = { title: t("Input"), note: t("of the model"), value: "input" };
    return withInput && "input".startsWith(query.toLowerCase()) ? [input, ...rows] : rows;
  }

  addInput(/** @type {[number, number] | null} */ at = null) {
    const names = ["x", ...Array.from({ length: 20 }, (_, i) => `x${i + 2}`)];
    const name = names.find((free) => !this.draft.nodes.has(free)) ?? "x";
    askWord(this.search, t("Type of the input {name}", { name }), "f32[B, 1, 28, 28]", (spec) => {
      void this.run({ do: "input", name, spec, at });
    });
  }

  makeOutput() {
    const values = this.boxes().flatMap(({ outs }) => outs.slice(0, 1).map(({ value }) => value));
    if (values.length) return this.run({ do: "output", values }, false);
    this.tell(t("Select the operation whose result is to be the output."));
  }

  replace() {
    const box = this.single();
    if (!box) return;
    this.search.open({
      title: t("Replace {name} by", { name: box.title }),
      at: this.below(box.key),
      find: (query) => this.found(query, box.ins[0]?.from ?? undefined),
      choose: (row) => void this.run({ do: "replace", node: box.key, target: row.value }),
    });
  }

  rename() {
    const box = this.single();
    if (!box) return;
    askWord(this.search, t("New name"), box.key, async (name) => {
      if (await this.draft.run({ do: "rename", node: box.key, name })) this.select([name]);
    });
  }

  /** Connects the selected box's value with a port that is chosen by name. */
  connectTo() {
    const box = this.boxes().pop();
    const out = box?.outs[0];
    if (!box || !out) return;
    const ports = this.level.boxes
      .filter(({ key, kind }) => key !== box.key && kind !== "outside")
      .flatMap((other) => other.ins.map((port) => ({ other, port })))
      .sort((a, b) => Number(a.port.from !== null || a.port.may) - Number(b.port.from !== null || b.port.may));
    const rows = ports.map(({ other, port }) => ({
      title: `${other.title}: ${port.label}`,
      note: port.from ? t("takes {name}", { name: port.from[0] }) : port.may ? t("may be given") : t("open"),
      value: port.ends,
    }));
    if (!this.draft.nodes.has("output"))
      rows.push({ title: t("Output"), note: t("of the model"), value: [["output", [0]]] });
    this.search.open({
      title: t("Connect {name} with", { name: box.title }),
      at: this.below(box.key),
      find: (query) => rows.filter(({ title }) => title.toLowerCase().includes(query.toLowerCase())),
      choose: (row) => this.connect(out.value, row.value),
    });
  }

  connect(/** @type {Value} */ from, /** @type {[string, (string | number)[]][]} */ ends) {
    for (const [node, place] of ends) void this.draft.run({ do: "connect", from, node, place });
  }

  switchMode(/** @type {"bypassed" | "disabled"} */ mode) {
    const boxes = this.boxes().filter(({ kind }) => kind !== "outside");
    const nodes = this.nodes().filter((name) => this.draft.nodes.get(name)?.kind === "call");
    if (!nodes.length) return;
    const on = boxes.some((box) => box.nodes.some((name) => this.draft.nodes.get(name)?.mode !== mode));
    return this.run({ do: mode === "bypassed" ? "bypass" : "disable", nodes, on }, false);
  }

  // -- copies and groups ---------------------------------------------------------------------------------------------

  async copy(cut = false) {
    const nodes = this.nodes();
    if (!nodes.length) return;
    const done = await this.draft.run({ do: "copy", nodes, scope: this.scope });
    if (!done) return;
    localStorage.setItem(CLIP, JSON.stringify({ clip: done.clip, positions: done.positions }));
    this.tell(t("Copied: {n}", { n: nodes.length }));
    if (cut) await this.remove();
  }

  async paste() {
    const text = localStorage.getItem(CLIP);
    if (!text) return this.tell(t("Nothing was copied yet."));
    const { clip, positions } = JSON.parse(text);
    const corners = /** @type {[number, number][]} */ (Object.values(positions));
    const point = this.camera.toPicture(...this.mouse.cursor());
    const shift = corners.length
      ? [point.x - Math.min(...corners.map(([x]) => x)), point.y - Math.min(...corners.map(([, y]) => y))]
      : [40, 40];
    const done = await this.draft.run({ do: "paste", clip, positions, shift, scope: this.scope });
    if (done) this.selectNew(done.new);
  }

  async duplicate() {
    const nodes = this.nodes();
    if (!nodes.length) return;
    const done = await this.draft.run({ do: "duplicate", nodes, scope: this.scope });
    if (done) this.selectNew(done.new);
  }

  selectNew(/** @type {string[]} */ names) {
    const boxes = this.level.boxes.filter(
      ({ nodes, kind }) => kind !== "outside" && nodes.some((name) => names.includes(name)),
    );
    this.select(boxes.map(({ key }) => key));
  }

  group() {
    const nodes = this.nodes();
    if (!nodes.length) return this.tell(t("Select the operations that make the group."));
    let free = "block";
    for (let n = 1; `${this.scope ? `${this.scope}.` : ""}${free}` in this.draft.groups; n++) free = `block${n}`;
    const bounds = this.board.bounds(this.selected);
    askWord(this.search, t("Name of the group"), free, async (name) => {
      const at = bounds ? [bounds.x, bounds.y] : null;
      if (await this.draft.run({ do: "group", nodes, name, at })) this.selectNew(nodes);
    });
  }

  ungroup() {
    for (const { kind, key } of this.boxes()) {
      if (kind === "group") void this.run({ do: "ungroup", scope: key.slice(0, -1) }, false);
    }
  }

  // -- the mouse -----------------------------------------------------------------------------------------------------

  /** @returns {import("./gestures.js").Acts} */
  acts() {
    const editor = this;
    const port = (/** @type {Port} */ { key, at, side }) => {
      const box = /** @type {Box} */ (this.level.boxes.find((found) => found.key === key));
      return { value: side === "out" ? box.outs[at].value : null, ends: side === "in" ? box.ins[at].ends : [] };
    };
    const endsOf = (/** @type {Edge} */ edge) => port({ key: edge.to, side: "in", at: edge.in }).ends;
    return {
      get selected() {
        return editor.selected;
      },
      select: (keys, more) => this.select(keys, more),
      moved: (keys) => void this.sendMoves(keys),
      isLoose: (key) => {
        const box = this.level.boxes.find((found) => found.key === key);
        const isUsed = this.level.edges.some(({ from, to }) => from === key || to === key);
        return box?.kind === "node" && box.ins.length > 0 && box.outs.length > 0 && !isUsed;
      },
      droppedOn: (key, edge) => {
        const [node, place] = endsOf(edge)[0];
        void this.sendMoves([key]);
        void this.run({ do: "splice", name: key, node, place }, false);
      },
      connect: (from, to) => {
        const { value } = port(from);
        if (value) this.connect(value, port(to).ends);
      },
      reconnect: (edge, to) => {
        if (to && to.key === edge.to && to.at === edge.in) return;
        for (const [node, place] of endsOf(edge)) void this.draft.run({ do: "disconnect", node, place });
        if (to) this.connect(edge.value, port(to).ends);
      },
      dropped: (from, x, y) => {
        const { value, ends } = port(from);
        if (value) this.add({ at: [x, y], from: value });
        else this.add({ at: [x, y], to: ends[0] });
      },
      add: (x, y, edge) => this.add(edge ? { at: [x, y], edge } : { at: [x, y] }),
      open: (key) => {
        this.select([key]);
        this.enter();
      },
      menu: (x, y, key, edge) => this.menu.open(x, y, t("Actions"), entriesFor(this, key, edge)),
    };
  }
}
