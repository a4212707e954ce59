// What the selected box gave and the gradient that came back to it: of several results and backward passes, the chosen.

import { t, word } from "../language.js";
import { make } from "../dom.js";
import { gradientAt, makesZeros } from "./numbers.js";
import { PictureView, histograms, numbersTable, plainWords, warnings } from "./tensor_view.js";

/** @typedef {import("./inspector.js").Inspector} Inspector */

const ATTENTION = /(softmax|matmul|scaled_dot_product_attention)$/;

export class Values {
  constructor(/** @type {Inspector} */ panel) {
    this.panel = panel;
    this.picture = new PictureView(panel.looks);
    this.output = 0; // which of several results
    this.pass = -1; // which of several backward passes; -1 for the last one that has begun
  }

  /** The gradient that has arrived at the shown output, as a key; null before. */
  gradientKey(/** @type {number} */ row) {
    const { arrived, coming } = gradientAt(
      this.panel.run?.grads.get(row) ?? [],
      this.output,
      this.panel.position,
      this.chosenPass(),
    );
    return { key: arrived < 0 ? null : `g.${row}.${this.output}.${arrived}`, coming };
  }

  /** The backward passes that have begun; more than one where losses are accumulated or steps repeated. */
  begunPasses() {
    return (this.panel.run?.stages ?? []).filter(
      (stage) => stage.kind === "backward" && stage.start <= this.panel.position,
    );
  }

  /** The backward pass that a person chose, if it has begun. */
  chosenPass() {
    return this.begunPasses()[this.pass] ?? null;
  }

  passChooser() {
    const passes = this.begunPasses();
    if (passes.length < 2) return null;
    const chosen = this.chosenPass() ? this.pass : -1;
    return make(
      "select",
      {
        "aria-label": t("Which backward pass"),
        onchange: (event) => {
          this.pass = Number(event.target.value);
          this.panel.refresh();
        },
      },
      make("option", { value: "-1", selected: chosen < 0 }, t("the latest gradient so far")),
      ...passes.map((pass, i) =>
        make(
          "option",
          { value: String(i), selected: i === chosen },
          `${t("backward pass {n}, from event {event}", { n: i + 1, event: pass.start + 1 })}${pass.name ? `: ${pass.name}` : ""}`,
        ),
      ),
    );
  }

  async outputParts(/** @type {number} */ row, /** @type {number} */ turn) {
    const { run, position } = this.panel;
    const ran = run?.forwardOf[row] ?? -1;
    if (run && ran > position) {
      const now = run.events[position];
      const isHere = now.row === row && now.phase === "forward";
      const words = isHere
        ? t("This event, {name}, keeps its books. What it gives is computed at event {event}.", { name: now.name, event: ran + 1 })
        : t("It has not run yet; it runs at event {event}.", { event: ran + 1 });
      const goes = make(
        "button",
        { onclick: () => this.panel.actions.goto(ran) },
        t("Go to event {event}", { event: ran + 1 }),
      );
      return [
        make("p", { class: "muted" }, words),
        goes,
      ];
    }
    const { key } = this.gradientKey(row);
    const [value, grad] = await Promise.all([
      this.panel.looks.tensor(`v.${row}.${this.output}`),
      key ? this.panel.looks.tensor(key) : null,
    ]);
    const choosers = [this.outputChooser(row), this.passChooser()];
    const plain = plainWords(value);
    if (plain) return [choosers[0], plain].filter((part) => part !== null);
    const columns = /** @type {[string, any][]} */ ([
      [word("output"), value],
      [word("gradient"), grad],
    ]);
    // The picture stands in the panel now: a late answer must not paint over that of another box.
    if (this.panel.isTurn(turn)) this.picture.show(value, this.panel.inner, this.panel.ink, t("output"), this.isAttention(row));
    const isMadeZero = makesZeros(this.panel.model.nodes[row].target);
    return [
      ...choosers,
      ...warnings(value, grad, isMadeZero),
      numbersTable(columns, isMadeZero),
      histograms(columns, this.panel.inner, this.panel.ink),
      this.picture.element,
    ].filter((part) => part !== null);
  }

  async gradientParts(/** @type {number} */ row, /** @type {number} */ turn) {
    const { key, coming } = this.gradientKey(row);
    const choosers = [this.outputChooser(row), this.passChooser()];
    if (!key) {
      const later =
        coming >= 0
          ? make(
              "button",
              { onclick: () => this.panel.actions.goto(coming) },
              t("Go to event {event}", { event: coming + 1 }),
            )
          : null;
      const words =
        coming >= 0
          ? t("No gradient yet: it arrives at event {event}.", { event: coming + 1 })
          : t("No gradient arrives here in this run.");
      const why = coming >= 0 ? null : make("button", { onclick: () => this.panel.chooseTab("why") }, t("Why?"));
      return [...choosers, make("p", { class: "muted" }, words), later, why].filter((part) => part !== null);
    }
    const grad = await this.panel.looks.tensor(key);
    const plain = plainWords(grad);
    if (plain) return [...choosers, plain].filter((part) => part !== null);
    const value = await this.panel.looks.tensor(`v.${row}.${this.output}`);
    const columns = /** @type {[string, any][]} */ ([
      [word("output"), value],
      [word("gradient"), grad],
    ]);
    if (this.panel.isTurn(turn)) this.picture.show(grad, this.panel.inner, this.panel.ink, t("gradient"), this.isAttention(row)); // as in outputParts
    return [
      ...choosers,
      ...warnings(null, grad),
      numbersTable(columns),
      histograms([[word("gradient"), grad]], this.panel.inner, this.panel.ink),
      this.picture.element,
    ].filter((part) => part !== null);
  }

  /** Whether the second of four sizes are the heads of attention: no picture goes through these operations. */
  isAttention(/** @type {number} */ row) {
    return ATTENTION.test(this.panel.model.nodes[row].target);
  }

  outputChooser(/** @type {number} */ row) {
    const { specs } = this.panel.model.nodes[row];
    if (specs.length < 2) return null;
    return make(
      "select",
      {
        "aria-label": t("Which of its results"),
        onchange: (event) => {
          this.output = Number(event.target.value);
          this.panel.refresh();
        },
      },
      ...specs.map((spec, i) =>
        make("option", { value: String(i), selected: i === this.output }, t("result {i}: {spec}", { i, spec })),
      ),
    );
  }
}
