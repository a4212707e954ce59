// What a box is, without its values: target, arguments, settings, what it takes and who takes its result.

import { t } from "../language.js";
import { make } from "../dom.js";
import { modulePath } from "../model.js";
import { seconds } from "../overlay.js";
import { compactNumber, place } from "../words.js";

/** @typedef {import("../model.js").Model} Model */
/** @typedef {import("../tree.js").Item} Item */
/** @typedef {{select: (item: number) => void, toggle: (item: number) => void}} Actions */

const MOST_LINKS = 12;

export class Details {
  /** @param {Model} model @param {import("../tree.js").Tree} tree @param {Actions} actions */
  constructor(model, tree, actions) {
    this.model = model;
    this.tree = tree;
    this.actions = actions;
    this.users = model.nodes.map(() => /** @type {number[]} */ ([]));
    this.sources = model.nodes.map(() => /** @type {number[]} */ ([]));
    for (const { from, to } of model.edges) {
      if (!this.users[from].includes(to)) this.users[from].push(to);
      if (!this.sources[to].includes(from)) this.sources[to].push(from);
    }
  }

  /** @returns {HTMLElement[]} */
  operation(/** @type {Item} */ item) {
    const node = this.model.nodes[item.node];
    const module = item.whole ? this.model.modules.get(modulePath(item.scope)) : undefined;
    const flags = [
      node.frozen && t("frozen"),
      node.random && t("draws random numbers"),
      node.noGrad && t("inside no_grad"),
      node.writes.length && t("writes {names} in place", { names: node.writes.join(", ") }),
    ];
    const states = module && module.states.length ? module.states : node.states;
    return [
      facts([
        [t("target"), node.target],
        [t("output"), node.specs.join("\n")],
        [t("bytes"), node.bytes ? `${compactNumber(node.bytes)}B` : ""],
        [t("device"), node.device && node.device !== "cpu" ? node.device : ""],
        [t("scope"), node.scope],
        [t("settings"), module?.settings ?? ""],
        [t("parameters and buffers"), states.join("\n")],
        [t("arguments"), node.args],
        [
          t("source"),
          node.file ? place(node) + (node.function ? ` ${t("in {function}", { function: node.function })}` : "") : "",
          node.file,
        ],
        [t("notes"), flags.filter(Boolean).join("\n")],
      ]),
      this.links(t("From"), this.sources[item.node]),
      this.links(t("Used by"), this.users[item.node]),
    ].filter((part) => part !== null);
  }

  /** @returns {HTMLElement[]} */
  group(/** @type {Item} */ item, /** @type {boolean} */ open, /** @type {number | null} */ us) {
    const module = this.model.modules.get(modulePath(item.scope));
    const path = modulePath(item.scope);
    let parameters = 0;
    if (module && !item.label) {
      for (const other of this.model.modules.values()) {
        if (path === "" || other.path === path || other.path.startsWith(path + ".")) parameters += other.parameters;
      }
    }
    return [
      facts([
        [t("operations"), compactNumber(item.operations)],
        [t("parameters"), parameters ? compactNumber(parameters) : ""],
        [t("duration"), us === null ? "" : seconds(us)],
        [t("class"), item.label ? "" : (module?.type ?? "")],
        [t("settings"), item.label ? "" : (module?.settings ?? "")],
        [t("alike"), item.alike > 1 ? t("one of {n} that do the same", { n: item.alike }) : ""],
      ]),
      make("p", {}, make("button", { onclick: () => this.actions.toggle(item.index) }, open ? t("Close") : t("Open"))),
    ];
  }

  links(/** @type {string} */ title, /** @type {number[]} */ nodes) {
    if (!nodes.length) return null;
    const list = make("ul", {});
    for (const node of nodes.slice(0, MOST_LINKS)) {
      const { name, shape } = this.model.nodes[node];
      list.append(make("li", {}, this.link(node, name), make("span", { class: "muted" }, shape ? ` ${shape}` : "")));
    }
    if (nodes.length > MOST_LINKS)
      list.append(make("li", { class: "muted" }, t("and {n} more", { n: nodes.length - MOST_LINKS })));
    return make("section", {}, make("h3", {}, title), list);
  }

  /** A button that selects a node. */
  link(/** @type {number} */ node, /** @type {string} */ text) {
    return make("button", { class: "plain link", onclick: () => this.actions.select(this.tree.ofNode[node]) }, text);
  }
}

/** A table of facts; those without a value are left out. The third entry of a row is its tooltip. */
export function facts(/** @type {string[][]} */ rows) {
  const list = make("dl", { class: "facts-list" });
  for (const [name, value, title] of rows) {
    if (!value) continue;
    list.append(make("dt", {}, name), make("dd", title ? { title } : {}, value));
  }
  return list;
}
