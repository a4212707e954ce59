// The panel at the right: the form of the selected operation with its value, or what there is to say of the whole.

import { make } from "../dom.js";
import { Looks } from "../panel/looks.js";
import { PictureView, histograms, numbersTable } from "../panel/tensor_view.js";
import { compactNumber } from "../words.js";
import { t } from "./words.js";

/** @typedef {import("./draft.js").DraftState} DraftState */
/** @typedef {import("./draft.js").DraftNode} DraftNode */
/** @typedef {import("./draft.js").Problem} Problem */

const PICTURE_WIDTH = 268;
const VALUE_MS = 250;
const INK = { value: "#2f72c4", gradient: "#b0309a", axis: "#94a2b6", text: "#5d6b80" };

/** A number of bytes for people. */
export function bytes(/** @type {number} */ count) {
  const units = ["B", "KiB", "MiB", "GiB"];
  let at = 0;
  for (; count >= 1024 && at < 3; at++) count /= 1024;
  return `${at ? count.toFixed(1) : count} ${units[at]}`;
}

export class Form {
  /**
   * @param {HTMLElement} parent
   * @param {DraftState} draft
   * @param {object} acts
   * @param {(name: string) => void} acts.select
   * @param {() => void} acts.leave gives the focus back to the picture
   */
  constructor(parent, draft, acts) {
    this.draft = draft;
    this.acts = acts;
    this.element = make("aside", { class: "inspector form", "aria-label": t("Properties") });
    parent.append(this.element);
    this.name = "";
    this.withCode = false;
    this.shown = ""; // the node whose fields are on the page
    this.wanted = false; // its first field is to have the focus once it is
    this.turn = 0;
    this.drawn = "";
  }

  /** Shows a node, or by "" the whole. Fields that somebody types in stay as they are. */
  async show(/** @type {string} */ name) {
    const turn = ++this.turn;
    const node = this.draft.nodes.get(name);
    this.name = name;
    if (this.withCode) return this.showCode(turn);
    if (!node) {
      this.drawn = this.shown = "";
      this.wanted = false;
      return this.element.replaceChildren(...this.overview());
    }
    const form = await this.draft.ask("form", { node: name });
    if (turn !== this.turn) return;
    const problems = this.draft.problems.filter((problem) => problem.node === name);
    const drawn = JSON.stringify([form, problems, node]);
    if (drawn !== this.drawn) {
      this.drawn = drawn;
      this.draw(node, form, problems);
    }
    void this.showValue(node, turn);
  }

  draw(/** @type {DraftNode} */ node, /** @type {any} */ form, /** @type {Problem[]} */ problems) {
    const active = /** @type {ShadowRoot} */ (this.element.getRootNode()).activeElement;
    const focused = active && this.element.contains(active) ? active.getAttribute("data-field") : null;
    const fields = form.parameters.map((/** @type {any} */ parameter) => this.field(node, parameter));
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
        this.facts(node, form),
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
    if (focused || this.wanted) this.focusField(this.wanted ? "" : (focused ?? ""));
  }

  /** Gives the focus to a field, or the first; once they are there. */
  focusField(/** @type {string} */ name = "") {
    this.wanted = this.shown !== this.name;
    if (this.wanted) return;
    const wanted = name ? `[data-field="${CSS.escape(name)}"]` : "[data-field]:not([data-field='name'])";
    const found = this.element.querySelector(wanted) ?? this.element.querySelector("[data-field]");
    if (found instanceof HTMLElement) found.focus();
    if (found instanceof HTMLInputElement && found.type === "text") found.select();
  }

  labelled(/** @type {string} */ label, /** @type {string} */ title, /** @type {HTMLElement} */ control) {
    control.addEventListener("keydown", (event) => {
      event.stopPropagation();
      if (event.key !== "Escape") return;
      event.preventDefault();
      this.acts.leave();
    });
    return make("label", { class: "field", title }, make("span", {}, label), control);
  }

  text(
    /** @type {string} */ field,
    /** @type {string} */ value,
    /** @type {string} */ hint,
    /** @type {(text: string) => void} */ changed,
  ) {
    const input = /** @type {HTMLInputElement} */ (
      make("input", { type: "text", placeholder: hint, spellcheck: "false", "data-field": field })
    );
    input.value = value;
    const send = () => {
      if (input.value.trim() === value) return;
      value = input.value.trim();
      changed(value);
    };
    input.addEventListener("change", send);
    input.addEventListener("keydown", (event) => {
      if (event.key === "Enter") send();
    });
    return input;
  }

  nameField(/** @type {DraftNode} */ node) {
    const input = this.text("name", node.name, "", async (name) => {
      const done = await this.draft.run({ do: "rename", node: node.name, name });
      if (done) this.acts.select(name);
    });
    return this.labelled(t("name"), "", input);
  }

