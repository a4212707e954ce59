// What a person does to the draft: each action as commands to Python, with the search where something is to be chosen.

import { arrange } from "./arrange.js";
import { freeNear, placeNew } from "./placing.js";
import { askWord } from "./search.js";
import { t } from "./words.js";

/** @typedef {import("./editor.js").Editor} Editor */
/** @typedef {import("./level.js").Edge} Edge */
/** @typedef {import("./draft.js").Value} Value */

const STRAIGHT = 30; // pixels within which what is put down is put in line
const NUDGE_MS = 350; // after the last nudge of a row, which is one step of undo
const NEW = { width: 140, height: 54 }; // the size of most boxes, for one that is not there yet
const GAP = 30; // pixels that stay free between a new box and the one that it is connected with

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
      this.editor.keepInSight([last]);
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
    this.editor.board.tellNow(); // so that all sizes are known
    const positions = arrange(this.editor.level, (key) => this.editor.board.sizeOf(key));
    if (!Object.keys(positions).length) return;
    return this.editor.draft.run({ do: "move", positions }).then(() => this.editor.fit());
  }

  /**
   * Adds what is chosen in a search: behind a value, on an edge, before a port, behind what is selected when it is
   * chosen, or alone.
   */
  add(
    /** @type {{at?: [number, number], from?: Value, edge?: Edge, to?: [string, (string | number)[]]}} */ where = {},
  ) {
    const { edge, to } = where;
    const source = () => where.from ?? (edge || to ? undefined : this.behind());
    const from = source();
    const cursor = where.at ?? (from ? this.below(from[0]) : this.pointer());
    const title = () => {
      const giver = source();
      if (giver) return t("Add behind {name}", { name: giver[0] });
      return edge ? t("Insert on this edge") : t("Add an operation");
    };
    this.editor.search.open({
      title,
      at: cursor,
      find: (query) => this.found(query, edge?.value ?? source(), !source() && !edge && !to),
      choose: (row) => {
        const giver = source();
        // Behind what is selected, the place is chosen once its size is known.
        const at = edge || (giver && !where.from) ? null : this.placeFor(cursor, where);
        return this.addChosen(row.value, { from: giver, edge, to, at });
      },
    });
  }

  /** A free place in the visible part of the board, at a point of it, but below what a value is from. */
  placeFor(
    /** @type {[number, number]} */ cursor,
    /** @type {{from?: Value, to?: [string, (string | number)[]]}} */ { from, to },
  ) {
    const { board, camera, level } = this.editor;
    const [left, top] = this.inside(cursor);
    const point = camera.toPicture(left, top);
    const giver = from && this.keyOf(from[0]);
    const taker = to && this.keyOf(to[0]);
    let y = point.y - 10;
    if (giver) y = Math.max(y, board.rectOf(giver).y + board.rectOf(giver).height + GAP);
    if (taker) y = Math.min(y, board.rectOf(taker).y - NEW.height - GAP);
    const at = /** @type {[number, number]} */ ([this.inLine(point.x, giver), y]);
    return freeNear(at, NEW, level, board.positions, (key) => board.sizeOf(key));
  }

  /** A point of the board, or where that is not to be seen, the nearest that is. @returns {[number, number]} */
  inside(/** @type {[number, number]} */ [x, y]) {
    const { width, height } = this.editor.camera;
    const clamp = (/** @type {number} */ value, /** @type {number} */ size, /** @type {number} */ edge) =>
      Math.max(edge, Math.min(value, size - edge));
    return [clamp(x, width, NEW.width / 2 + 12), clamp(y, height, NEW.height + 12)];
  }

  /** Where the mouse is on the board, or near it. */
  pointer() {
    return this.inside(this.editor.mouse.cursor());
  }

  async addChosen(/** @type {string} */ target, /** @type {any} */ { from, edge, to, at }) {
    if (target === "input") return this.addInput(at);
    if (edge) {
      const box = this.editor.level.boxes.find(({ key }) => key === edge.to);
      const [node, place] = box?.ins[edge.in].ends[0] ?? ["", []];
      return this.run({ do: "insert", node, place, target });
    }
    const done = await this.run({ do: "add", target, from: from ?? null, at, scope: this.editor.scope });
    if (done && at) await this.clear(done.new.slice(-1));
    if (done && to) await this.editor.draft.run({ do: "connect", from: [done.new[0], []], node: to[0], place: to[1] });
  }

  /** Applies what would mend a problem. */
  fix(/** @type {string} */ node, /** @type {string} */ label) {
    return this.editor.turns.run(() => this.run({ do: "fix", node, label }, false));
  }

  /** Moves new boxes together to where they cover no other, now that their sizes are known: at `place` or near. */
  async clear(/** @type {string[]} */ keys, /** @type {[number, number] | null} */ place = null) {
    const { board, draft, level } = this.editor;
    const bounds = board.bounds(keys.filter((key) => board.boxOf.has(key)));
    if (!bounds) return;
    const others = Object.fromEntries(Object.entries(board.positions).filter(([key]) => !keys.includes(key)));
    const from = /** @type {[number, number]} */ ([bounds.x + bounds.width / 2, bounds.y]);
    const [x, y] = freeNear(place ?? from, bounds, level, others, (key) => board.sizeOf(key));
    const [dx, dy] = [x - Math.round(from[0]), y - Math.round(from[1])];
    if (!dx && !dy) return;
    const moved = keys.map((key) => [key, [board.positions[key][0] + dx, board.positions[key][1] + dy]]);
    board.place({ ...board.positions, ...Object.fromEntries(moved) });
    await draft.run({ do: "place", positions: Object.fromEntries(moved) });
  }

  /** Puts a box that is there on an edge, between its ends, which make room. */
  async splice(/** @type {string} */ key, /** @type {[string, (string | number)[]]} */ [node, place]) {
    if (!(await this.editor.draft.run({ do: "splice", name: key, node, place }))) return this.sendMoves([key]);
    const { board, draft, level } = this.editor;
    const known = { ...draft.positions };
    delete known[key];
    const positions = placeNew(level, known, (other) => board.sizeOf(other));
    board.place({ ...board.positions, ...positions });
    await draft.run({ do: "place", positions });
  }

  /** The value of what is selected: behind it the next is added. @returns {Value | undefined} */
  behind() {
    const box = this.editor.boxes().pop();
    return box?.outs[0]?.value;
  }

  /** The box at this level that a node is, or is in. */
  keyOf(/** @type {string} */ name) {
    const { boxes } = this.editor.level;
    const found = boxes.find(({ nodes, kind }) => kind !== "outside" && nodes.includes(name));
    return (found ?? boxes.find(({ nodes }) => nodes.includes(name)))?.key ?? name;
  }

  below(/** @type {string} */ name) {
    const { x, y, height } = this.editor.board.rectOf(this.keyOf(name));
    const { x: left, y: top } = this.editor.camera.toScreen(x, y + height + 20);
    return /** @type {[number, number]} */ ([left, top]);
  }

  /** The middle of a box if that is close to `x`, so that an edge between them is straight; else `x`. */
  inLine(/** @type {number} */ x, /** @type {string | undefined} */ key) {
    const [middle] = this.editor.board.positions[key ?? ""] ?? [Infinity];
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
    askWord(this.editor.search, t("Type of the input {name}", { name }), "f32[B, 1, 28, 28]", (spec) =>
      this.run({ do: "input", name, spec, at }),
    );
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
      choose: (row) => this.run({ do: "replace", node: box.key, target: row.value }),
    });
  }

  rename() {
    const [box] = this.editor.boxes();
    if (!box || box.kind === "outside" || this.editor.selected.size > 1) return;
    const { search } = this.editor;
    if (box.kind === "node") askWord(search, t("New name"), box.key, (name) => this.renameNode(box.key, name));
    else askWord(search, t("New name of the group"), box.title, (name) => this.renameGroup(box.key, name));
  }

  async renameNode(/** @type {string} */ key, /** @type {string} */ name, refused = this.editor.draft.tell) {
    if (!(await this.editor.draft.run({ do: "rename", node: key, name }, refused))) return;
    this.editor.select([name]);
    this.editor.focus(); // the field that had it went with the old name
  }

  /** Gives the module of a box another name. */
  async renameGroup(/** @type {string} */ key, /** @type {string} */ name, refused = this.editor.draft.tell) {
    const done = await this.editor.draft.run({ do: "rename group", scope: key.slice(0, -1), name }, refused);
    if (!done) return;
    this.editor.select([`${done.scope}/`]);
    this.editor.focus();
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
    return Promise.all(ends.map(([node, place]) => this.editor.draft.run({ do: "connect", from, node, place })));
  }

  disconnect(/** @type {[string, (string | number)[]][]} */ ends) {
    return Promise.all(ends.map(([node, place]) => this.editor.draft.run({ do: "disconnect", node, place })));
  }

  switchMode(/** @type {"bypassed" | "disabled"} */ mode) {
    const boxes = this.editor.boxes().filter(({ kind }) => kind !== "outside");
    const nodes = this.editor.nodes().filter((name) => this.editor.draft.nodes.get(name)?.kind === "call");
    if (!nodes.length) return;
    const on = boxes.some((box) => box.nodes.some((name) => this.editor.draft.nodes.get(name)?.mode !== mode));
    return this.run({ do: mode === "bypassed" ? "bypass" : "disable", nodes, on }, false);
  }
}
