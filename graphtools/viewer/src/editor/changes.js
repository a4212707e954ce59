// What a person does to the draft: each action as commands to Python, with the search where something is to be chosen.

import { arrange } from "./arrange.js";
import { askWord } from "./search.js";
import { t } from "./words.js";

/** @typedef {import("./editor.js").Editor} Editor */
/** @typedef {import("./level.js").Edge} Edge */
/** @typedef {import("./draft.js").Value} Value */

const CLIP = "graphtools.clip"; // in the browser's storage, so that another draft can take it
const STRAIGHT = 30; // pixels within which what is put down is put in line
const NUDGE_MS = 350; // after the last nudge of a row, which is one step of undo

export class Changes {
  /** @param {Editor} editor */
  constructor(editor) {
    this.editor = editor;
    this.nudging = 0;
  }

  stop() {
    clearTimeout(this.nudging);
  }

  // -- changes -------------------------------------------------------------------------------------------------------

  async run(/** @type {any} */ command, select = true) {
    const done = await this.editor.draft.run(command);
    const last = done?.new?.[done.new.length - 1];
    if (select && last && this.editor.draft.nodes.get(last)?.home === this.editor.scope) {
      this.editor.select([last]);
      this.editor.keepInSight(last);
    }
    if (done?.said) this.editor.tell(done.said);
    return done;
  }

  undo() {
    return this.run({ do: "undo" }, false);
  }

  redo() {
    return this.run({ do: "redo" }, false);
  }

  remove() {
    const nodes = this.editor.nodes();
    if (nodes.length) return this.run({ do: "remove", nodes }, false);
  }

  nudge(/** @type {number} */ dx, /** @type {number} */ dy) {
    for (const key of this.editor.selected) {
      const [x, y] = this.editor.board.positions[key];
      this.editor.board.positions[key] = this.editor.pending[key] = [x + dx, y + dy];
      this.editor.board.move(key);
    }
    this.editor.board.routeEdges(this.editor.selected);
    clearTimeout(this.nudging);
    this.nudging = setTimeout(() => this.sendMoves(Object.keys(this.editor.pending)), NUDGE_MS);
  }

  async sendMoves(/** @type {string[]} */ keys) {
    const positions = Object.fromEntries(keys.map((key) => [key, this.editor.board.positions[key]]));
    for (const key of keys) this.editor.pending[key] = positions[key];
    await this.editor.draft.run({ do: "move", positions });
    for (const key of keys) if (this.editor.pending[key] === positions[key]) delete this.editor.pending[key];
  }

  arrange() {
    const positions = arrange(this.editor.level, (key) => this.editor.board.sizeOf(key));
    if (!Object.keys(positions).length) return;
    return this.editor.draft.run({ do: "move", positions }).then(() => this.editor.fit());
  }

  /** Adds what is chosen in a search: behind a value, on an edge, before a port, or alone. */
  add(
    /** @type {{at?: [number, number], from?: Value, edge?: Edge, to?: [string, (string | number)[]]}} */ where = {},
  ) {
    const { edge, to } = where;
    const from = where.from ?? (edge || to ? undefined : this.behind());
    const cursor = where.at ?? (from ? this.below(from[0]) : this.editor.mouse.cursor());
    const point = this.editor.camera.toPicture(...cursor);
    const at = where.from || !from ? [this.inLine(point.x, where.from?.[0]), point.y - 10] : null;
    const title = from
      ? t("Add behind {name}", { name: from[0] })
      : edge
        ? t("Insert on this edge")
        : t("Add an operation");
    this.editor.search.open({
      title,
      at: cursor,
      find: (query) => this.found(query, edge?.value ?? from, !from && !edge && !to),
      choose: (row) => void this.addChosen(row.value, { from, edge, to, at }),
    });
  }

  async addChosen(/** @type {string} */ target, /** @type {any} */ { from, edge, to, at }) {
    if (target === "input") return this.addInput(at);
    if (edge) {
      const box = this.editor.level.boxes.find(({ key }) => key === edge.to);
      const [node, place] = box?.ins[edge.in].ends[0] ?? ["", []];
      return this.run({ do: "insert", node, place, target });
    }
    const done = await this.run({ do: "add", target, from: from ?? null, at, scope: this.editor.scope });
    if (done && to) await this.editor.draft.run({ do: "connect", from: [done.new[0], []], node: to[0], place: to[1] });
  }

  /** The value of what is selected: behind it the next is added. @returns {Value | undefined} */
  behind() {
    const box = this.editor.boxes().pop();
    return box?.outs[0]?.value;
  }

  below(/** @type {string} */ name) {
    const key =
      this.editor.level.boxes.find(({ nodes, kind }) => kind !== "outside" && nodes.includes(name))?.key ?? name;
    const { x, y, height } = this.editor.board.rectOf(key);
    const { x: left, y: top } = this.editor.camera.toScreen(x, y + height + 20);
    return /** @type {[number, number]} */ ([left, top]);
  }

  /** The middle of the box `name` if that is close to `x`, so that an edge between them is straight; else `x`. */
  inLine(/** @type {number} */ x, /** @type {string | undefined} */ name) {
    const [middle] = this.editor.board.positions[name ?? ""] ?? [Infinity];
    return Math.abs(middle - x) < STRAIGHT ? middle : x;
  }

  /** Rows of the palette for a query. */
  async found(/** @type {string} */ query, /** @type {Value | undefined} */ from, withInput = false) {
    const found = await this.editor.draft.ask("find", { query, ...(from ? { from } : {}) });
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
    const name = names.find((free) => !this.editor.draft.nodes.has(free)) ?? "x";
    askWord(this.editor.search, t("Type of the input {name}", { name }), "f32[B, 1, 28, 28]", (spec) => {
      void this.run({ do: "input", name, spec, at });
    });
  }

