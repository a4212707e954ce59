// The panel beside the graph: what the selected box gave and got, as of the position, in tabs.

import { t, word } from "../language.js";
import { make } from "../dom.js";
import { Details } from "./details.js";
import { editBody } from "./edit.js";
import { Looks } from "./looks.js";
import { keepingFocus } from "./focus.js";
import { resultsOf } from "../results.js";
import { showHeading } from "./heading.js";
import { parametersBody } from "./parameters.js";
import { resizing } from "./resizing.js";
import { sourceBody } from "./source.js";
import { Values } from "./values.js";
import { whyBody } from "./why.js";

/** @typedef {import("../model.js").Model} Model */
/** @typedef {import("../tree.js").Tree} Tree */
/** @typedef {import("../run.js").Run} Run */
/** @typedef {import("../run.js").RunEvent} RunEvent */
/** @typedef {"output" | "gradient" | "parameters" | "why" | "source" | "edit" | "details"} Tab */

/**
 * @typedef {object} Actions
 * @property {(item: number) => void} select
 * @property {(item: number) => void} toggle
 * @property {(item: number) => boolean} isOpen
 * @property {(event: number) => void} goto
 * @property {null | ((edit: import("./edit.js").Edit) => Promise<void>)} edit
 * @property {() => void} close
 * @property {() => void} keep there is something else to keep over a reload
 */

const TITLES = /** @type {Record<Tab, string>} */ ({
  output: word("Output"),
  gradient: word("Gradient"),
  parameters: word("Parameters"),
  why: word("Why"),
  source: word("Source"),
  edit: word("Edit"),
  details: word("Details"),
});
const FIRST_TAB = /** @type {Record<string, Tab>} */ ({
  forward: "output",
  backward: "gradient",
  update: "parameters",
});
const WIDTH = { least: 280, usual: 390, most: 760 };
const SLOW_MS = 150; // an answer that takes longer leaves the old content dimmed
const SILENT_MS = 4000; // after which is said that none comes

/** The nodes in a group. */
function rowsIn(/** @type {Tree} */ { items }, /** @type {import("../tree.js").Item} */ item) {
  const found = /** @type {number[]} */ ([]);
  const stack = [...item.children];
  while (stack.length) {
    const { node, children } = items[/** @type {number} */ (stack.pop())];
    if (node >= 0) found.push(node);
    else stack.push(...children);
  }
  return found.sort((a, b) => a - b);
}

export class Inspector {
  /**
   * @param {HTMLElement} parent
   * @param {Model} model
   * @param {Tree} tree
   * @param {Run | null} run
   * @param {import("../host.js").Host | null} host
   * @param {Actions} actions
   */
  constructor(parent, model, tree, run, host, actions) {
    this.model = model;
    this.tree = tree;
    this.run = run;
    this.actions = actions;
    this.looks = new Looks(host);
    this.details = new Details(model, tree, actions);
    this.values = new Values(this);
    this.item = -2;
    this.width = WIDTH.usual;
    this.position = 0;
    this.byHand = /** @type {Map<number, boolean>} */ (new Map()); // parameters that a person opened or closed
    this.drafts = /** @type {import("./edit.js").Drafts} */ (new Map());
    this.alerts = new Set(); // what has been announced already
    this.results = /** @type {Int32Array | null} */ (null); // the row that stands for each item
    this.line = ""; // what a chosen line leads from and to, in words
    this.turn = 0;
    this.isSilent = false; // the host has been asked for long, and has not answered yet
    this.chosen = /** @type {Record<string, Tab>} */ ({});
    this.theme = /** @type {import("../theme.js").Theme | null} */ (null);
    this.heading = make("header", {});
    this.tabs = make("div", { class: "tabs", role: "tablist", "aria-label": t("What to show") });
    this.body = make("div", { class: "panel-body", role: "tabpanel", id: "panel", tabindex: "0" });
    this.grip = make("div", {
      class: "grip",
      role: "separator",
      "aria-orientation": "vertical",
      "aria-label": t("Width of the panel"),
      tabindex: "0",
    });
    this.element = make(
      "aside",
      { class: "inspector", "aria-label": t("Inspector") },
      this.grip,
      this.heading,
      this.tabs,
      this.body,
    );
    this.setWidth(this.width);
    this.tabs.addEventListener("keydown", (event) => this.tabKey(event));
    parent.append(this.element);
    this.unresize = resizing(
      this.grip,
      () => this.width,
      (width) => this.setWidth(width),
      () => this.refresh(),
    );
  }

  setWidth(/** @type {number} */ width) {
    this.width = Math.max(WIDTH.least, Math.min(WIDTH.most, width));
    this.element.style.width = `${this.width}px`;
    this.grip.setAttribute("aria-valuenow", String(this.width));
    this.grip.setAttribute("aria-valuemin", String(WIDTH.least));
    this.grip.setAttribute("aria-valuemax", String(WIDTH.most));
  }

