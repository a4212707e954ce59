// What stands around the picture: the bar, the failure's banner, the list of keys, short notices.

import { branchBar } from "./branches.js";
import { t } from "./language.js";
import { make } from "./dom.js";
import { KEYS, RUN_KEYS } from "./interact.js";
import { DIFFERENCE, OVERLAYS, endsInWords, scaleOf } from "./overlay.js";
import { compactNumber } from "./words.js";
import inspectorCss from "./panel/inspector.css";
import css from "./viewer.css";

/**
 * @typedef {object} Chrome
 * @property {HTMLElement} root
 * @property {HTMLElement} body holds the stage, and beside it the inspector of a run
 * @property {HTMLElement} stage holds the canvas and what floats above it
 * @property {HTMLCanvasElement} canvas
 * @property {HTMLElement} help
 * @property {HTMLElement} legend of an overlay
 * @property {(text: string) => void} tell shows a sentence for some seconds; "" takes it away
 * @property {(text: string) => void} wait shows a sentence until it is called with ""
 * @property {(heat: import("./overlay.js").Heat | null, theme: import("./theme.js").Theme) => void} showLegend
 * @property {() => void} remove
 *
 * @typedef {object} Actions
 * @property {() => void} fit
 * @property {() => void} openAll
 * @property {() => void} closeAll
 * @property {() => void} find
 * @property {() => void} theme
 * @property {() => void} help
 * @property {(name: string) => void} overlay colors by that overlay; "" by kind
 * @property {(by: number) => void} pace plays slower or faster
 * @property {() => void} savePng
 * @property {() => void} saveSvg
 * @property {(x: number, y: number, title: string, entries: import("./menu.js").Entry[]) => void} menu
 * @property {"by value" | "by presence" | ""} compared with another graph: how far values differ, or only what it lacks
 * @property {boolean} isColored by that from the start
 * @property {import("./branches.js").Branches} [branches] of a run that was edited
 * @property {(() => void) | null} showFailure null if no operation is known to have failed
 */

const NOTICE_MS = 6000;

/**
 * Builds it in the element's shadow root, so that neither the host's style nor this one reaches the other.
 * @param {HTMLElement} el
 * @param {import("./model.js").Model} model
 * @param {string} title
 * @param {HTMLElement | undefined} walk the buttons that walk through a run
 * @param {Actions} actions
 * @returns {Chrome}
 */
