// What the panel says where no single operation is selected: of the whole draft, of a group, of several boxes.

import { make } from "../dom.js";
import { compactNumber } from "../words.js";
import { textField } from "./fields.js";
import { t } from "./words.js";

/** @typedef {import("./editor.js").Editor} Editor */
/** @typedef {import("./level.js").Box} Box */
/** @typedef {import("./draft.js").DraftNode} DraftNode */

/** A number of bytes for people. */
export function bytes(/** @type {number} */ count) {
  const units = ["B", "KiB", "MiB", "GiB"];
  let at = 0;
  for (; count >= 1024 && at < 3; at++) count /= 1024;
  return `${at ? count.toFixed(1) : count} ${units[at]}`;
}

export function factsOf(/** @type {[string, string][]} */ rows) {
  const cells = rows.flatMap(([name, text]) => [make("dt", {}, name), make("dd", { class: "mono" }, text)]);
  return make("dl", { class: "facts-of" }, ...cells);
}

/** The parts of the panel on the whole draft. */
export function overview(/** @type {Editor} */ editor) {
  const { model, totals, problems, notes, nodes } = editor.draft;
  const calls = [...nodes.values()].filter(({ kind }) => kind === "call");
  const unused = calls.filter((node) => node.unused);
  const link = (/** @type {string} */ text, /** @type {string} */ name) =>
    make("button", { class: "plain link", onclick: () => editor.reveal(name) }, text);
  const list = problems.map(({ node, message }) =>
    make("div", { class: "warning bad-card" }, node ? link(message, node) : make("p", {}, message)),
  );
  const isEmpty = !nodes.size; // which is no problem to be told
  const few = unused.length === 1 ? t("1 operation is not used") : t("{n} operations are not used", { n: unused.length });
  return page(
    make("h2", {}, model),
    factsOf([
      [t("operations"), String(calls.length)],
      [t("parameters"), totals.parameters.toLocaleString("en")],
      ["FLOPs", `${compactNumber(totals.flops)} ${t("an example")}`],
      [t("activations"), `${bytes(totals.bytes)} ${t("an example")}`],
    ]),
    unused.length ? make("p", { class: "unused-of" }, link(few, unused[0].name)) : "",
    isEmpty ? "" : problems.length ? make("h3", {}, t("Problems")) : make("p", { class: "muted" }, t("No problems: it runs.")),
    ...(isEmpty ? [] : list),
    ...notes.map((text) => make("p", { class: "muted small" }, text)),
  );
}

/** The parts of the panel on a group. */
export function groupSummary(/** @type {Editor} */ editor, /** @type {Box} */ box) {
  const name = textField({
    name: "name",
    label: t("name"),
    value: box.title,
    send: (text) => refusalOf(editor, (refused) => editor.changes.renameGroup(box.key, text, refused)),
    leave: () => editor.focus(),
  });
  const problems = editor.draft.problems.filter(({ node }) => box.nodes.includes(node ?? ""));
  return page(
    make("h2", {}, box.title, " ", make("span", { class: "muted" }, t("Group"))),
    ...problems.map(({ message }) => make("div", { class: "warning bad-card" }, make("p", {}, message))),
    name,
    factsOf([
      [t("class"), box.type],
      [t("operations"), String(box.nodes.length)],
      [t("parameters"), parametersOf(editor, box.nodes).toLocaleString("en")],
      ...box.ins.map(({ from, label }) => row(t("takes"), label, from ? editor.draft.typeOf(from) : t("open"))),
      ...box.outs.map(({ label, type }) => row(t("gives"), label, type)),
    ]),
    actions([
      [t("Open"), "Enter", () => editor.enter()],
      [t("Ungroup"), "Ctrl+Shift+G", () => editor.copies.ungroup()],
      [t("Duplicate"), "Ctrl+D", () => editor.copies.duplicate()],
      [t("Remove"), "Del", () => editor.changes.remove()],
    ], editor),
  ); // prettier-ignore
}

/** @returns {[string, string]} */
function row(/** @type {string} */ what, /** @type {string} */ label, /** @type {string} */ type) {
  return [`${what} ${label}`.trim(), type || "?"];
}

/** The parts of the panel on several boxes. */
export function severalSummary(/** @type {Editor} */ editor, /** @type {Box[]} */ boxes) {
  const nodes = boxes.flatMap((box) => box.nodes);
  const calls = nodes.filter((name) => editor.draft.nodes.get(name)?.kind === "call");
  return page(
    make("h2", {}, t("{n} boxes selected", { n: boxes.length })),
    factsOf([
      [t("operations"), String(calls.length)],
      [t("parameters"), parametersOf(editor, nodes).toLocaleString("en")],
    ]),
    actions([
      [t("Group"), "Ctrl+G", () => editor.copies.group()],
      [t("Duplicate"), "Ctrl+D", () => editor.copies.duplicate()],
      [t("Remove"), "Del", () => editor.changes.remove()],
    ], editor),
  ); // prettier-ignore
}

/** How many parameters the modules of nodes have; a module that several call counts once. */
function parametersOf(/** @type {Editor} */ editor, /** @type {string[]} */ names) {
  const found = new Map();
  for (const name of names) {
    const node = /** @type {DraftNode} */ (editor.draft.nodes.get(name));
    if (node.parameters) found.set(node.path, node.parameters);
  }
  return [...found.values()].reduce((sum, count) => sum + count, 0);
}

/** Has a command carried out in its turn, and gives why it is refused, "" if it is not. */
export function refusalOf(
  /** @type {Editor} */ editor,
  /** @type {(refused: (text: string) => void) => Promise<unknown>} */ act,
) {
  let why = "";
  return editor.turns.run(() => act((text) => (why = text))).then(() => why);
}

function actions(/** @type {[string, string, () => unknown][]} */ list, /** @type {Editor} */ editor) {
  // The button goes with the panel, so the board has the focus before.
  const press = (/** @type {() => unknown} */ act) => {
    editor.focus();
    void editor.turns.run(act);
  };
  const buttons = list.map(([text, key, act]) =>
    make("button", { title: `${text} (${key})`, onclick: () => press(act) }, text),
  );
  return make("div", { class: "actions" }, ...buttons);
}

function page(/** @type {HTMLElement} */ title, /** @type {(HTMLElement | string)[]} */ ...parts) {
  return [make("header", {}, title), make("div", { class: "panel-body", tabindex: "-1" }, ...parts)];
}
