// The one ES module of the viewer, for every host: `mount` for pages, the default export for anywidget and Streamlit.

import { startPages } from "./page.js";
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
    setOpen: (/** @type {string} */ scope, /** @type {boolean} */ open) => viewer.setItemOpen(item(scope), open),
    /** Calls `listener` on "select" ({name, operation} or null) and "toggle" ({scope, open}); gives a function that stops it. */
    on: (/** @type {"select" | "toggle"} */ event, /** @type {(detail: any) => void} */ listener) =>
      viewer.on(event, listener),
    destroy: () => viewer.destroy(),
    /** Where a visible box is, in CSS pixels of the page; null if it is not visible. */
    rectOf: (/** @type {string} */ name) => rectOf(viewer, item(name)),
  };
}

function rectOf(/** @type {Viewer} */ viewer, /** @type {number} */ item) {
  const box = viewer.scene.ofItem.get(item);
  if (!box) return null;
  const { left, top } = viewer.canvas.getBoundingClientRect();
  const { x, y } = viewer.camera.toScreen(box.x, box.y);
  const { scale } = viewer.camera.view;
  return { x: left + x, y: top + y, width: box.width * scale, height: box.height * scale, open: box.open };
}

/** The contract of anywidget: draws `model.get("payload")` into `el`, again when it changes; gives the clean-up. */
function render(
  /** @type {{model: {get: (key: string) => any, on?: (event: string, fn: () => void) => void, off?: (event: string, fn: () => void) => void}, el: HTMLElement}} */ {
    model,
    el,
  },
) {
  let mounted = mount(el, model.get("payload"));
  const changed = () => {
    mounted.destroy();
    mounted = mount(el, model.get("payload"));
  };
  model.on?.("change:payload", changed);
  return () => {
    model.off?.("change:payload", changed);
    mounted.destroy();
  };
}

export default { render };

if (typeof document !== "undefined") startPages(document, mount);
