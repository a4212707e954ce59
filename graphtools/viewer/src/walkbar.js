// The buttons that walk through a run, and the chips that say how far each pass has come.

import { make } from "./dom.js";

/** @typedef {import("./run.js").Run} Run */
/** @typedef {import("./run.js").Phase} Phase */

/** @typedef {"backOver" | "over" | "into" | "back" | "out" | "backOut" | "resume" | "resumeBack" | "play"} Move */

const MOVES = /** @type {[Move, string, string, string][]} */ ([
  ["backOver", "◀ Back", "⇧F10", "Step back over an operation or a module call"],
  ["over", "Step ▶", "F10", "Step over the next operation or module call"],
  ["into", "Into", "F11", "Step into the module: the next event, its groups opened"],
  ["out", "Out", "⇧F11", "Run to the end of this module call"],
  ["resume", "Run", "F5", "Run to the next breakpoint or the end"],
  ["play", "Play", "Space", "Play the run from here"],
]);

const WORDS = { forward: "Forward", backward: "Backward", update: "Update" };

/**
 * One pass of the run as a chip shows it; a loss stands between the forward and the backward pass.
 * @typedef {{start: number, stop: number, phase: Phase, loss: number | null}} Pass
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
    this.buttons = new Map(
      MOVES.map(([move, text, key, title]) => [
        move,
        /** @type {HTMLButtonElement} */ (
          make(
            "button",
            { title: `${title} (${key})`, onclick: () => actions.move(move), "data-move": move },
            text,
            make("kbd", {}, key),
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
        title: `Events ${pass.start + 1} to ${pass.stop}. Click to go to the end of this pass.`,
        onclick: () => actions.goto(pass.stop - 1),
      }),
    );
    this.losses = this.chips.map((pass) =>
      pass.loss === null
        ? null
        : make(
            "button",
            {
              class: "chip loss",
              title: "The loss. Click to go to where it was computed.",
              onclick: () => actions.goto(pass.start - 1),
            },
            `Loss ${Number(pass.loss.toPrecision(4))}`,
          ),
    );
    this.summary = make("span", { class: "muted" });
    const chips = this.elements.flatMap((element, i) => [this.losses[i], element]);
    this.element = make(
      "div",
      { class: "walk", role: "toolbar", "aria-label": "Walk through the run" },
      ...this.buttons.values(),
      make("span", { class: "chips" }, ...chips.filter((chip) => chip !== null), this.summary),
    );
  }

  show(/** @type {number} */ position, /** @type {boolean} */ playing) {
    const last = this.run.events.length - 1;
    const off = (/** @type {Move} */ move, /** @type {boolean} */ disabled) => {
      const button = this.buttons.get(move);
      if (button) button.setAttribute("aria-disabled", String(disabled));
    };
    off("backOver", position === 0);
    for (const move of /** @type {Move[]} */ (["over", "into", "out", "resume"])) off(move, position === last);
    const play = this.buttons.get("play");
    if (play?.firstChild) play.firstChild.textContent = playing ? "Pause" : "Play";
    this.chips.forEach((pass, i) => {
      const count = pass.stop - pass.start;
      const begun = position >= pass.start;
      const inside = begun && position < pass.stop;
      this.elements[i].textContent = `${WORDS[pass.phase]} ${inside ? `${position - pass.start + 1} / ` : ""}${count}`;
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
    return `${WORDS[event.phase]} · step ${event.step + 1}${steps > 1 ? ` of about ${steps}` : ""}`;
  }
}
