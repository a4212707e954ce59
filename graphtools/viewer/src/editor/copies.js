// Copies and groups of what is selected, and the copy of the whole draft as a file.

import { make } from "../dom.js";
import { freeNear } from "./placing.js";
import { askWord } from "./search.js";
import { t } from "./words.js";

/** @typedef {import("./editor.js").Editor} Editor */
/** @typedef {{x: number, y: number, width: number, height: number}} Rect */

const CLIP = "graphtools.clip"; // in the browser's storage, so that another draft can take it
const BESIDE = 24; // pixels between a box and its duplicate

export class Copies {
  /** @param {Editor} editor */
  constructor(editor) {
    this.editor = editor;
  }

  async copy(cut = false) {
    const nodes = this.editor.nodes();
    if (!nodes.length) return;
    const bounds = this.editor.board.bounds(this.editor.selected);
    const done = await this.editor.draft.run({ do: "copy", nodes, scope: this.editor.scope });
    if (!done) return;
    localStorage.setItem(CLIP, JSON.stringify({ clip: done.clip, positions: done.positions, bounds }));
    this.editor.tell(t("Copied: {n}", { n: nodes.length }));
    if (cut) await this.editor.changes.remove();
  }

  /** Puts what was copied where the mouse is, or as near as is free. */
  async paste() {
    const text = localStorage.getItem(CLIP);
    if (!text) return this.editor.tell(t("Nothing was copied yet."));
    const { clip, positions, bounds } = JSON.parse(text);
    const point = this.editor.camera.toPicture(...this.editor.changes.pointer());
    const shift = bounds ? this.shiftTo(bounds, [point.x + bounds.width / 2, point.y]) : [40, 40];
    const done = await this.editor.draft.run({ do: "paste", clip, positions, shift, scope: this.editor.scope });
    if (done) await this.editor.changes.clear(this.selectNew(done.new));
  }

  /** Copies of what is selected, that take what it takes, beside it. */
  async duplicate() {
    const nodes = this.editor.nodes();
    const bounds = this.editor.board.bounds(this.editor.selected);
    if (!nodes.length || !bounds) return;
    const right = bounds.x + bounds.width + BESIDE;
    const shift = this.shiftTo(bounds, [right + bounds.width / 2, bounds.y]);
    const done = await this.editor.draft.run({ do: "duplicate", nodes, scope: this.editor.scope, shift });
    if (!done) return;
    const keys = this.selectNew(done.new);
    const width = this.editor.board.bounds(keys)?.width ?? 0; // their names are longer than those of the originals
    await this.editor.changes.clear(keys, [right + width / 2, bounds.y]);
  }

  /** How far boxes within `bounds` go so that they are at a place, or as near as they cover nothing. */
  shiftTo(/** @type {Rect} */ bounds, /** @type {[number, number]} */ place) {
    const { board, level } = this.editor;
    const [x, y] = freeNear(place, bounds, level, board.positions, (key) => board.sizeOf(key));
    return [x - bounds.x - bounds.width / 2, y - bounds.y];
  }

  selectNew(/** @type {string[]} */ names) {
    const boxes = this.editor.level.boxes.filter(
      ({ nodes, kind }) => kind !== "outside" && nodes.some((name) => names.includes(name)),
    );
    const keys = boxes.map(({ key }) => key);
    this.editor.select(keys);
    this.editor.keepInSight(keys);
    return keys;
  }

  group() {
    const { editor } = this;
    // Inputs, parameters and the output stay outside, also where everything was selected.
    const nodes = editor.nodes().filter((name) => editor.draft.nodes.get(name)?.kind === "call");
    if (!nodes.length) return editor.tell(t("Select the operations that make the group."));
    const head = editor.scope ? `${editor.scope}.` : "";
    let free = "block";
    for (let n = 1; `${head}${free}` in editor.draft.groups; n++) free = `block${n}`;
    const bounds = editor.board.bounds(editor.selected);
    askWord(editor.search, t("Name of the group"), free, async (name) => {
      const at = bounds ? [bounds.x + bounds.width / 2, bounds.y] : null;
      if (await editor.draft.run({ do: "group", nodes, name, at })) this.selectNew(nodes);
    });
  }

  ungroup() {
    const groups = this.editor.boxes().filter(({ kind }) => kind === "group");
    return Promise.all(groups.map(({ key }) => this.editor.draft.run({ do: "ungroup", scope: key.slice(0, -1) })));
  }

  /** Gives the person the draft as a file. */
  async download() {
    const done = await this.editor.draft.run({ do: "text" });
    if (!done) return;
    const file = `${this.editor.host.title || this.editor.draft.model || "draft"}.json`;
    const address = URL.createObjectURL(new Blob([done.text], { type: "application/json" }));
    make("a", { href: address, download: file }).click();
    setTimeout(() => URL.revokeObjectURL(address), 10_000);
    this.editor.tell(t("The draft is saved as you work; {file} is a copy of it.", { file }));
  }
}
