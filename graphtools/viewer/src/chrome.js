// What stands around the picture: the bar, the failure's banner, the list of keys, short notices.

import { make } from "./dom.js";
import { KEYS } from "./interact.js";
import { compactNumber } from "./words.js";
import css from "./viewer.css";

/**
 * @typedef {object} Chrome
 * @property {HTMLElement} root
 * @property {HTMLElement} stage holds the canvas and what floats above it
 * @property {HTMLCanvasElement} canvas
 * @property {HTMLElement} help
 * @property {(text: string) => void} tell shows a sentence for some seconds
 * @property {() => void} remove
 *
 * @typedef {object} Actions
 * @property {() => void} fit
 * @property {() => void} openAll
 * @property {() => void} closeAll
 * @property {() => void} find
 * @property {() => void} theme
 * @property {() => void} help
 * @property {(() => void) | null} showFailure null if no operation is known to have failed
 */

const NOTICE_MS = 6000;

/**
 * Builds it in the element's shadow root, so that neither the host's style nor this one reaches the other.
 * @param {HTMLElement} el
 * @param {import("./model.js").Model} model
 * @param {string} title
 * @param {Actions} actions
 * @returns {Chrome}
 */
export function buildChrome(el, model, title, actions) {
  const shadow = el.shadowRoot ?? el.attachShadow({ mode: "open" });
  const canvas = /** @type {HTMLCanvasElement} */ (
    make("canvas", {
      class: "graph",
      tabindex: "0",
      role: "img",
      "aria-label": `Graph of ${title}. Press ? for the keys.`,
    })
  );
  const keys = KEYS.flatMap(([name, what]) => [make("dt", {}, name), make("dd", {}, what)]);
  const help = make(
    "div",
    { class: "help", hidden: true, role: "dialog", "aria-label": "Keys" },
    make("h2", {}, "Keys"),
    make("dl", {}, ...keys),
  );
  const notice = make("p", { class: "notice", role: "status", hidden: true });
  const stage = make("div", { class: "stage" }, canvas, help, notice);
  const root = make("div", { class: "graphtools" }, bar(model, title, actions));
  if (model.failure) root.append(banner(model.failure, actions));
  root.append(stage);
  shadow.replaceChildren(make("style", {}, css), root);

  let timer = 0;
  return {
    root,
    stage,
    canvas,
    help,
    tell: (text) => {
      notice.textContent = text;
      notice.hidden = false;
      clearTimeout(timer);
      timer = setTimeout(() => (notice.hidden = true), NOTICE_MS);
    },
    remove: () => {
      clearTimeout(timer);
      shadow.replaceChildren();
    },
  };
}

function bar(
  /** @type {import("./model.js").Model} */ model,
  /** @type {string} */ title,
  /** @type {Actions} */ actions,
) {
  const { operations, parameters } = model.totals;
  const facts = [
    `${compactNumber(operations)} operations`,
    parameters ? `${compactNumber(parameters)} parameters` : "",
  ];
  const button = (/** @type {string} */ text, /** @type {string} */ key, /** @type {() => void} */ act) =>
    make("button", { onclick: act, title: `${text} (${key})` }, text, make("kbd", {}, key));
  return make(
    "header",
    { class: "bar" },
    make("strong", {}, title),
    make("span", { class: "muted facts" }, facts.filter(Boolean).join(" · ")),
    make("span", { class: "space" }),
    button("Fit", "F", actions.fit),
    button("Open all", "E", actions.openAll),
    button("Close all", "C", actions.closeAll),
    button("Find", "/", actions.find),
    button("Theme", "T", actions.theme),
    button("Keys", "?", actions.help),
  );
}

function banner(/** @type {any} */ failure, /** @type {Actions} */ actions) {
  const show = actions.showFailure ? make("button", { onclick: actions.showFailure }, "Show") : null;
  return make(
    "div",
    { class: "failure banner", role: "alert" },
    make("strong", {}, failure.type),
    ` ${failure.message.split("\n")[0]} `,
    show,
  );
}
