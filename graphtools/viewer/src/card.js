// The details of the selected box, at the right side.

import { make } from "./dom.js";
import { modulePath } from "./model.js";
import { compactNumber, place } from "./words.js";

/** @typedef {import("./model.js").Model} Model */
/** @typedef {import("./tree.js").Tree} Tree */
/** @typedef {import("./tree.js").Item} Item */

const MOST_LINKS = 12;

export class Card {
  /**
   * @param {HTMLElement} parent
   * @param {Model} model
   * @param {Tree} tree
   * @param {{select: (item: number) => void, toggle: (item: number) => void, close: () => void}} actions
   */
  constructor(parent, model, tree, actions) {
    this.model = model;
    this.tree = tree;
    this.actions = actions;
    this.element = make("aside", { class: "card", "aria-label": "Details", hidden: true });
    parent.append(this.element);
    this.users = model.nodes.map(() => /** @type {number[]} */ ([]));
    this.sources = model.nodes.map(() => /** @type {number[]} */ ([]));
    for (const { from, to } of model.edges) {
      if (!this.users[from].includes(to)) this.users[from].push(to);
      if (!this.sources[to].includes(from)) this.sources[to].push(from);
    }
  }

  /** Shows an item; -1 hides the card. */
  show(/** @type {number} */ item, /** @type {boolean} */ open) {
    this.element.hidden = item < 0;
    if (item < 0) return;
    const shown = this.tree.items[item];
    const close = make(
      "button",
      { class: "plain close", "aria-label": "Close details", title: "Close (Esc)", onclick: this.actions.close },
      "×",
    );
    const body = shown.node >= 0 ? this.operation(shown) : this.group(shown, open);
    this.element.replaceChildren(close, ...body);
  }

  operation(/** @type {Item} */ item) {
    const node = this.model.nodes[item.node];
    const module = item.whole ? this.model.modules.get(modulePath(item.scope)) : undefined;
    const failure = this.model.failure;
    const flags = [
      node.random && "draws random numbers",
      node.noGrad && "inside no_grad",
      node.writes.length && `writes ${node.writes.join(", ")} in place`,
    ];
    const states = module && module.states.length ? module.states : node.states;
    return [
      heading(node.name, module ? module.class : node.kind === "call" ? "" : node.kind),
      node.failed && failure
        ? make("div", { class: "failure" }, make("strong", {}, failure.type), ` ${failure.message}`)
        : null,
      facts([
        ["target", node.target],
        ["output", node.specs.join("\n")],
        ["bytes", node.bytes ? `${compactNumber(node.bytes)}B` : ""],
        ["device", node.device && node.device !== "cpu" ? node.device : ""],
        ["scope", node.scope],
        ["settings", module?.settings ?? ""],
        ["parameters", states.join("\n")],
        ["arguments", node.args],
        ["source", node.file ? place(node) + (node.function ? ` in ${node.function}` : "") : "", node.file],
        ["notes", flags.filter(Boolean).join("\n")],
      ]),
      this.links("From", this.sources[item.node]),
      this.links("Used by", this.users[item.node]),
    ].filter((part) => part !== null);
  }

  group(/** @type {Item} */ item, /** @type {boolean} */ open) {
    const module = this.model.modules.get(modulePath(item.scope));
    const path = modulePath(item.scope);
    let parameters = 0;
    if (module && !item.label) {
      for (const other of this.model.modules.values()) {
        if (path === "" || other.path === path || other.path.startsWith(path + ".")) parameters += other.parameters;
      }
    }
    const toggle = make("button", { onclick: () => this.actions.toggle(item.index) }, open ? "Close" : "Open");
    return [
      heading(item.label || item.scope, item.label ? `in ${item.scope || "the model"}` : (module?.class ?? "")),
      facts([
        ["operations", compactNumber(item.operations)],
        ["parameters", parameters ? compactNumber(parameters) : ""],
        ["class", item.label ? "" : (module?.type ?? "")],
        ["settings", item.label ? "" : (module?.settings ?? "")],
        ["alike", item.alike > 1 ? `one of ${item.alike} that do the same` : ""],
      ]),
      make("p", {}, toggle),
    ];
  }

  links(/** @type {string} */ title, /** @type {number[]} */ nodes) {
    if (!nodes.length) return null;
    const list = make("ul", {});
    for (const node of nodes.slice(0, MOST_LINKS)) {
      const { name, shape } = this.model.nodes[node];
      const button = make(
        "button",
        { class: "plain link", onclick: () => this.actions.select(this.tree.ofNode[node]) },
        name,
      );
      list.append(make("li", {}, button, make("span", { class: "muted" }, shape ? ` ${shape}` : "")));
    }
    if (nodes.length > MOST_LINKS) list.append(make("li", { class: "muted" }, `and ${nodes.length - MOST_LINKS} more`));
    return make("section", {}, make("h3", {}, title), list);
  }
}

function heading(/** @type {string} */ name, /** @type {string} */ kind) {
  return make("h2", {}, name, make("span", { class: "muted" }, kind ? ` ${kind}` : ""));
}

/** A table of facts; those without a value are left out. The third entry of a row is its tooltip. */
function facts(/** @type {string[][]} */ rows) {
  const list = make("dl", {});
  for (const [name, value, title] of rows) {
    if (!value) continue;
    list.append(make("dt", {}, name), make("dd", title ? { title } : {}, value));
  }
  return list;
}
