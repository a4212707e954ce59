// What a person keeps an eye on while stepping: expressions with their values as of the position, and the breakpoints.

import { nextOf } from "../breakpoints.js";
import { make } from "../dom.js";
import { t } from "../language.js";

/** @typedef {import("../watched.js").Watched} Watched */
/** @typedef {import("../breakpoints.js").Breakpoints} Breakpoints */
/**
 * @typedef {object} WatchActions
 * @property {(texts: string[], position: number) => Promise<Watched[]>} watch
 * @property {boolean} python expressions can be watched, and not only tensors by their names
 * @property {null | ((condition: string) => Promise<{events: number[], looked_at: number}>)} where null without Python
 * @property {(event: number) => void} goto
 * @property {(event: number) => string} describe
 * @property {(items: string) => string[]} names that begin so, for the list of suggestions
 * @property {() => void} changed other breakpoints are set
 * @property {() => void} keep there is something else to keep: other texts are watched, half a text is typed
 */

const PAUSE_MS = 120; // after the last step, Python is asked
const MOST_LISTED = 50; // breakpoints that are listed; there may be thousands of events

export class Watching {
  /**
   * @param {HTMLElement} parent
   * @param {Breakpoints} breakpoints
   * @param {number} length events of the run
   * @param {WatchActions} actions
   */
  constructor(parent, breakpoints, length, actions) {
    this.actions = actions;
    this.breakpoints = breakpoints;
    this.length = length;
    this.texts = /** @type {string[]} */ ([]);
    this.found = /** @type {Map<string, Watched>} */ (new Map());
    this.position = 0;
    this.turn = 0;
    this.waiting = 0;
    this.key = "";
    this.rows = make("ul", { class: "watched", "aria-label": t("Watched") });
    this.stops = make("ul", { class: "stops", "aria-label": t("Breakpoints") });
    this.said = make("p", { class: "muted small", role: "status", hidden: true });
    this.count = make("span", { class: "muted" });
    const { python, where } = actions;
    this.names = make("datalist", { id: "watch-names" });
    this.typed = this.form(t("Watch"), python ? "relu.mean()" : "relu, fc.weight.grad", (text) => this.add(text));
    this.typed.setAttribute("list", "watch-names");
    this.typed.addEventListener("input", () => this.suggest());
    this.condition = where ? this.form(t("Break where"), "grad.norm() > 10", (text) => this.breakWhere(text)) : null;
    this.element = /** @type {HTMLDetailsElement} */ (
      make(
        "details",
        { class: "watching" },
        make("summary", {}, make("strong", {}, t("Watch and breakpoints")), " ", this.count),
        make(
          "div",
          { class: "watching-body" },
          this.formOf(this.typed),
          this.names,
          this.rows,
          ...(this.condition ? [this.formOf(this.condition)] : []),
          this.said,
          this.stops,
          ...(python ? [] : [make("p", { class: "muted small" }, t("Expressions and conditions need Python."))]),
        ),
      )
    );
    this.element.addEventListener("toggle", () => {
      this.look();
      actions.keep();
    });
    parent.append(this.element);
    this.tellCount();
  }

