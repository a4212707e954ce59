// The right mouse button's actions, for a box, an edge, or the empty board.

import { t } from "./words.js";

/** @typedef {import("./editor.js").Editor} Editor */
/** @typedef {import("../menu.js").Entry} Entry */

/** @returns {Entry[]} */
export function entriesFor(
  /** @type {Editor} */ editor,
  /** @type {string | null} */ key,
  /** @type {import("./level.js").Edge | null} */ edge,
) {
  if (key !== null) return ofBox(editor, key);
  if (edge) {
    const ends = editor.level.boxes.find((box) => box.key === edge.to)?.ins[edge.in].ends ?? [];
    return [
      { text: t("Insert on this edge"), act: () => editor.changes.add({ edge }) },
      {
        text: t("Disconnect"),
        act: () => editor.changes.disconnect(ends),
      },
    ];
  }
  return [
    { text: t("Add an operation"), key: "Space", act: () => editor.changes.add({ at: editor.mouse.cursor() }) },
    { text: t("Add an input"), key: "I", act: () => editor.changes.addInput() },
    { text: t("Paste"), key: "Ctrl+V", act: () => editor.copies.paste() },
    null,
    { text: t("Arrange"), key: "L", act: () => editor.changes.arrange() },
    { text: t("Simplify"), act: () => editor.changes.run({ do: "simplify" }, false) },
  ];
}

/**
 * What would mend the value on an edge, and the way to the operation that cannot take it.
 * @returns {{title: string, entries: Entry[]}}
 */
export function fixesFor(/** @type {Editor} */ editor, /** @type {import("./level.js").Edge} */ edge) {
  const ends = editor.board.boxOf.get(edge.to)?.ins[edge.in].ends ?? [];
  const problem = editor.draft.problems.find(
    ({ node, place }) => place && ends.some(([name, end]) => name === node && String(end) === String(place)),
  );
  if (!problem) return { title: "", entries: [] };
  const { node = "" } = problem;
  return {
    title: problem.message,
    entries: [
      ...problem.fixes.map((label, i) => ({
        text: problem.labels?.[i] ?? label,
        act: () => editor.changes.run({ do: "fix", node, label }, false),
      })),
      { text: t("Show {name}", { name: node }), act: () => editor.reveal(node) },
    ],
  };
}

/** @returns {Entry[]} */
function ofBox(/** @type {Editor} */ editor, /** @type {string} */ key) {
  const box = editor.level.boxes.find((found) => found.key === key);
  const node = editor.draft.nodes.get(key);
  const copies = /** @type {Entry[]} */ ([
    { text: t("Copy"), key: "Ctrl+C", act: () => editor.copies.copy() },
    { text: t("Duplicate"), key: "Ctrl+D", act: () => editor.copies.duplicate() },
    { text: t("Group"), key: "Ctrl+G", act: () => editor.copies.group() },
    { text: t("Bypass"), key: "B", act: () => editor.changes.switchMode("bypassed") },
    { text: t("Disable"), key: "M", act: () => editor.changes.switchMode("disabled") },
    null,
    { text: t("Remove"), key: "Del", act: () => editor.changes.remove() },
  ]);
  if (box?.kind === "group") {
    return [
      { text: t("Open"), key: "Enter", act: () => editor.enter() },
      { text: t("Add behind it"), key: "Space", act: () => editor.changes.add() },
      { text: t("Rename"), key: "F2", act: () => editor.changes.rename() },
      { text: t("Ungroup"), key: "Ctrl+Shift+G", act: () => editor.copies.ungroup() },
      ...copies,
    ];
  }
  if (node?.kind !== "call") {
    return [
      { text: t("Add behind it"), key: "Space", act: () => editor.changes.add() },
      { text: t("Rename"), key: "F2", act: () => editor.changes.rename() },
      null,
      { text: t("Remove"), key: "Del", act: () => editor.changes.remove() },
    ];
  }
  return [
    { text: t("Add behind it"), key: "Space", act: () => editor.changes.add() },
    { text: t("Insert after it"), act: () => insertAfter(editor, key) },
    { text: t("Connect with …"), key: "C", act: () => editor.changes.connectTo() },
    { text: t("Make it the output"), key: "O", act: () => editor.changes.makeOutput() },
    null,
    { text: t("Replace"), key: "R", act: () => editor.changes.replace() },
    { text: t("Rename"), key: "F2", act: () => editor.changes.rename() },
    { text: t("Show what it is made of"), act: () => editor.changes.run({ do: "decompose", node: key }) },
    ...copies,
  ];
}

/** All who took the value of a node take that of the new one. */
function insertAfter(/** @type {Editor} */ editor, /** @type {string} */ key) {
  const value = editor.level.boxes.find((box) => box.key === key)?.outs[0]?.value;
  editor.search.open({
    title: t("Insert after {name}", { name: key }),
    at: editor.changes.below(key),
    find: (query) => editor.changes.found(query, value),
    choose: (row) => editor.changes.run({ do: "insert", node: key, target: row.value }),
  });
}