  /** Width for pictures. */
  get inner() {
    return (this.element.clientWidth || this.width) - 34;
  }

  get ink() {
    const theme = this.theme;
    return {
      value: theme?.phase.forward ?? "#2f6fd6",
      gradient: theme?.gradient ?? "#b0309a",
      axis: theme?.frameBorder ?? "#c3d0e4",
      text: theme?.text ?? "#17202e",
    };
  }

  setTheme(/** @type {import("../theme.js").Theme} */ theme) {
    this.theme = theme;
    this.refresh();
  }

  /** Shows an item as it is seen at a position; -1 says that nothing is selected. */
  show(/** @type {number} */ item, /** @type {number} */ position) {
    if (item === this.item && position === this.position && this.run && !this.line) return;
    if (item !== this.item) this.values.output = 0;
    this.line = "";
    this.item = item;
    this.position = position;
    this.refresh();
  }

  /**
   * Shows the result of the selected box that stands at a path of what it gave, as an edge carries it.
   * @param {string} path
   * @param {string} line what the edge leads from and to, in words
   */
  showOutput(path, line) {
    this.line = line;
    const node = this.model.nodes[this.tree.items[this.item]?.node ?? -1];
    const place = node ? node.paths.indexOf(path) : -1;
    this.values.output = Math.max(0, place);
    this.chosen[this.phase] = this.phase === "backward" ? "gradient" : "output";
    this.refresh();
  }

  chooseTab(/** @type {string} */ name) {
    this.chosen[this.phase] = /** @type {Tab} */ (name);
    this.refresh();
    this.actions.keep();
  }

  /** The phase that chooses the first tab: of the current event if it stands at this box, else by what has happened. */
  get phase() {
    const event = this.run?.events[this.position];
    return event?.phase ?? "none";
  }

  /** The operation whose result is shown of an item: of a group the last one whose value leaves it; -1 for none. */
  rowOf(/** @type {import("../tree.js").Item} */ item) {
    this.results ??= resultsOf(this.model, this.tree);
    return this.results[item.index];
  }

  tabsOf(/** @type {import("../tree.js").Item} */ item) {
    if (!this.run || this.rowOf(item) < 0) return /** @type {Tab[]} */ (["details"]);
    if (item.node < 0) return /** @type {Tab[]} */ (["output", "gradient", "parameters", "why", "details"]);
    const isCall = this.model.nodes[item.node].kind === "call";
    const reads = this.run.parametersOf(item.node).length > 0;
    return /** @type {Tab[]} */ (
      [
        "output",
        "gradient",
        reads && "parameters",
        "why",
        isCall && "source",
        this.actions.edit && this.model.nodes[item.node].kind !== "output" && "edit",
        "details",
      ].filter(Boolean)
    );
  }

  refresh() {
    const item = this.tree.items[this.item];
    if (!item || this.item < 0) {
      if (this.item === -1) {
        this.heading.replaceChildren(make("p", { class: "muted" }, t("Select a box to see what it gave.")));
        this.tabs.replaceChildren();
        this.body.replaceChildren();
      }
      return;
    }
    const tabs = this.tabsOf(item);
    const wanted = this.chosen[this.phase] ?? FIRST_TAB[this.phase] ?? "output";
    const tab = tabs.includes(wanted) ? wanted : tabs[0];
    showHeading(this, item);
    this.showTabs(tabs, tab);
    void this.fill(tab, item);
  }

  showTabs(/** @type {Tab[]} */ tabs, /** @type {Tab} */ shown) {
    const root = /** @type {ShadowRoot | Document} */ (this.element.getRootNode());
    const hadFocus = root.activeElement !== null && this.tabs.contains(root.activeElement);
    const buttons = tabs.map((tab) =>
      make(
        "button",
        {
          role: "tab",
          class: "plain tab",
          id: `tab-${tab}`,
          "aria-selected": String(tab === shown),
          "aria-controls": "panel",
          tabindex: tab === shown ? "0" : "-1",
          onclick: () => this.chooseTab(tab),
        },
        t(TITLES[tab]),
      ),
    );
    this.tabs.replaceChildren(...(tabs.length > 1 ? buttons : []));
    this.tabs.hidden = tabs.length < 2;
    this.body.setAttribute("aria-label", t(TITLES[shown]));
    if (hadFocus) buttons[tabs.indexOf(shown)]?.focus();
  }

  tabKey(/** @type {KeyboardEvent} */ event) {
    const buttons = /** @type {HTMLElement[]} */ ([...this.tabs.children]);
    const at = buttons.findIndex((button) => button.getAttribute("aria-selected") === "true");
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: buttons.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    buttons[(to + buttons.length) % buttons.length]?.click();
  }

