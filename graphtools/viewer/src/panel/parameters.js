// The parameters and buffers that an operation reads: value, .grad, update and optimizer state as of a position.

import { t, word } from "../language.js";
import { make } from "../dom.js";
import { lastAt } from "../run.js";
import { number, ratioWords } from "./numbers.js";
import { PictureView, histograms, numbersTable, plainWords } from "./tensor_view.js";

/** @typedef {import("../run.js").Run} Run */
/** @typedef {import("./looks.js").Looks} Looks */
/** @typedef {import("./tensor_view.js").Ink} Ink */

/** The keys of what a parameter is at a position. */
export function keysAt(/** @type {Run} */ run, /** @type {number} */ parameter, /** @type {number} */ position) {
  const updates = (run.updates.get(parameter) ?? []).filter((update) => update.event <= position);
  const update = updates.at(-1) ?? null;
  const accumulated = lastAt(run.accumulated.get(parameter) ?? [], position);
  return {
    update,
    value: update ? `u.${update.event}.after` : `p.${parameter}`,
    before: update ? `u.${update.event}.before` : null,
    grad: accumulated === undefined ? null : `a.${parameter}.${accumulated}`,
  };
}

/**
 * @param {Run} run
 * @param {Looks} looks
 * @param {number[]} parameters
 * @param {number} position
 * @param {number} opened the one that is open, -1 for the first
 * @param {Map<number, boolean>} byHand those that a person opened or closed, which stay so while the position changes
 * @param {number} width
 * @param {Ink} ink
 */
export async function parametersBody(run, looks, parameters, position, opened, byHand, width, ink) {
  if (!parameters.length) return [make("p", { class: "muted" }, t("It reads no parameter and no buffer."))];
  const shown = parameters.includes(opened) ? opened : parameters[0];
  return Promise.all(
    parameters.map(async (parameter) => {
      const { name, spec, trainable, buffer } = run.parameters[parameter];
      const kind = buffer ? t("buffer") : trainable ? "" : t("frozen");
      const isOpen = byHand.get(parameter) ?? parameter === shown;
      const body = make("div", {});
      const fill = async () => body.replaceChildren(...(await one(run, looks, parameter, position, width, ink)));
      const box = make(
        "details",
        {
          class: "parameter",
          open: isOpen,
          ontoggle: (event) => event.target.open && !body.childElementCount && void fill(),
        },
        make(
          "summary",
          { onclick: () => byHand.set(parameter, !(/** @type {HTMLDetailsElement} */ (box).open)) },
          make("strong", {}, name),
          make("span", { class: "muted mono" }, ` ${spec}`),
          kind ? make("span", { class: "tag" }, kind) : null,
        ),
        body,
      );
      if (isOpen) await fill();
      return box;
    }),
  );
}

async function one(
  /** @type {Run} */ run,
  /** @type {Looks} */ looks,
  /** @type {number} */ parameter,
  /** @type {number} */ position,
  /** @type {number} */ width,
  /** @type {Ink} */ ink,
) {
  const keys = keysAt(run, parameter, position);
  const [value, grad] = await Promise.all([looks.tensor(keys.value), keys.grad ? looks.tensor(keys.grad) : null]);
  const parts = /** @type {(HTMLElement | null)[]} */ ([]);
  const plain = plainWords(value);
  const columns = /** @type {[string, any][]} */ ([
    [word("value"), value],
    [word("gradient"), grad],
  ]);
  if (plain) parts.push(plain);
  else {
    parts.push(numbersTable(columns), histograms(columns, width - 4, ink));
    const picture = new PictureView(looks);
    picture.show(value, width - 4, ink, run.parameters[parameter].name);
    parts.push(picture.element);
  }
  if (keys.update) parts.push(await updateCard(looks, keys.update, value));
  else if (!grad && !run.parameters[parameter].buffer)
    parts.push(make("p", { class: "muted small" }, comingWords(run, parameter, position)));
  return parts.filter((part) => part !== null);
}

function comingWords(/** @type {Run} */ run, /** @type {number} */ parameter, /** @type {number} */ position) {
  const coming = (run.accumulated.get(parameter) ?? []).find((event) => event > position);
  if (coming !== undefined) return t("Its gradient arrives at event {event}.", { event: coming + 1 });
  return run.parameters[parameter].trainable
    ? t("No gradient arrives in this run.")
    : t("It is frozen: requires_grad is False.");
}

async function updateCard(
  /** @type {Looks} */ looks,
  /** @type {import("../run.js").Update} */ update,
  /** @type {any} */ after,
) {
  const before = await looks.tensor(`u.${update.event}.before`);
  const change = await looks.tensor(`u.${update.event}.change`);
  const ratio = ratioOf(before, change);
  const rows = [
    ...update.settings.map(([name, value]) => [name, value]),
    [t("norm before"), number(before?.norm)],
    [t("norm after"), number(after?.norm)],
    ...(ratio === null ? [] : [[t("‖update‖ : ‖weight‖"), `${number(ratio)}`]]),
  ];
  const states = await Promise.all(
    update.state.map(async (name) => [name, await looks.tensor(`u.${update.event}.state.${name}`)]),
  );
  for (const [name, entry] of states) {
    if (entry?.text !== undefined) rows.push([name, entry.text]);
    else if (entry && !entry.lost)
      rows.push([
        name,
        entry.elements === 1
          ? number(entry.mean)
          : t("mean {mean}, norm {norm}", { mean: number(entry.mean), norm: number(entry.norm) }),
      ]);
  }
  return make(
    "section",
    { class: "update-card" },
    make(
      "h3",
      {},
      t("Updated by {optimizer} at event {event}", { optimizer: update.optimizer, event: update.event + 1 }),
    ),
    make(
      "table",
      { class: "numbers" },
      ...rows.map(([name, value]) =>
        make("tr", {}, make("th", { scope: "row" }, String(name)), make("td", {}, String(value))),
      ),
    ),
    ratio === null ? null : make("p", { class: "muted small" }, ratioWords(ratio)),
  );
}

function ratioOf(/** @type {any} */ before, /** @type {any} */ change) {
  if (typeof before?.norm !== "number" || typeof change?.norm !== "number" || !before.norm) return null;
  return change.norm / before.norm;
}
