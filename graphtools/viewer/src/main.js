// The one ES module of the viewer, for every host: `mount` for pages, the default export for anywidget and Streamlit.

import { remoteHost } from "./host.js";
import { keeper } from "./keeping.js";
import { word } from "./language.js";
import { mountPair } from "./pair.js";
import { startPages } from "./page.js";
import { showDocument } from "./show.js";
import { Viewer } from "./viewer.js";

/** @typedef {import("./viewer.js").Options} Options */

/**
 * Shows a payload of graphtools.payload in `el`. Throws an Error with a plain sentence if it cannot be read.
 * @param {HTMLElement} el
 * @param {any} payload
 * @param {Options} [options]
 */
export function mount(el, payload, options = {}) {
  const viewer = new Viewer(el, payload, options);
  const item = (/** @type {string} */ name) => viewer.itemNamed(name);
  return {
    /** Selects a node by name, or a scope, and opens what is around it; null selects nothing. */
    select: (/** @type {string | null} */ name) =>
      name === null ? viewer.select(-1) : item(name) > 0 && viewer.reveal(item(name)),
    /** Opens or closes a scope. */
    setOpen: (/** @type {string} */ scope, /** @type {boolean} */ open) => viewer.folding.setOpen(item(scope), open),
    /** Calls `listener` on "select" ({name, operation} or null), "toggle" ({scope, open}), "position" ({position}),
     * "breakpoints" ({events}) and "kept" (what the option `kept` takes); gives a function that stops it. */
    on: (
      /** @type {"select" | "toggle" | "position" | "breakpoints" | "kept"} */ event,
      /** @type {(detail: any) => void} */ listener,
    ) => viewer.on(event, listener),
    /** Goes to an event of the run. */
    goto: (/** @type {number} */ index) => viewer.stepping?.goto(index),
    /** The index of the current event; -1 without a run. */
    position: () => viewer.stepping?.position ?? -1,
    /** The events that gave NaN or infinity, as far as they have been asked for (key N, or a color). */
    nonfinite: () => [...(viewer.stepping?.nonfinite ?? [])],
    /** Sets the events at which `Run` stops, besides those of conditions. */
    setBreakpoints: (/** @type {number[]} */ events) => {
      viewer.stepping?.setBreakpoints(events);
    },
    /** What a person watches, where the walk stops and what is half typed, for the same viewer after a reload. */
    kept: () => viewer.kept(),
    /** What is open and what is on the screen, for a viewer of another run of the same model. */
    arrangement: () => viewer.arrangement(),
    destroy: () => viewer.destroy(),
    /** Where a visible box is, in CSS pixels of the page; null if it is not visible. */
    rectOf: (/** @type {string} */ name) => rectOf(viewer, item(name)),
  };
}

/**
 * Shows a document of a host, one graph or run or two side by side, and asks the host about the tensors.
 * @param {HTMLElement} el
 * @param {any} document
 * @param {import("./show.js").ShowOptions} options
 */
export function show(el, document, options) {
  return showDocument(el, document, options, mount);
}

function rectOf(/** @type {Viewer} */ viewer, /** @type {number} */ item) {
  const box = viewer.scene.ofItem.get(item);
  if (!box) return null;
  const { left, top } = viewer.canvas.getBoundingClientRect();
  const { x, y } = viewer.camera.toScreen(box.x, box.y);
  const { scale } = viewer.camera.view;
  return { x: left + x, y: top + y, width: box.width * scale, height: box.height * scale, open: box.open };
}

/**
 * @typedef {object} WidgetModel What anywidget gives: the values that Python shares, and messages to it.
 * @property {(key: string) => any} get
 * @property {(key: string, value: any) => void} [set]
 * @property {() => void} [save_changes]
 * @property {(content: any) => void} [send]
 * @property {(event: string, listener: (...args: any[]) => void) => void} [on]
 * @property {(event: string, listener: (...args: any[]) => void) => void} [off]
 */

const SILENCE = word(
  "Python does not answer. Values come when it is no longer busy; if it is not running, run the cell again.",
);

/** The contract of anywidget: draws what the model holds into `el`, again when it changes; gives the clean-up. */
function render(/** @type {{model: WidgetModel, el: HTMLElement}} */ { model, el }) {
  const place = document.createElement("div");
  place.style.height = `${model.get("height") ?? 600}px`;
  // A notebook has single keys of its own: an `x` that the viewer does not know would cut the cell.
  place.addEventListener("keydown", (event) => {
    if (!event.ctrlKey && !event.metaKey && !event.altKey) event.stopPropagation();
  });
  el.append(place);
  // A notebook that was opened again has the picture that was saved with it, and no Python behind it.
  const remote = remoteHost((question) => model.send?.(question), { edit: true, silence: SILENCE });
  const answered = (/** @type {any} */ reply) => remote.answer(reply);
  /** @type {ReturnType<typeof mount>} */
  let mounted;
  const choose = (/** @type {number} */ number) => {
    model.set?.("branch", number); // Python answers with that recording
    model.save_changes?.();
  };
  const chooser = () => /** @type {HTMLElement | null} */ (place.shadowRoot?.querySelector(".branches select") ?? null);
  const start = (
    /** @type {import("./viewer.js").Arrangement | undefined} */ arrangement = undefined,
    /** @type {import("./viewer.js").Kept | undefined} */ kept = undefined,
  ) => {
    const run = model.get("run");
    const position = model.get("position") ?? 0;
    mounted = mount(place, model.get("payload"), {
      language: model.get("language"),
      arrangement,
      kept,
      branches: { names: model.get("branch_names") ?? [], shown: model.get("branch") ?? 0, choose },
      ...(run ? { run, host: remote.host, position } : {}),
    });
    mounted.on("position", ({ position: now }) => {
      model.set?.("position", now);
      model.save_changes?.();
    });
  };
  let waiting = 0;
  const changed = () => {
    // The graph and the run change one after the other: build the viewer once, when both are here.
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      const arrangement = mounted.arrangement();
      const kept = mounted.kept();
      const hadFocus = chooser()?.parentElement?.contains(place.shadowRoot?.activeElement ?? null);
      mounted.destroy();
      start(arrangement, kept);
      if (hadFocus) chooser()?.focus();
    }, 0);
  };
  const moved = () => {
    const wanted = model.get("position");
    if (mounted.position() >= 0 && mounted.position() !== wanted) mounted.goto(wanted);
  };
  start();
  model.on?.("msg:custom", answered);
  model.on?.("change:payload", changed);
  model.on?.("change:run", changed);
  model.on?.("change:branch_names", changed);
  model.on?.("change:position", moved);
  return () => {
    model.off?.("msg:custom", answered);
    model.off?.("change:payload", changed);
    model.off?.("change:run", changed);
    model.off?.("change:branch_names", changed);
    model.off?.("change:position", moved);
    clearTimeout(waiting);
    remote.stop();
    mounted.destroy();
  };
}

export { keeper, mountPair, remoteHost };
export default { render };

if (typeof document !== "undefined") startPages(document, mount);
