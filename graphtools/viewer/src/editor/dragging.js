// What the gestures of the mouse mean for the editor.

import { entriesFor } from "./menus.js";
import { t } from "./words.js";

/** @typedef {import("./editor.js").Editor} Editor */
/** @typedef {import("./level.js").Box} Box */
/** @typedef {import("./level.js").Edge} Edge */
/** @typedef {import("./gestures.js").Port} Port */

/** @returns {import("./gestures.js").Acts} */
export function actsOf(/** @type {Editor} */ editor) {
  const port = (/** @type {Port} */ { key, at, side }) => {
    const box = /** @type {Box} */ (editor.level.boxes.find((found) => found.key === key));
    return { value: side === "out" ? box.outs[at].value : null, ends: side === "in" ? box.ins[at].ends : [] };
  };
  const endsOf = (/** @type {Edge} */ edge) => port({ key: edge.to, side: "in", at: edge.in }).ends;
  return {
    get selected() {
      return editor.selected;
    },
    select: (keys, more) => void editor.turns.run(() => editor.select(keys, more)),
    moved: (keys) => void editor.changes.sendMoves(keys),
    isLoose: (key) => {
      const box = editor.level.boxes.find((found) => found.key === key);
      const isUsed = editor.level.edges.some(({ from, to }) => from === key || to === key);
      return box?.kind === "node" && box.ins.length > 0 && box.outs.length > 0 && !isUsed;
    },
    droppedOn: (key, edge) => {
      const [end] = endsOf(edge);
      void editor.turns.run(() => editor.changes.splice(key, end));
    },
    connect: (from, to) => {
      const { value } = port(from);
      const { ends } = port(to);
      if (value) void editor.turns.run(() => editor.changes.connect(value, ends));
    },
    reconnect: (edge, to) => {
      if (to && to.key === edge.to && to.at === edge.in) return;
      const ends = endsOf(edge);
      const others = to ? port(to).ends : [];
      void editor.turns.run(() =>
        Promise.all([editor.changes.disconnect(ends), editor.changes.connect(edge.value, others)]),
      );
    },
    dropped: (from, x, y) => {
      const { value, ends } = port(from);
      if (value) editor.changes.add({ at: [x, y], from: value });
      else editor.changes.add({ at: [x, y], to: ends[0] });
    },
    add: (x, y, edge) => editor.changes.add(edge ? { at: [x, y], edge } : { at: [x, y] }),
    open: (key) =>
      void editor.turns.run(() => {
        editor.select([key]);
        editor.enter();
      }),
    menu: (x, y, key, edge) => editor.openMenu(x, y, t("Actions"), entriesFor(editor, key, edge)),
  };
}
