// The top of the panel: what is selected, where it stands in the code, and what failed.

import { t, word } from "../language.js";
import { make } from "../dom.js";
import { modulePath } from "../model.js";
import { editedWords } from "../edited.js";
import { isReplaced, lastWord, place, shortSettings } from "../words.js";

/** @typedef {import("./inspector.js").Inspector} Inspector */

const PHASES = { forward: word("forward"), backward: word("backward"), update: word("update") };

/**
 * @param {Inspector} panel
 * @param {import("../tree.js").Item} item
 */
export function showHeading(panel, item) {
  const { model, run, position, actions, heading, line } = panel;
  const node = item.node >= 0 ? model.nodes[item.node] : null;
  const result = run && !node ? model.nodes[panel.rowOf(item)] : null;
  const module = model.modules.get(modulePath(item.scope));
  const named = module && (item.node < 0 ? !item.label : item.whole && !isReplaced(node));
  const title = item.node < 0 ? item.label || item.scope || item.id : node?.name;
  const kind = named ? `${module.class} ${shortSettings(module.class, module.settings)}` : node ? kindOf(node) : "";
  const event = run?.events[position];
  const where = [];
  if (node && place(node)) where.push(place(node));
  if (event && run) where.push(t("event {n} of {all}", { n: position + 1, all: run.events.length }));
  const failure = node?.failed && model.failure ? model.failure : null;
  const close = run
    ? null
    : make(
        "button",
        { class: "plain close", "aria-label": t("Close details"), title: t("Close (Esc)"), onclick: actions.close },
        "×",
      );
  heading.replaceChildren(
    ...[
      close,
      make("h2", {}, title ?? "", " ", make("span", { class: "muted" }, kind.trim())),
      node && node.scope ? make("p", { class: "muted mono" }, node.scope) : null,
      where.length || event
        ? make(
            "p",
            { class: "muted mono" },
            where.join(" · "),
            event ? make("span", { class: `phase ${event.phase}` }, t(PHASES[event.phase])) : null,
          )
        : null,
      line ? make("p", { class: "edited" }, t("Line: {line}", { line })) : null,
      result ? make("p", { class: "muted" }, t("It gives what {name} in it gives.", { name: result.name })) : null,
      ...editedWords(node).map((text) => make("p", { class: "edited" }, text)),
      failure
        ? make(
            "div",
            { class: "failure" },
            make("strong", {}, failure.type),
            ` ${failure.message}`,
            failure.meaning ? make("p", {}, failure.meaning) : null,
          )
        : null,
    ].filter((part) => part !== null),
  );
}

const KINDS = { input: word("input"), output: word("output"), constant: word("constant") };

/** What an operation is, where its name does not say it already, as `add_1` does. */
function kindOf(/** @type {import("../model.js").GraphNode} */ node) {
  if (node.kind !== "call") return t(KINDS[/** @type {keyof typeof KINDS} */ (node.kind)] ?? node.kind);
  const word = lastWord(node.target);
  return node.name.startsWith(word) ? "" : word;
}
