// The panel at the right: the form of the selected operation with its value, or what there is to say of the whole.

import { make } from "../dom.js";
import { Looks } from "../panel/looks.js";
import { PictureView, histograms, numbersTable } from "../panel/tensor_view.js";
import { parameterField, textField } from "./fields.js";
import { factsOf, groupSummary, overview, refusalOf, severalSummary } from "./summaries.js";
import { t } from "./words.js";

/** @typedef {import("./editor.js").Editor} Editor */
/** @typedef {import("./draft.js").DraftNode} DraftNode */
/** @typedef {import("./draft.js").Problem} Problem */

const PICTURE_WIDTH = 268;
const VALUE_MS = 250;
const FIELD_MS = 10_000; // for which keys wait for a field to be there
const INK = { value: "#2f72c4", gradient: "#b0309a", axis: "#94a2b6", text: "#5d6b80" };

export class Form {
  /** @param {HTMLElement} parent @param {Editor} editor */
  constructor(parent, editor) {
    this.editor = editor;
    this.draft = editor.draft;
    this.element = make("aside", { class: "inspector form", "aria-label": t("Properties") });
    parent.append(this.element);
    this.name = "";
    this.withCode = false;
    this.shown = ""; // the box whose fields are on the page
    this.wanted = false; // its first field is to have the focus once it is
    this.given = /** @type {() => void} */ (() => undefined); // is told that it has, or never will
    this.turn = 0;
    this.drawn = "";
  }

  /** Shows what is selected, or where that is nothing the whole. Fields that somebody types in stay as they are. */
  async show() {
    const turn = ++this.turn;
    const boxes = this.editor.boxes().filter(({ kind }) => kind !== "outside");
    const [box] = boxes;
    this.name = boxes.length === 1 ? box.key : "";
    if (this.withCode) return this.showCode(turn);
    const node = boxes.length === 1 && box.kind === "node" ? this.draft.nodes.get(box.key) : undefined;
    if (!node) {
      const drawn = JSON.stringify([boxes, this.draft.number, this.draft.problems, this.draft.totals]);
      if (drawn === this.drawn) return;
      this.drawn = drawn;
      const focused = this.focused()?.getAttribute("data-field");
      this.shown = this.name;
      const parts = boxes.length > 1 ? severalSummary(this.editor, boxes) : box ? groupSummary(this.editor, box) : null;
      this.element.replaceChildren(...(parts ?? overview(this.editor)));
      if (focused && box) void this.focusField(focused);
      this.wanted = false;
      return this.given();
    }
    const form = await this.draft.ask("form", { node: node.name });
    if (turn !== this.turn) return;
    const problems = this.draft.problems.filter((problem) => problem.node === node.name);
    const drawn = JSON.stringify([form, problems, node]);
    if (drawn !== this.drawn) {
      this.drawn = drawn;
      this.draw(node, form, problems);
    }
    void this.showValue(node, turn);
  }

  draw(/** @type {DraftNode} */ node, /** @type {any} */ form, /** @type {Problem[]} */ problems) {
    const focused = this.focused()?.getAttribute("data-field");
    const typed = this.shown === node.name ? this.unsent() : null;
    const leave = () => this.editor.focus();
    const fields = form.parameters.map((/** @type {any} */ parameter) =>
      parameterField(parameter, (value) => this.send(node, { [parameter.name]: value }), leave),
    );
    if (node.kind === "input") fields.push(this.typeField(node, form.spec));
    this.value = make("div", { class: "value-of" });
    this.element.replaceChildren(
      make(
        "header",
        {},
        make("h2", {}, node.name, " ", make("span", { class: "muted" }, node.kind === "call" ? node.title : node.kind)),
        form.summary ? make("p", { class: "muted small" }, form.summary) : "",
      ),
      make(
        "div",
        { class: "panel-body", tabindex: "-1" },
        ...problems.map((problem) => this.problem(problem)),
        ...(node.kind === "call" || node.kind === "input" ? [this.nameField(node)] : []),
        ...fields,
        factsOf(this.facts(node, form)),
        make("h3", {}, t("Value on a sample")),
        this.value,
        form.documentation
          ? make(
              "details",
              { class: "docs" },
              make("summary", {}, t("Documentation")),
              make("pre", { class: "value" }, `${form.signature}\n\n${form.documentation}`),
            )
          : "",
      ),
    );
    this.shown = node.name;
    if (focused || this.wanted) void this.focusField(this.wanted ? "" : (focused ?? ""));
    const field = this.focused();
    if (typed && field instanceof HTMLInputElement && field.getAttribute("data-field") === focused) {
      field.value = typed.text;
      field.setSelectionRange(...typed.selection);
    }
  }

