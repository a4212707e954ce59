// What a watched name stands for where no Python is behind the viewer: tensors by their names, as the page holds them.

import { t } from "./language.js";
import { keysAt } from "./panel/parameters.js";
import { gradientAt } from "./panel/numbers.js";

/**
 * @typedef {{text: string, state: "there" | "later" | "wrong", shown: string}} Watched As graphtools.watching tells it.
 *
 * @typedef {object} Known
 * @property {import("./model.js").Model} model
 * @property {import("./run.js").Run} run
 * @property {(key: string) => Promise<any>} look the numbers of a tensor
 */

/** @returns {Promise<Watched[]>} what each text stands for at a position: a node or a parameter, or its `.grad` */
export function watchedHere(/** @type {Known} */ known, /** @type {string[]} */ texts, /** @type {number} */ position) {
  return Promise.all(texts.map((text) => watchedOne(known, text, position)));
}

async function watchedOne(
  /** @type {Known} */ { model, run, look },
  /** @type {string} */ text,
  /** @type {number} */ position,
) {
  const ofGrad = text.endsWith(".grad");
  const name = ofGrad ? text.slice(0, -".grad".length) : text;
  const wrong = (/** @type {string} */ shown) => /** @type {Watched} */ ({ text, state: "wrong", shown });
  const later = (/** @type {string} */ shown) => /** @type {Watched} */ ({ text, state: "later", shown });
  const row = model.nodes.findIndex((node) => node.name === name);
  const parameter = run.parameters.findIndex((one) => one.name === name);
  let key = null;
  if (row >= 0 && ofGrad) {
    const { arrived, coming } = gradientAt(run.grads.get(row) ?? [], 0, position);
    if (arrived < 0 && coming < 0) return wrong(t("No gradient arrives here in this run."));
    if (arrived < 0) return later(t("No gradient yet: it arrives at event {event}.", { event: coming + 1 }));
    key = `g.${row}.0.${arrived}`;
  } else if (row >= 0) {
    const ran = run.forwardOf[row];
    if (ran > position) return later(t("It has not run yet; it runs at event {event}.", { event: ran + 1 }));
    key = `v.${row}.0`;
  } else if (parameter >= 0) {
    const keys = keysAt(run, parameter, position);
    key = ofGrad ? keys.grad : keys.value;
    if (!key && !run.accumulated.has(parameter)) return wrong(t("No gradient arrives here in this run."));
    if (!key) return later(t("No gradient has arrived."));
  } else return wrong(t("No operation and no parameter has this name; an expression needs Python."));
  const found = await look(key);
  if (!found || found.lost) return wrong(found?.lost ?? t("There is none."));
  return /** @type {Watched} */ ({ text, state: "there", shown: found.text ?? (found.line || found.spec) });
}