  makeOutput() {
    const values = this.editor.boxes().flatMap(({ outs }) => outs.slice(0, 1).map(({ value }) => value));
    if (values.length) return this.run({ do: "output", values }, false);
    this.editor.tell(t("Select the operation whose result is to be the output."));
  }

  replace() {
    const box = this.editor.single();
    if (!box) return;
    this.editor.search.open({
      title: t("Replace {name} by", { name: box.title }),
      at: this.below(box.key),
      find: (query) => this.found(query, box.ins[0]?.from ?? undefined),
      choose: (row) => void this.run({ do: "replace", node: box.key, target: row.value }),
    });
  }

  rename() {
    const box = this.editor.single();
    if (!box) return;
    askWord(this.editor.search, t("New name"), box.key, async (name) => {
      if (await this.editor.draft.run({ do: "rename", node: box.key, name })) this.editor.select([name]);
    });
  }

  /** Connects the selected box's value with a port that is chosen by name. */
  connectTo() {
    const box = this.editor.boxes().pop();
    const out = box?.outs[0];
    if (!box || !out) return;
    const ports = this.editor.level.boxes
      .filter(({ key, kind }) => key !== box.key && kind !== "outside")
      .flatMap((other) => other.ins.map((port) => ({ other, port })))
      .sort((a, b) => Number(a.port.from !== null || a.port.may) - Number(b.port.from !== null || b.port.may));
    const rows = ports.map(({ other, port }) => ({
      title: `${other.title}: ${port.label}`,
      note: port.from ? t("takes {name}", { name: port.from[0] }) : port.may ? t("may be given") : t("open"),
      value: port.ends,
    }));
    if (!this.editor.draft.nodes.has("output"))
      rows.push({ title: t("Output"), note: t("of the model"), value: [["output", [0]]] });
    this.editor.search.open({
      title: t("Connect {name} with", { name: box.title }),
      at: this.below(box.key),
      find: (query) => rows.filter(({ title }) => title.toLowerCase().includes(query.toLowerCase())),
      choose: (row) => this.connect(out.value, row.value),
    });
  }

  connect(/** @type {Value} */ from, /** @type {[string, (string | number)[]][]} */ ends) {
    for (const [node, place] of ends) void this.editor.draft.run({ do: "connect", from, node, place });
  }

  switchMode(/** @type {"bypassed" | "disabled"} */ mode) {
    const boxes = this.editor.boxes().filter(({ kind }) => kind !== "outside");
    const nodes = this.editor.nodes().filter((name) => this.editor.draft.nodes.get(name)?.kind === "call");
    if (!nodes.length) return;
    const on = boxes.some((box) => box.nodes.some((name) => this.editor.draft.nodes.get(name)?.mode !== mode));
    return this.run({ do: mode === "bypassed" ? "bypass" : "disable", nodes, on }, false);
  }

  // -- copies and groups ---------------------------------------------------------------------------------------------

  async copy(cut = false) {
    const nodes = this.editor.nodes();
    if (!nodes.length) return;
    const done = await this.editor.draft.run({ do: "copy", nodes, scope: this.editor.scope });
    if (!done) return;
    localStorage.setItem(CLIP, JSON.stringify({ clip: done.clip, positions: done.positions }));
    this.editor.tell(t("Copied: {n}", { n: nodes.length }));
    if (cut) await this.remove();
  }

  async paste() {
    const text = localStorage.getItem(CLIP);
    if (!text) return this.editor.tell(t("Nothing was copied yet."));
    const { clip, positions } = JSON.parse(text);
    const corners = /** @type {[number, number][]} */ (Object.values(positions));
    const point = this.editor.camera.toPicture(...this.editor.mouse.cursor());
    const shift = corners.length
      ? [point.x - Math.min(...corners.map(([x]) => x)), point.y - Math.min(...corners.map(([, y]) => y))]
      : [40, 40];
    const done = await this.editor.draft.run({ do: "paste", clip, positions, shift, scope: this.editor.scope });
    if (done) this.selectNew(done.new);
  }

  async duplicate() {
    const nodes = this.editor.nodes();
    if (!nodes.length) return;
    const done = await this.editor.draft.run({ do: "duplicate", nodes, scope: this.editor.scope });
    if (done) this.selectNew(done.new);
  }

  selectNew(/** @type {string[]} */ names) {
    const boxes = this.editor.level.boxes.filter(
      ({ nodes, kind }) => kind !== "outside" && nodes.some((name) => names.includes(name)),
    );
    this.editor.select(boxes.map(({ key }) => key));
  }

  group() {
    const nodes = this.editor.nodes();
    if (!nodes.length) return this.editor.tell(t("Select the operations that make the group."));
    let free = "block";
    for (let n = 1; `${this.editor.scope ? `${this.editor.scope}.` : ""}${free}` in this.editor.draft.groups; n++)
      free = `block${n}`;
    const bounds = this.editor.board.bounds(this.editor.selected);
    askWord(this.editor.search, t("Name of the group"), free, async (name) => {
      const at = bounds ? [bounds.x + bounds.width / 2, bounds.y] : null;
      if (await this.editor.draft.run({ do: "group", nodes, name, at })) this.selectNew(nodes);
    });
  }

  ungroup() {
    for (const { kind, key } of this.editor.boxes()) {
      if (kind === "group") void this.run({ do: "ungroup", scope: key.slice(0, -1) }, false);
    }
  }
}