  /** What is typed in the field with the focus and not sent yet: it outlasts fields that are drawn anew. */
  unsent() {
    const field = this.focused();
    if (!(field instanceof HTMLInputElement) || field.type !== "text" || field.value === field.defaultValue) return null;
    const selection = /** @type {[number, number]} */ ([field.selectionStart, field.selectionEnd]);
    return { text: field.value, selection };
  }

  /** What has the focus in the panel. */
  focused() {
    const active = /** @type {ShadowRoot} */ (this.element.getRootNode()).activeElement;
    return active && this.element.contains(active) ? active : null;
  }

  /**
   * Gives the focus to a field, or the first; once they are there.
   * @returns {Promise<void>} when it has it
   */
  focusField(/** @type {string} */ name = "") {
    this.wanted = this.shown !== this.name && !this.withCode;
    if (this.wanted) {
      return new Promise((given) => {
        this.given = given;
        setTimeout(given, FIELD_MS);
      });
    }
    this.given();
    const wanted = name ? `[data-field="${CSS.escape(name)}"]` : "[data-field]:not([data-field='name'])";
    const found = this.element.querySelector(wanted) ?? this.element.querySelector("[data-field]");
    if (found instanceof HTMLElement) found.focus();
    if (found instanceof HTMLInputElement && found.type === "text") found.select();
    return Promise.resolve();
  }

  /** Does what a key does in the field with the focus that was pressed before the field was there. */
  typed(/** @type {KeyboardEvent} */ { key, ctrlKey, metaKey }) {
    const field = this.focused();
    const fields = /** @type {HTMLElement[]} */ ([...this.element.querySelectorAll("[data-field]")]);
    if (key === "Tab") {
      const next = fields[fields.findIndex((other) => other === field) + 1];
      next?.focus();
      if (next instanceof HTMLInputElement && next.type === "text") next.select();
    } else if (key.length === 1 && !ctrlKey && !metaKey && field instanceof HTMLInputElement && field.type === "text") {
      field.setRangeText(key, field.selectionStart ?? 0, field.selectionEnd ?? 0, "end");
      field.dispatchEvent(new Event("input"));
    } else field?.dispatchEvent(new KeyboardEvent("keydown", { key, ctrlKey, metaKey }));
  }

  /** Sends values of a node's parameters; gives why they are refused, "" if they are not. */
  send(/** @type {DraftNode} */ node, /** @type {Record<string, any>} */ values) {
    return refusalOf(this.editor, (refused) => this.draft.run({ do: "set", node: node.name, values }, refused));
  }

  nameField(/** @type {DraftNode} */ node) {
    return textField({
      name: "name",
      label: t("name"),
      value: node.name,
      send: (name) => refusalOf(this.editor, (refused) => this.editor.changes.renameNode(node.name, name, refused)),
      leave: () => this.editor.focus(),
    });
  }

  typeField(/** @type {DraftNode} */ node, /** @type {string} */ spec) {
    return textField({
      name: "spec",
      label: t("type"),
      title: t("A word, as B, is a size that stays open"),
      value: spec,
      hint: "f32[B, 1, 28, 28]",
      send: (text) => this.send(node, { spec: text }),
      leave: () => this.editor.focus(),
    });
  }

