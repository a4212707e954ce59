// Starts the viewer in a page that graphtools wrote: its data stands in a script element that is marked for it.

import { t } from "./language.js";
import { embeddedHost } from "./host.js";
import { keeper } from "./keeping.js";
import { mountPair } from "./pair.js";

/**
 * Mounts each payload marked with `data-graphtools` into the element whose id it names. In other pages nothing is marked.
 * @param {Document} document
 * @param {typeof import("./main.js").mount} mount
 */
export function startPages(document, mount) {
  for (const script of document.querySelectorAll('script[type="application/json"][data-graphtools]')) {
    const el = document.getElementById(script.getAttribute("data-graphtools") ?? "");
    if (!el) continue;
    try {
      const data = JSON.parse(script.textContent ?? "");
      const mounted = data.pairing ? pairOf(el, data) : one(el, data, mount);
      /** @type {any} */ (el).graphtools = mounted;
      el.dataset.ready = "true";
    } catch (error) {
      el.textContent = t("The graph could not be shown: {why}", {
        why: error instanceof Error ? error.message : String(error),
      });
      throw error;
    }
  }
}

function one(
  /** @type {HTMLElement} */ el,
  /** @type {any} */ { payload, run, held, options },
  /** @type {typeof import("./main.js").mount} */ mount,
) {
  if (!run) return mount(el, payload, options);
  const kept = keeper(`${location.pathname}\n${el.id}`);
  const mounted = mount(el, payload, { ...options, run, host: embeddedHost(held), kept: kept.load() });
  mounted.on("kept", kept.save);
  return mounted;
}

function pairOf(/** @type {HTMLElement} */ el, /** @type {any} */ { a, b, pairing, options }) {
  const side = (/** @type {any} */ given) => (given.run ? { ...given, host: embeddedHost(given.held) } : given);
  const mounted = mountPair(el, side(a), side(b), pairing, options);
  mounted.viewers[0]?.canvas.focus();
  return mounted;
}