  /** A field with its button. */
  form(
    /** @type {string} */ label,
    /** @type {string} */ example,
    /** @type {(text: string) => void | Promise<void>} */ act,
  ) {
    const input = /** @type {HTMLInputElement} */ (
      make("input", { type: "text", placeholder: example, spellcheck: "false", autocomplete: "off" })
    );
    input.setAttribute("aria-label", this.actions.python ? t("{what}, in Python", { what: label }) : label);
    const form = make("form", {}, input, make("button", { type: "submit" }, label));
    input.addEventListener("input", () => this.actions.keep());
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const text = input.value.trim();
      if (!text) return;
      input.value = "";
      void act(text);
    });
    return input;
  }

  formOf(/** @type {HTMLInputElement} */ input) {
    return /** @type {HTMLElement} */ (input.parentElement);
  }

  suggest() {
    const names = this.actions.names(this.typed.value.trim());
    this.names.replaceChildren(...names.map((name) => make("option", { value: name })));
  }

  // -- what is watched -------------------------------------------------------------------------------------------------

  add(/** @type {string} */ text) {
    this.element.open = true;
    if (!this.texts.includes(text)) this.texts.push(text);
    this.actions.keep();
    this.draw();
    this.look();
  }

  remove(/** @type {string} */ text) {
    this.texts = this.texts.filter((one) => one !== text);
    this.actions.keep();
    this.draw();
  }

  /** Asks for the values, a moment after the last step; nobody asks while it is closed. */
  look() {
    clearTimeout(this.waiting);
    const turn = ++this.turn;
    if (!this.element.open || !this.texts.length) return;
    this.waiting = setTimeout(async () => {
      let found;
      try {
        found = await this.actions.watch(this.texts, this.position);
      } catch (error) {
        const shown = error instanceof Error ? error.message : String(error);
        found = this.texts.map((text) => /** @type {Watched} */ ({ text, state: "wrong", shown }));
      }
      if (turn !== this.turn) return;
      this.found = new Map(found.map((one) => [one.text, one]));
      this.draw();
    }, PAUSE_MS);
  }

  draw() {
    this.rows.replaceChildren(
      ...this.texts.map((text) => {
        const found = this.found.get(text);
        const shown = found?.state === "later" ? t("not yet") : (found?.shown ?? "…");
        return make(
          "li",
          { class: found?.state ?? "asked" },
          make("code", {}, text),
          this.cross(t("Stop watching {text}", { text }), () => this.remove(text)),
          make("span", { class: "mono", title: found?.shown ?? "" }, shown),
        );
      }),
    );
    this.tellCount();
  }

  // -- breakpoints -----------------------------------------------------------------------------------------------------

  /** Sets a breakpoint at every event at which a condition holds, and says how many these are. */
  async breakWhere(/** @type {string} */ condition) {
    const { where, changed } = this.actions;
    if (!where) return;
    this.say(t("Looking where {condition} …", { condition }));
    try {
      const { events, looked_at: lookedAt } = await where(condition);
      this.breakpoints.hold(condition, events);
      const times = events.length
        ? events.length === 1
          ? t("1 event")
          : t("{n} events", { n: events.length.toLocaleString("en") })
        : t("nowhere");
      const part =
        lookedAt < this.length ? t(", of the first {n} looked at", { n: lookedAt.toLocaleString("en") }) : "";
      this.say(`${condition}: ${times}${part}`);
    } catch (error) {
      this.breakpoints.drop(condition);
      if (this.condition && !this.condition.value) this.condition.value = condition; // to be mended
      this.say(error instanceof Error ? error.message : String(error), true);
    }
    changed();
  }

  /** Finds again where the conditions hold, as of another run. */
  findAgain() {
    for (const condition of this.breakpoints.conditions.keys()) void this.breakWhere(condition);
  }

  say(/** @type {string} */ text, bad = false) {
    this.said.hidden = !text;
    this.said.className = bad ? "warning bad-card small" : "muted small";
    this.said.textContent = text;
    if (bad) this.said.scrollIntoView({ block: "nearest" });
  }

  /** Shows the position and the breakpoints. */
  show(/** @type {number} */ position) {
    const moved = position !== this.position;
    this.position = position;
    const { events, conditions } = this.breakpoints;
    const key = JSON.stringify([position, [...events], [...conditions].map(([text, held]) => [text, held.size])]);
    if (key !== this.key) {
      this.key = key;
      this.drawStops();
    }
    if (moved) this.look();
  }

  drawStops() {
    const { goto, describe, changed } = this.actions;
    const events = [...this.breakpoints.events].sort((a, b) => a - b);
    const row = (
      /** @type {boolean} */ here,
      /** @type {Node} */ what,
      /** @type {string} */ label,
      /** @type {() => void} */ drop,
    ) => make("li", { class: here ? "here" : "" }, what, this.cross(label, drop));
    const conditions = [...this.breakpoints.conditions].map(([text, held]) =>
      row(
        held.has(this.position),
        make(
          "button",
          {
            class: "plain link",
            type: "button",
            title: t("Go to the next event at which it holds"),
            onclick: () => held.size && goto(nextOf(held, this.position)),
          },
          make("code", {}, text),
          make("span", { class: "muted" }, ` ×${held.size.toLocaleString("en")}`),
        ),
        t("Remove the breakpoint {text}", { text }),
        () => {
          this.breakpoints.drop(text);
          this.say("");
          changed();
        },
      ),
    );
    const single = events.slice(0, MOST_LISTED).map((event) =>
      row(
        event === this.position,
        make(
          "button",
          { class: "plain link", type: "button", onclick: () => goto(event) },
          make("span", { class: "muted" }, `${event + 1} `),
          describe(event),
        ),
        t("Remove the breakpoint at {event}", { event: event + 1 }),
        () => {
          this.breakpoints.toggle(event);
          changed();
        },
      ),
    );
    const more = events.length - MOST_LISTED;
    this.stops.replaceChildren(
      ...conditions,
      ...single,
      ...(more > 0 ? [make("li", { class: "muted" }, t("and {n} more", { n: more }))] : []),
    );
    this.tellCount();
  }

  tellCount() {
    const stops = this.breakpoints.events.size + this.breakpoints.conditions.size;
    const parts = [
      this.texts.length ? t("{n} watched", { n: this.texts.length }) : "",
      stops ? t("{n} set", { n: stops }) : "",
    ];
    this.count.textContent = parts.filter(Boolean).join(", ");
  }

  cross(/** @type {string} */ label, /** @type {() => void} */ act) {
    return make(
      "button",
      { class: "plain cross", type: "button", "aria-label": label, title: label, onclick: act },
      "×",
    );
  }

  // -- over a reload ---------------------------------------------------------------------------------------------------

  kept() {
    const half = [this.typed.value, this.condition?.value ?? ""];
    return { texts: this.texts, open: this.element.open, half, ...this.breakpoints.kept() };
  }

  restore(/** @type {ReturnType<Watching["kept"]>} */ kept) {
    this.texts = [...kept.texts];
    this.breakpoints.restore(kept, this.length);
    this.element.open = kept.open;
    this.typed.value = kept.half[0];
    if (this.condition) this.condition.value = kept.half[1];
    this.draw();
    if (this.actions.where) this.findAgain();
  }

  /** Watches what another viewer watches; its breakpoints are events of another run. */
  follow(/** @type {ReturnType<Watching["kept"]>} */ { texts, open }) {
    if (open === this.element.open && String(texts) === String(this.texts)) return;
    this.texts = [...texts];
    this.element.open = open;
    this.draw();
    this.look();
  }

  destroy() {
    clearTimeout(this.waiting);
    this.turn++;
  }
}