  fix(/** @type {Problem} */ { node = "" }, /** @type {string} */ label) {
    this.editor.focus(); // the button goes with the problem
    void this.editor.changes.fix(node, label);
  }

  problem(/** @type {Problem} */ problem) {
    const fixes = problem.fixes.map((label, i) =>
      make("button", { onclick: () => this.fix(problem, label) }, problem.labels?.[i] ?? label),
    );
    return make(
      "div",
      { class: "warning bad-card" },
      make("p", {}, problem.message),
      fixes.length ? make("div", { class: "fixes" }, ...fixes) : null,
    );
  }

  /** @returns {[string, string][]} */
  facts(/** @type {DraftNode} */ node, /** @type {any} */ form) {
    return [
      ...node.out.map(([path, type]) => [path.length ? `${t("gives")} ${path.join(".")}` : t("gives"), type]),
      ...(node.parameters ? [[t("parameters"), node.parameters.toLocaleString("en")]] : []),
      ...(form.states ?? []),
      ...(form.origin ? [[t("weights"), t("kept, of {name}", { name: form.origin })]] : []),
      ...(node.mode ? [[t("mode"), t(node.mode)]] : []),
      ...(node.unused ? [[t("use"), t("none: it is not in the code")]] : []),
    ];
  }

  async showValue(/** @type {DraftNode} */ node, /** @type {number} */ turn) {
    const slot = this.value;
    if (!slot || node.kind === "output") return slot?.replaceChildren();
    // After the changes that come at once: a value of the whole model may take a second.
    await new Promise((later) => setTimeout(later, VALUE_MS));
    if (turn !== this.turn) return;
    let seen;
    try {
      seen = await this.draft.ask("value", { node: node.name });
    } catch (error) {
      seen = { lost: error instanceof Error ? error.message : String(error) };
    }
    if (turn !== this.turn) return;
    if (seen.lost || seen.text !== undefined) {
      return slot.replaceChildren(make("p", { class: "muted small" }, seen.lost ?? seen.text));
    }
    const looks = new Looks(
      /** @type {any} */ ({
        holdsAll: false,
        tensor: async () => seen,
        picture: (/** @type {string} */ key, /** @type {number[]} */ index) =>
          this.draft.ask("plane", { node: key, index }),
      }),
    );
    const picture = new PictureView(looks);
    slot.replaceChildren(
      ...[picture.element, numbersTable([["", seen]]), histograms([["", seen]], PICTURE_WIDTH, INK)].filter(
        (part) => part !== null,
      ),
    );
    picture.show(seen, PICTURE_WIDTH, INK, node.name);
  }

  /** The source that the draft comes out as; of an opened model also what changes in its own. */
  async showCode(/** @type {number} */ turn) {
    this.drawn = this.shown = "";
    const ask = (/** @type {string} */ op) =>
      this.draft.ask(op, {}).catch((error) => (error instanceof Error ? error.message : String(error)));
    const code = await ask("code");
    if (turn !== this.turn) return;
    const copy = (/** @type {string} */ text) =>
      make("button", { onclick: () => void navigator.clipboard?.writeText(text) }, t("Copy"));
    const patch = make("div", {});
    const open = async () => {
      const text = await ask("patch");
      patch.replaceChildren(copy(text), make("pre", { class: "value" }, text));
    };
    this.element.replaceChildren(
      make("header", {}, make("h2", {}, t("Code"))),
      make(
        "div",
        { class: "panel-body", tabindex: "0" },
        copy(code),
        make("pre", { class: "value code-of" }, code),
        make(
          "details",
          { ontoggle: () => void open() },
          make("summary", {}, t("Changes as a patch of the opened model")),
          patch,
        ),
      ),
    );
  }
}