export function buildChrome(el, model, title, walk, actions) {
  const shadow = el.shadowRoot ?? el.attachShadow({ mode: "open" });
  const canvas = /** @type {HTMLCanvasElement} */ (
    make("canvas", {
      class: "graph",
      tabindex: "0",
      role: "img",
      "aria-label": t("Graph of {title}. Press ? for the keys.", { title }),
    })
  );
  const own = walk ? KEYS.filter(([name]) => name !== "← →") : KEYS; // of a run these keys go by events
  const keys = [...(walk ? RUN_KEYS : []), ...own].flatMap(([name, what]) => [
    make("dt", {}, t(name)),
    make("dd", {}, t(what)),
  ]);
  const help = make(
    "div",
    { class: "help", hidden: true, role: "dialog", "aria-label": t("Keys") },
    make("h2", {}, t("Keys")),
    make("button", { class: "plain close", "aria-label": t("Close"), title: t("Close (Esc)"), onclick: actions.help }, "×"),
    make("dl", {}, ...keys),
  );
  const notice = make("p", { class: "notice", role: "status", hidden: true });
  const waiting = make("p", { class: "notice", role: "status", hidden: true });
  const legend = make("div", { class: "legend", hidden: true, role: "img" });
  const stage = make("div", { class: "stage" }, canvas, help, legend, notice, waiting);
  const body = make("div", { class: "body" }, stage);
  const root = make("div", { class: walk ? "graphtools with-run" : "graphtools" }, bar(model, title, walk, actions));
  const branches = branchBar(actions.branches);
  if (branches) root.prepend(branches);
  if (model.failure) root.append(banner(model.failure, actions));
  root.append(body);
  shadow.replaceChildren(make("style", {}, css + inspectorCss), root);

  let timer = 0;
  return {
    root,
    body,
    stage,
    canvas,
    help,
    legend,
    tell: (text) => {
      notice.textContent = text;
      notice.hidden = !text;
      clearTimeout(timer);
      timer = setTimeout(() => (notice.hidden = true), NOTICE_MS);
    },
    wait: (text) => {
      waiting.textContent = text;
      waiting.hidden = !text;
      stage.setAttribute("aria-busy", String(text !== ""));
    },
    showLegend: (heat, theme) => {
      legend.hidden = !heat;
      legend.classList.toggle("no-scale", actions.compared === "by presence" && heat?.overlay === DIFFERENCE);
      if (heat) drawLegend(legend, heat, theme);
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
  /** @type {HTMLElement | undefined} */ walk,
  /** @type {Actions} */ actions,
) {
  const { operations, parameters } = model.totals;
  const facts = [
    t("{n} operations", { n: compactNumber(operations) }),
    parameters ? t("{n} parameters", { n: compactNumber(parameters) }) : "",
  ];
  const button = (/** @type {string} */ text, /** @type {string} */ key, /** @type {() => void} */ act, where = "") =>
    make("button", { class: where, onclick: act, title: `${text} (${key})` }, text, make("kbd", {}, key));
  const save = [
    { text: t("Save picture as PNG"), act: actions.savePng },
    { text: t("Save picture as SVG"), act: actions.saveSvg },
  ];
  const view = [
    { text: t("Show everything"), key: "F", act: actions.fit },
    { text: t("Open all"), key: "E", act: actions.openAll },
    { text: t("Close all"), key: "C", act: actions.closeAll },
    { text: t("Light or dark"), key: "T", act: actions.theme },
    { text: t("Keys"), key: "?", act: actions.help },
    ...(walk
      ? [
          null,
          { text: t("Play slower"), key: "<", act: () => actions.pace(-1) },
          { text: t("Play faster"), key: ">", act: () => actions.pace(1) },
        ]
      : []),
    null,
    ...save,
  ];
  const menu = (/** @type {string} */ text, /** @type {import("./menu.js").Entry[]} */ entries, where = "") =>
    make(
      "button",
      {
        class: where,
        "aria-haspopup": "menu",
        onclick: (event) => {
          const { left, bottom } = event.currentTarget.getBoundingClientRect();
          actions.menu(left, bottom + 4, text, entries);
        },
      },
      `${text} ▾`,
    );
  const colors = OVERLAYS.filter((overlay) => walk || overlay.name === "memory").map((overlay) =>
    make("option", { value: overlay.name }, t(overlay.label)),
  );
  const color = make(
    "select",
    { "aria-label": t("Color the boxes by"), onchange: (event) => actions.overlay(event.target.value) },
    make("option", { value: "" }, t("Color: kind")),
    actions.compared
      ? make(
          "option",
          { value: DIFFERENCE.name, selected: actions.isColored },
          actions.compared === "by value" ? t("Difference") : t("Only here"),
        )
      : null,
    ...colors,
  );
  const name = [make("strong", { title }, title), make("span", { class: "muted facts" }, facts.filter(Boolean).join(" · "))];
  const space = make("span", { class: "space" });
  if (walk)
    return make(
      "header",
      { class: "bar" },
      name[0],
      walk,
      space,
      color,
      button(t("Find"), "/", actions.find),
      menu(t("View"), view),
    );
  return make(
    "header",
    { class: "bar" },
    ...name,
    space,
    color,
    button(t("Fit"), "F", actions.fit, "wide"),
    button(t("Open all"), "E", actions.openAll, "wide"),
    button(t("Close all"), "C", actions.closeAll, "wide"),
    button(t("Find"), "/", actions.find),
    button(t("Theme"), "T", actions.theme, "wide"),
    button(t("Keys"), "?", actions.help, "wide"),
    menu(t("Save"), save, "wide"),
    menu(t("View"), view, "narrow"),
  );
}

function swatch(/** @type {string} */ color) {
  const patch = make("span", { class: "swatch" });
  patch.style.background = color;
  return patch;
}

/** The scale of an overlay: its name, a strip of its colors, what its ends stand for. */
function drawLegend(
  /** @type {HTMLElement} */ legend,
  /** @type {import("./overlay.js").Heat} */ heat,
  /** @type {import("./theme.js").Theme} */ theme,
) {
  const { overlay } = heat;
  const [from, to] = endsInWords(heat);
  const label = t(overlay.label);
  legend.setAttribute("aria-label", to ? t("{label}, from {from} to {to}", { label, from, to }) : `${label}, ${from}`);
  const stops = scaleOf(heat, 8, theme.dark);
  const strip = make("div", { class: "legend-strip" });
  strip.style.background = `linear-gradient(to right, ${stops.join(", ")})`;
  legend.replaceChildren(
    make("strong", {}, t(overlay.label)),
    strip,
    make("div", { class: "legend-ends" }, make("span", {}, from), make("span", {}, to)),
    ...(overlay === DIFFERENCE ? [make("p", { class: "legend-alone" }, swatch(theme.alone), t("only here"))] : []),
  );
}

function banner(/** @type {any} */ failure, /** @type {Actions} */ actions) {
  const show = actions.showFailure ? make("button", { onclick: actions.showFailure }, t("Show")) : null;
  return make(
    "div",
    { class: "failure banner", role: "alert" },
    make("strong", {}, failure.type),
    ` ${failure.meaning || failure.message.split("\n")[0]} `,
    show,
  );
}
