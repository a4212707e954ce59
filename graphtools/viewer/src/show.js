// Shows what a host sends, one run or two side by side, and asks the host about the tensors: one way for both.

import { remoteHost } from "./host.js";
import { mountPair } from "./pair.js";

/**
 * @typedef {object} Question What goes to Python. `side` is "a" or "b" where two are shown.
 * @property {number} id
 * @property {string} op
 * @property {any} args
 * @property {"a" | "b"} [side]
 *
 * @typedef {object} ShowOptions
 * @property {(question: Question) => void} send called again with the same question until it is answered
 * @property {boolean} [edit] values can be changed; only where one run is shown
 * @property {"light" | "dark" | "auto"} [theme]
 * @property {number} [position] event to stand at
 * @property {boolean} [expressions] Python can be typed; by default where values can be changed
 * @property {string} [language] of the viewer's own words: "en" or "ko"
 * @property {import("./viewer.js").Kept} [kept] what a viewer of the same thing reported as "kept"
 * @property {any} [arrangement] what `arrangement()` of a viewer of the same thing gave
 */

/**
 * @param {HTMLElement} el
 * @param {any} document of one graph or run `payload` and `run`, of two `a`, `b` and `pairing`
 * @param {ShowOptions} options
 * @param {typeof import("./main.js").mount} mount
 */
export function showDocument(el, document, options, mount) {
  const { send, edit = false, expressions = edit, theme, language, position, arrangement, kept } = options;
  if (!document.pairing) {
    const remote = remoteHost(send, { edit, expressions });
    const { payload, run } = document;
    const mounted = mount(el, payload, { theme, language, run, host: remote.host, position, arrangement, kept });
    return { ...mounted, answer: remote.answer, destroy: both(remote.stop, mounted.destroy) };
  }
  const remotes = /** @type {("a" | "b")[]} */ (["a", "b"]).map((side) =>
    remoteHost((question) => send({ ...question, side }), { expressions }),
  );
  const sides = [document.a, document.b].map((given, i) => (given.run ? { ...given, host: remotes[i].host } : given));
  const pair = mountPair(el, sides[0], sides[1], document.pairing, {
    theme,
    language,
    position,
    arrangements: arrangement,
    kept,
  });
  return {
    ...pair,
    arrangement: pair.arrangements,
    // A number belongs to one question, so only the side that asked it takes the reply.
    answer: (/** @type {any} */ reply) => remotes.forEach((remote) => remote.answer(reply)),
    destroy: both(() => remotes.forEach((remote) => remote.stop()), pair.destroy),
  };
}

function both(/** @type {() => void} */ first, /** @type {() => void} */ second) {
  return () => {
    first();
    second();
  };
}