  /** Fills the panel; what is there stays, dimmed if it takes long, until the answers have come. */
  async fill(/** @type {Tab} */ tab, /** @type {import("../tree.js").Item} */ item) {
    const turn = ++this.turn;
    const slow = setTimeout(() => turn === this.turn && this.body.classList.add("waiting"), SLOW_MS);
    const { silence } = this.looks;
    const silent = setTimeout(() => {
      if (turn !== this.turn || !silence) return;
      this.isSilent = true;
      this.body.classList.remove("waiting");
      this.body.replaceChildren(make("p", { class: "warning", role: "status" }, t(silence)));
    }, this.isSilent ? SLOW_MS : SILENT_MS);
    let parts;
    try {
      parts = await this.parts(tab, item, turn);
      this.isSilent = false;
    } catch (error) {
      this.isSilent = false;
      parts = [
        make("p", { class: "warning bad-card", role: "alert" }, error instanceof Error ? error.message : String(error)),
      ];
    } finally {
      clearTimeout(slow);
      clearTimeout(silent);
    }
    if (turn !== this.turn) return;
    this.body.classList.remove("waiting");
    this.body.dataset.shows = `${tab} ${item.id} ${this.position}`;
    this.quiet(parts);
    keepingFocus(this.body, () => this.body.replaceChildren(...parts));
  }

  /** An alert that stood here before the step is not announced again. */
  quiet(/** @type {HTMLElement[]} */ parts) {
    const shown = new Set();
    for (const part of parts) {
      if (part.getAttribute("role") !== "alert") continue;
      const text = part.textContent ?? "";
      shown.add(text);
      if (this.alerts.has(text)) part.setAttribute("role", "note");
    }
    this.alerts = shown;
  }

  /** Whether nothing else is shown meanwhile. */
  isTurn(/** @type {number} */ turn) {
    return turn === this.turn;
  }

  /** @returns {Promise<HTMLElement[]>} */
  async parts(/** @type {Tab} */ tab, /** @type {import("../tree.js").Item} */ item, /** @type {number} */ turn) {
    const { run } = this;
    const row = this.rowOf(item);
    if (row < 0 || !run) return this.detailsOf(item);
    const event = run.events[this.position];
    if (tab === "output") return this.values.outputParts(row, turn);
    if (tab === "gradient") return this.values.gradientParts(row, turn);
    if (tab === "parameters") {
      const rows = item.node >= 0 ? [row] : rowsIn(this.tree, item);
      const parameters = [...new Set(rows.flatMap((one) => run.parametersOf(one)))];
      if (!parameters.length) return [make("p", { class: "muted" }, t("Nothing in it has parameters."))];
      const opened = rows.includes(event.row) ? event.parameter : -1;
      return parametersBody(
        run,
        this.looks,
        parameters,
        this.position,
        opened,
        this.byHand,
        this.inner,
        this.ink,
      );
    }
    if (tab === "why") {
      const pass = this.values.chosenPass();
      const at = pass ? Math.min(this.position, pass.stop - 1) : this.position;
      const found = await this.looks.explain(row, at);
      const rowOf = (/** @type {string} */ name) => this.model.nodes.findIndex((node) => node.name === name);
      const body = whyBody(found, (row, text) => this.details.link(row, text), rowOf);
      return [this.values.passChooser(), ...body].filter((part) => part !== null);
    }
    if (tab === "source") {
      const node = this.model.nodes[item.node];
      return sourceBody(run.source(node.file), node.file, node.line);
    }
    if (tab === "edit" && this.actions.edit) {
      const node = this.model.nodes[item.node];
      const names = run.parametersOf(item.node).map((parameter) => run.parameters[parameter].name);
      const at = {
        row: item.node,
        name: node.name,
        parameters: names,
        canGradient: run.grads.has(item.node),
        canOperation: node.kind === "call",
      };
      return editBody(at, (change) => this.edit(change), this.drafts, this.actions.keep);
    }
    return this.detailsOf(item);
  }

  /** Runs with a change. Of the branch that results, what followed is shown, and not the form again. */
  async edit(/** @type {import("./edit.js").Edit} */ change) {
    await this.actions.edit?.(change);
    for (const phase of Object.keys(this.chosen)) if (this.chosen[phase] === "edit") delete this.chosen[phase];
  }

  detailsOf(/** @type {import("../tree.js").Item} */ item) {
    if (item.node >= 0) return this.details.operation(item);
    let us = null;
    if (this.run) {
      us = 0;
      for (const event of this.run.events) {
        let at = event.row >= 0 && event.phase !== "update" ? this.tree.ofNode[event.row] : -1;
        while (at > item.index) at = this.tree.items[at].parent;
        if (at === item.index) us += event.us;
      }
    }
    return this.details.group(item, this.actions.isOpen(item.index), us);
  }

  /** What a person chose and typed, for after a reload. */
  kept() {
    return { chosen: this.chosen, drafts: [...this.drafts] };
  }

  restore(/** @type {ReturnType<Inspector["kept"]>} */ kept) {
    this.chosen = { ...kept.chosen };
    this.drafts = new Map(kept.drafts);
    this.refresh();
  }

  destroy() {
    this.turn++;
    this.unresize();
  }
}
