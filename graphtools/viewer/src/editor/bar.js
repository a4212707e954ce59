// The bar above the board: where one is, undo and redo, what the draft would cost, code, run, train; and the keys.

import { make } from "../dom.js";
import { compactNumber } from "../words.js";
import { KEYS } from "./keys.js";
import { above } from "./level.js";
import { bytes } from "./summaries.js";
import { t } from "./words.js";

/** @typedef {import("./editor.js").Editor} Editor */

export function buildBar(/** @type {Editor} */ editor) {
  const button = (/** @type {string} */ text, /** @type {string} */ key, /** @type {() => unknown} */ act, more = "") =>
    make("button", { onclick: () => void editor.turns.run(act), title: key ? `${t(text)} (${key})` : t(text), class: more }, t(text));
  const crumbs = make("nav", { class: "crumbs", "aria-label": t("Where you are") });
  const undo = button("Undo", "Ctrl+Z", () => editor.changes.undo());
  const redo = button("Redo", "Ctrl+Shift+Z", () => editor.changes.redo());
  const values = button("Values", "V", () => editor.toggleValues());
  const code = button("Code", "K", () => editor.toggleCode());
  const problems = make("button", { class: "problems", onclick: () => editor.nextProblem() });
  const cost = make("span", { class: "facts muted" });
  const element = make(
    "div",
    { class: "bar", role: "toolbar", "aria-label": t("Draft") },
    undo,
    redo,
    button("Add", "Space", () => editor.changes.add({ at: [editor.stage.clientWidth / 2 - 200, 60] })),
    button("Arrange", "L", () => editor.changes.arrange()),
    button("Fit", "F", () => editor.fit()),
    values,
    code,
    make("button", { onclick: () => editor.toggleHelp(), title: t("Keys"), "aria-label": t("Keys") }, "?"),
    make("span", { class: "space" }),
    cost,
    problems,
    button("Train", "", () => editor.leaveFor("train")),
    button("Run", "Ctrl+Enter", () => editor.leaveFor("run"), "primary"),
  );
  const help = make(
    "div",
    { class: "help", hidden: true, role: "dialog", "aria-label": t("Keys") },
    make("h2", {}, t("Keys")),
    make("dl", {}, ...KEYS.flatMap(([key, what]) => [make("dt", {}, key), make("dd", {}, t(what))])),
  );
  const update = () => {
    const { draft } = editor;
    crumbs.replaceChildren(...crumbsOf(editor));
    for (const [one, words, name] of /** @type {[HTMLElement, string, string][]} */ ([
      [undo, draft.undo, "Undo"],
      [redo, draft.redo, "Redo"],
    ])) {
      one.setAttribute("aria-disabled", String(!words));
      one.title = words ? `${t(name)}: ${words}` : t("Nothing to {do}", { do: t(name).toLowerCase() });
    }
    values.setAttribute("aria-pressed", String(editor.withValues));
    code.setAttribute("aria-pressed", String(editor.form?.withCode ?? false));
    const count = draft.problems.length;
    problems.hidden = !draft.nodes.size; // that nothing is there yet is no problem to be told
    problems.textContent = count ? (count === 1 ? t("1 problem") : t("{n} problems", { n: count })) : t("No problems");
    problems.classList.toggle("bad", count > 0);
    const { parameters, flops, bytes: size } = draft.totals;
    cost.textContent = `${compactNumber(parameters)} ${t("parameters")}, ${compactNumber(flops)} FLOPs, ${bytes(size)}`;
    cost.title = t("Operations and activations of one example");
  };
  return { element, crumbs, help, update };
}

function crumbsOf(/** @type {Editor} */ editor) {
  const paths = /** @type {string[]} */ ([]);
  for (let path = editor.scope; path; path = above(path)) if (path in editor.draft.groups) paths.unshift(path);
  const all = ["", ...paths];
  return all.flatMap((path, i) => {
    const name = path ? path.slice(path.lastIndexOf(".") + 1) : editor.draft.model || t("Draft");
    const isLast = i === all.length - 1;
    const item = isLast
      ? make("strong", { "aria-current": "location" }, name)
      : make("button", { class: "plain link", onclick: () => editor.turns.run(() => editor.leave(path)) }, name);
    return i ? [make("span", { class: "muted" }, "›"), item] : [item];
  });
}
