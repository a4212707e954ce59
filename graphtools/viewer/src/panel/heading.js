// The top of the panel: what is selected, where it stands in the code, and what failed.

import { make } from "../dom.js";
import { modulePath } from "../model.js";
import { lastWord, place, shortSettings } from "../words.js";

/** @typedef {import("./inspector.js").Inspector} Inspector */

/**
 * @param {Inspector} panel
 * @param {import("../tree.js").Item} item
 */
export function showHeading({ model, run, position, actions, heading }, item) {
  const node = item.node >= 0 ? model.nodes[item.node] : null;
  const module = model.modules.get(modulePath(item.scope));
  const named = module && (item.node < 0 ? !item.label : item.whole);
  const title = item.node < 0 ? item.label || item.scope || item.id : node?.name;
  const kind = named ? `${module.class} ${shortSettings(module.class, module.settings)}` : node ? kindOf(node) : "";
  const event = run?.events[position];
  const where = [];
  if (node && place(node)) where.push(place(node));
  if (event && run) where.push(`event ${position + 1} of ${run.events.length}`);
  const failure = node?.failed && model.failure ? model.failure : null;
  const close = run
    ? null
    : make(
        "button",
        { class: "plain close", "aria-label": "Close details", title: "Close (Esc)", onclick: actions.close },
        "×",
      );
  heading.replaceChildren(
    ...[
      close,
      make("h2", {}, title ?? "", " ", make("span", { class: "muted" }, kind.trim())),
      where.length || event
        ? make(
            "p",
            { class: "muted mono" },
            where.join(" · "),
            event ? make("span", { class: `phase ${event.phase}` }, event.phase) : null,
          )
        : null,
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

/** What an operation is, where its name does not say it already, as `add_1` does. */
function kindOf(/** @type {import("../model.js").GraphNode} */ node) {
  if (node.kind !== "call") return node.kind;
  const word = lastWord(node.target);
  return node.name.startsWith(word) ? "" : word;
}
