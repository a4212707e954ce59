// The buttons that walk through a run, and the chips that say how far each pass has come.

import { t, word } from "./language.js";
import { make } from "./dom.js";

/** @typedef {import("./run.js").Run} Run */
/** @typedef {import("./run.js").Phase} Phase */

/** @typedef {"backOver" | "over" | "into" | "back" | "out" | "backOut" | "resume" | "resumeBack" | "play"} Move */

const MOVES = /** @type {[Move, string, string, string][]} */ ([
  ["backOver", word("◀ Back"), "⇧F10", word("Step back over an operation or a module call")],
  ["over", word("Step ▶"), "F10", word("Step over the next operation or module call")],
  ["into", word("Into"), "F11", word("Step into the module: the next event, its groups opened")],
  ["out", word("Out"), "⇧F11", word("Run to the end of this module call")],
  ["resume", word("Run"), "F5", word("Run to the next breakpoint or the end")],
  ["play", word("Play"), word("Space"), word("Play the run from here")],
]);

const WORDS = { forward: word("Forward"), backward: word("Backward"), update: word("Update") };

/**
 * One pass of the run as a chip shows it; a loss stands between the forward and the backward pass.
 * @typedef {{start: number, stop: number, phase: Phase, loss: number | string | null}} Pass
 */

/** @returns {Pass[]} */
export function passesOf(/** @type {Run} */ run) {
  return run.segments.map((start, i) => {
    const stop = run.segments[i + 1] ?? run.events.length;
    const stage = run.stages.find((found) => found.kind === "backward" && found.start === start);
    return { start, stop, phase: run.events[start].phase, loss: stage?.value ?? null };
  });
}

const MOST_CHIPS = 6; // more passes than this are joined by phase

export class WalkBar {
  /** @param {Run} run @param {{move: (move: Move) => void, goto: (index: number) => void}} actions */
  constructor(run, actions) {
    this.run = run;
    this.position = 0;
    this.buttons = new Map(
      MOVES.map(([move, text, key, title]) => [
        move,
        /** @type {HTMLButtonElement} */ (
          make(
            "button",
            { title: `${t(title)} (${t(key)})`, onclick: () => actions.move(move), "data-move": move },
            t(text),
            make("kbd", {}, t(key)),
          )
        ),
      ]),
    );
    this.buttons.get("over")?.classList.add("primary");
    const passes = passesOf(run);
    this.chips = passes.length <= MOST_CHIPS ? passes : [];
    this.elements = this.chips.map((pass) =>
      make("button", {
        class: `chip ${pass.phase}`,
        title: t("Events {from} to {to}. Click to go to the first of them, again to go to the last.", {
          from: pass.start + 1,
          to: pass.stop,
        }),
        onclick: () => {
          const isInside = this.position >= pass.start && this.position < pass.stop - 1;
          actions.goto(isInside ? pass.stop - 1 : pass.start);
        },
      }),
    );
    this.losses = this.chips.map((pass) =>
      pass.loss === null
        ? null
        : make(
            "button",
            {
              class: typeof pass.loss === "string" ? "chip loss bad" : "chip loss",
              title: t("The loss. Click to go to where it was computed."),
              onclick: () => actions.goto(pass.start - 1),
            },
            t("Loss {value}", { value: typeof pass.loss === "string" ? pass.loss : Number(pass.loss.toPrecision(4)) }),
          ),
    );
    this.summary = make("span", { class: "muted" });
    const chips = this.elements.flatMap((element, i) => [this.losses[i], element]);
    this.element = make(
      "div",
      { class: "walk", role: "toolbar", "aria-label": t("Walk through the run") },
      ...this.buttons.values(),
      make("span", { class: "chips" }, ...chips.filter((chip) => chip !== null), this.summary),
    );
  }

  show(/** @type {number} */ position, /** @type {boolean} */ playing) {
    this.position = position;
    const last = this.run.events.length - 1;
    const off = (/** @type {Move} */ move, /** @type {boolean} */ disabled) => {
      const button = this.buttons.get(move);
      if (button) button.setAttribute("aria-disabled", String(disabled));
    };
    off("backOver", position === 0);
    for (const move of /** @type {Move[]} */ (["over", "into", "out", "resume"])) off(move, position === last);
    const play = this.buttons.get("play");
    if (play?.firstChild) play.firstChild.textContent = playing ? t("Pause") : t("Play");
    this.chips.forEach((pass, i) => {
      const count = pass.stop - pass.start;
      const begun = position >= pass.start;
      const inside = begun && position < pass.stop;
      this.elements[i].textContent =
        `${t(WORDS[pass.phase])} ${inside ? `${position - pass.start + 1} / ` : ""}${count}`;
      this.elements[i].classList.toggle("later", !begun);
      this.elements[i].setAttribute("aria-current", inside ? "true" : "false");
      this.losses[i]?.classList.toggle("later", position < pass.start - 1);
    });
    if (!this.chips.length) this.summary.textContent = this.words(position);
  }

  /** Of a run of many passes: where it stands, in words. */
  words(/** @type {number} */ position) {
    const event = this.run.events[position];
    const steps =
      this.run.events[this.run.events.length - 1].step + (this.run.events.at(-1)?.phase === "update" ? 0 : 1);
    const values = { phase: t(WORDS[event.phase]), n: event.step + 1, steps };
    return steps > 1 ? t("{phase} · step {n} of about {steps}", values) : t("{phase} · step {n}", values);
  }
}