  typeField(/** @type {DraftNode} */ node, /** @type {string} */ spec) {
    const input = this.text("spec", spec, "f32[B, 1, 28, 28]", (text) => {
      void this.draft.run({ do: "set", node: node.name, values: { spec: text } });
    });
    return this.labelled(t("type"), t("A word, as B, is a size that stays open"), input);
  }

  field(/** @type {DraftNode} */ node, /** @type {any} */ parameter) {
    const { name, control, choices, none, value, set } = parameter;
    const change = (/** @type {any} */ to) =>
      void this.draft.run({ do: "set", node: node.name, values: { [name]: to } });
    const hint = parameter.required ? t("needed") : parameter.default;
    const title = parameter.type;
    if (parameter.connected) return this.labelled(name, title, make("span", { class: "muted" }, t("connected")));
    if (control === "switch") {
      const box = /** @type {HTMLInputElement} */ (
        make("input", { type: "checkbox", "data-field": name, onchange: (event) => change(event.target.checked) })
      );
      box.checked = value === true;
      return this.labelled(name, title, box);
    }
    if (control === "choice") {
      const list = /** @type {HTMLSelectElement} */ (
        make(
          "select",
          {
            "data-field": name,
            onchange: (event) => change(event.target.value === "None" ? null : event.target.value),
          },
          ...[...(none ? ["None"] : []), ...choices].map((choice) => make("option", { value: choice }, choice)),
        )
      );
      list.value = value === null ? "None" : String(value);
      return this.labelled(name, title, list);
    }
    const shown = set ? pythonText(value, control) : "";
    const input = this.text(name, shown, hint, (text) => change(text === "" ? pythonOf(parameter) : text));
    input.inputMode = control === "integer" ? "numeric" : control === "number" ? "decimal" : "text";
    if (parameter.required && !set) input.classList.add("needed");
    return this.labelled(name, title, input);
  }

  problem(/** @type {Problem} */ problem) {
    const fixes = problem.fixes.map((label) =>
      make("button", { onclick: () => void this.draft.run({ do: "fix", node: problem.node, label }) }, label),
    );
    return make(
      "div",
      { class: "warning bad-card" },
      make("p", {}, problem.message),
      fixes.length ? make("div", { class: "fixes" }, ...fixes) : null,
    );
  }

  facts(/** @type {DraftNode} */ node, /** @type {any} */ form) {
    const rows = /** @type {[string, string][]} */ ([
      ...node.out.map(([path, type]) => [path.length ? `${t("gives")} ${path.join(".")}` : t("gives"), type]),
      ...(node.parameters ? [[t("parameters"), node.parameters.toLocaleString("en")]] : []),
      ...(form.states ?? []).map((/** @type {[string, string]} */ [name, type]) => [name, type]),
      ...(form.origin ? [[t("weights"), t("kept, of {name}", { name: form.origin })]] : []),
      ...(node.mode ? [[t("mode"), t(node.mode)]] : []),
    ]);
    return make(
      "dl",
      { class: "facts-of" },
      ...rows.flatMap(([name, text]) => [make("dt", {}, name), make("dd", { class: "mono" }, text)]),
    );
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

  overview() {
    const { totals, problems, notes, nodes } = this.draft;
    const rows = /** @type {[string, string][]} */ ([
      [t("operations"), String([...nodes.values()].filter(({ kind }) => kind === "call").length)],
      [t("parameters"), totals.parameters.toLocaleString("en")],
      ["FLOPs", `${compactNumber(totals.flops)} ${t("an example")}`],
      [t("activations"), `${bytes(totals.bytes)} ${t("an example")}`],
    ]);
    const list = problems.map((problem) =>
      make(
        "div",
        { class: "warning bad-card" },
        problem.node
          ? make(
              "button",
              { class: "plain link", onclick: () => this.acts.select(problem.node ?? "") },
              problem.message,
            )
          : make("p", {}, problem.message),
      ),
    );
    return [
      make("header", {}, make("h2", {}, this.draft.model)),
      make(
        "div",
        { class: "panel-body", tabindex: "-1" },
        make(
          "dl",
          { class: "facts-of" },
          ...rows.flatMap(([name, text]) => [make("dt", {}, name), make("dd", { class: "mono" }, text)]),
        ),
        problems.length ? make("h3", {}, t("Problems")) : make("p", { class: "muted" }, t("No problems: it runs.")),
        ...list,
        ...notes.map((note) => make("p", { class: "muted small" }, note)),
      ),
    ];
  }
}

/** A value of a parameter as it is written. */
function pythonText(/** @type {any} */ value, /** @type {string} */ control) {
  if (value === null) return "None";
  if (value === true || value === false) return value ? "True" : "False";
  return control === "value" && typeof value === "string" ? value : String(value);
}

/** What an emptied field stands for: the default. */
function pythonOf(/** @type {any} */ parameter) {
  return parameter.required ? "None" : parameter.default;
}
