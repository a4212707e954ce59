// A list of actions at a point: by the right mouse button, or by the menu key on the selected box.

import { make } from "./dom.js";

/** @typedef {{text: string, key?: string, act: () => void} | null} Entry null is a line between */

export class Menu {
  /** @param {HTMLElement} parent @param {() => void} closed */
  constructor(parent, closed) {
    this.parent = parent;
    this.closed = closed;
    this.element = make("div", { class: "menu", role: "menu", hidden: true });
    parent.append(this.element);
    this.element.addEventListener("keydown", (event) => this.key(event));
    this.element.addEventListener("focusout", (event) => {
      if (!(event.relatedTarget instanceof Node) || !this.element.contains(event.relatedTarget)) this.hide(false);
    });
  }

  /** Opens at a point of the page. */
  open(/** @type {number} */ x, /** @type {number} */ y, /** @type {string} */ title, /** @type {Entry[]} */ entries) {
    const rows = entries.map((entry) =>
      entry === null
        ? make("hr", {})
        : make(
            "button",
            {
              role: "menuitem",
              class: "plain",
              onclick: () => {
                this.hide();
                entry.act();
              },
            },
            entry.text,
            entry.key ? make("kbd", { "aria-hidden": "true" }, entry.key) : null,
          ),
    );
    this.element.setAttribute("aria-label", title);
    this.element.replaceChildren(...rows);
    this.element.hidden = false;
    const around = this.parent.getBoundingClientRect();
    const { offsetWidth, offsetHeight } = this.element;
    this.element.style.left = `${Math.max(4, Math.min(x - around.left, around.width - offsetWidth - 4))}px`;
    this.element.style.top = `${Math.max(4, Math.min(y - around.top, around.height - offsetHeight - 4))}px`;
    this.items()[0]?.focus();
  }

  items() {
    return /** @type {HTMLElement[]} */ ([...this.element.querySelectorAll("[role=menuitem]")]);
  }

  hide(giveFocus = true) {
    if (this.element.hidden) return;
    this.element.hidden = true;
    if (giveFocus) this.closed();
  }

  key(/** @type {KeyboardEvent} */ event) {
    const items = this.items();
    const root = /** @type {ShadowRoot | Document} */ (this.element.getRootNode());
    const at = items.findIndex((item) => item === root.activeElement);
    const go = (/** @type {number} */ to) => items[(to + items.length) % items.length]?.focus();
    event.stopPropagation();
    if (event.key === "ArrowDown") go(at + 1);
    else if (event.key === "ArrowUp") go(at - 1);
    else if (event.key === "Home") go(0);
    else if (event.key === "End") go(items.length - 1);
    else if (event.key === "Escape" || event.key === "Tab") this.hide();
    else return;
    event.preventDefault();
  }
}
