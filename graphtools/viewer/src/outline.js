// The visible boxes as a tree for screen readers, the keyboard and tests: hidden from sight, never from focus.

import { t } from "./language.js";
import { make } from "./dom.js";

/** @typedef {import("./tree.js").Tree} Tree */

const AT_ONCE = 500; // rows; more are built after the next frame, which would wait for the browser to style them

export class Outline {
  /**
   * @param {HTMLElement} parent
   * @param {Tree} tree
   * @param {(item: number) => string[]} marks what its box is marked with, in words
   * @param {{select: (item: number) => void, setOpen: (item: number, open: boolean) => void}} actions
   */
  constructor(parent, tree, marks, actions) {
    this.tree = tree;
    this.marks = marks;
    this.actions = actions;
    this.element = make("ul", { class: "outline", role: "tree", "aria-label": t("Graph") });
    this.live = make("p", { class: "outline", role: "status", "aria-live": "polite" });
    /** @type {Map<number, HTMLElement>} */
    this.rows = new Map();
    /** @type {number[]} */
    this.order = [];
    this.selected = -1;
    this.waiting = 0;
    this.element.addEventListener("keydown", (event) => this.key(event));
    this.element.addEventListener("click", (event) => {
      const item = this.itemOf(event.target);
      if (item < 0) return;
      event.stopPropagation();
      actions.select(item);
    });
    this.element.addEventListener("dblclick", (event) => {
      const item = this.itemOf(event.target);
      if (item >= 0 && tree.items[item].node < 0)
        actions.setOpen(item, this.rows.get(item)?.getAttribute("aria-expanded") === "false");
    });
    this.element.addEventListener("focusin", (event) => {
      const item = this.itemOf(event.target);
      if (item >= 0 && item !== this.selected) actions.select(item);
    });
    parent.append(this.element, this.live);
  }

  itemOf(/** @type {EventTarget | null} */ target) {
    const row = target instanceof Element ? target.closest("[role=treeitem]") : null;
    return row ? Number(row.getAttribute("data-item")) : -1;
  }

  /** @param {import("./scene.js").Scene} scene @param {Set<number>} open */
  update(scene, open) {
    const count = ++this.waiting;
    const isMuch = this.rows.size > 0 && scene.boxes.filter(({ item }) => !this.rows.has(item)).length > AT_ONCE;
    if (!isMuch) return this.build(scene, open);
    requestAnimationFrame(() => setTimeout(() => count === this.waiting && this.build(scene, open)));
  }

  build(/** @type {import("./scene.js").Scene} */ scene, /** @type {Set<number>} */ open) {
    const hadFocus = this.element.contains(
      /** @type {ShadowRoot | Document} */ (this.element.getRootNode()).activeElement,
    );
    const before = this.rows;
    this.rows = new Map();
    this.order = [];
    this.fill(this.element, 0, 1, scene, open, before);
    this.mark(this.selected);
    if (hadFocus) this.rows.get(this.selected)?.focus();
  }

  /** Puts the rows of a group's children into its list. Rows that were there stay, or thousands would be built anew. */
  fill(
    /** @type {HTMLElement} */ list,
    /** @type {number} */ parent,
    /** @type {number} */ level,
    /** @type {import("./scene.js").Scene} */ scene,
    /** @type {Set<number>} */ open,
    /** @type {Map<number, HTMLElement>} */ before,
  ) {
    const rows = /** @type {HTMLElement[]} */ ([]);
    for (const child of this.tree.items[parent].children) {
      const box = scene.ofItem.get(child);
      if (!box) continue;
      const row = this.row(child, level, box, before.get(child));
      rows.push(row);
      this.rows.set(child, row);
      this.order.push(child);
      if (this.tree.items[child].node >= 0) continue;
      const expanded = String(open.has(child));
      if (row.getAttribute("aria-expanded") !== expanded) row.setAttribute("aria-expanded", expanded);
      const inner = /** @type {HTMLElement | null} */ (row.firstElementChild);
      if (open.has(child)) {
        const group = inner ?? make("ul", { role: "group" });
        if (!inner) row.append(group);
        this.fill(group, child, level + 1, scene, open, before);
      } else inner?.remove();
    }
    setChildren(list, rows);
  }

  /** The row of an item: the one it had, if that says the same. */
  row(
    /** @type {number} */ child,
    /** @type {number} */ level,
    /** @type {import("./scene.js").SceneBox} */ box,
    /** @type {HTMLElement | undefined} */ before,
  ) {
    const item = this.tree.items[child];
    const { title, detail, subtitle, mark } = box.words;
    const label = [title, detail, subtitle, mark, item.failed ? t("failed") : "", ...this.marks(child)]
      .filter(Boolean)
      .join(", ");
    if (before?.getAttribute("aria-label") === label) return before;
    return make(
      "li",
      {
        role: "treeitem",
        tabindex: "-1",
        "aria-level": String(level),
        "aria-label": label,
        "data-item": String(child),
        "data-id": item.id,
      },
      label,
    );
  }

  /** Marks the selected item; the one row that Tab reaches is that one, or the first. */
  mark(/** @type {number} */ item) {
    this.rows.get(this.selected)?.removeAttribute("aria-selected");
    for (const row of this.element.querySelectorAll('[tabindex="0"]')) row.setAttribute("tabindex", "-1");
    this.selected = item;
    this.rows.get(item)?.setAttribute("aria-selected", "true");
    (this.rows.get(item) ?? this.rows.get(this.order[0]))?.setAttribute("tabindex", "0");
  }

  say(/** @type {string} */ text) {
    this.live.textContent = text;
  }

  /** The keys of a tree view: up, down, right opens or enters, left closes or leaves, Home, End. */
  key(/** @type {KeyboardEvent} */ event) {
    const item = this.itemOf(event.target);
    if (item < 0 || event.ctrlKey || event.metaKey || event.altKey) return;
    const expanded = this.rows.get(item)?.getAttribute("aria-expanded");
    const at = this.order.indexOf(item);
    const go = (/** @type {number | undefined} */ next) => next !== undefined && this.rows.get(next)?.focus();
    if (event.key === "ArrowDown") go(this.order[at + 1]);
    else if (event.key === "ArrowUp") go(this.order[at - 1]);
    else if (event.key === "Home") go(this.order[0]);
    else if (event.key === "End") go(this.order.at(-1));
    else if (event.key === "ArrowRight")
      expanded === "false" ? this.actions.setOpen(item, true) : go(expanded ? this.order[at + 1] : undefined);
    else if (event.key === "ArrowLeft")
      expanded === "true" ? this.actions.setOpen(item, false) : go(this.tree.items[item].parent || undefined);
    else if (event.key === "Enter" || event.key === " ") expanded && this.actions.setOpen(item, expanded === "false");
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
}

/** Makes `rows` the children of a list. Those that are there are not moved: the browser would style all in them anew. */
function setChildren(/** @type {HTMLElement} */ list, /** @type {HTMLElement[]} */ rows) {
  const kept = new Set(/** @type {Element[]} */ (rows));
  for (const child of [...list.children]) if (!kept.has(child)) child.remove();
  let next = list.firstElementChild;
  for (const row of rows) {
    if (row === next) next = next.nextElementSibling;
    else list.insertBefore(row, next);
  }
}
