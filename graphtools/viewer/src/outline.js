// The visible boxes as a tree for screen readers, the keyboard and tests: hidden from sight, never from focus.

import { t } from "./language.js";
import { afterFrame, make } from "./dom.js";

/** @typedef {import("./tree.js").Tree} Tree */

const AT_ONCE = 500; // rows; more are shown in parts
const PART_MS = 4;

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
    /** @type {Generator<void, void> | null} */
    this.work = null;
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

  /**
   * Shows the boxes of a scene. Many come in parts, a part after each frame: the frame would wait for all of them, and
   * for the browser to style them.
   * @param {import("./scene.js").Scene} scene
   * @param {Set<number>} open
   */
  update(scene, open) {
    const work = this.build(scene, open);
    this.work = work; // in place of what was under way: the rows that it has built are kept
    if (!this.rows.size || scene.boxes.length <= AT_ONCE) {
      this.finish();
      return;
    }
    this.element.setAttribute("aria-busy", "true");
    const part = () => {
      const end = performance.now() + PART_MS;
      while (this.work === work && performance.now() < end) for (let i = 0; i < 16; i++) if (work.next().done) return;
      if (this.work === work) afterFrame(part);
    };
    afterFrame(part);
  }

  /** Shows all rows now, as a person is about to walk them. */
  finish() {
    while (this.work && !this.work.next().done);
  }

  /** The work of showing a scene's boxes, in steps of a row. */
  *build(/** @type {import("./scene.js").Scene} */ scene, /** @type {Set<number>} */ open) {
    const root = /** @type {ShadowRoot | Document} */ (this.element.getRootNode());
    const order = /** @type {number[]} */ ([]);
    const wasIn = this.element.contains(root.activeElement);
    yield* this.fill(this.element, 0, 1, scene, open, order);
    for (const item of this.rows.keys()) if (!scene.ofItem.has(item)) this.rows.delete(item);
    this.order = order;
    this.work = null;
    this.element.removeAttribute("aria-busy");
    this.mark(this.selected);
    if (wasIn && document.activeElement === document.body) this.rows.get(this.selected)?.focus();
  }

  /**
   * Puts the rows of a group's children into its list, in steps of a row. Rows that are there stay and are not moved:
   * the browser would style all that they hold anew.
   * @param {HTMLElement} list
   * @param {number} parent
   * @param {number} level
   * @param {import("./scene.js").Scene} scene
   * @param {Set<number>} open
   * @param {number[]} order takes the items in the order of their rows
   * @returns {Generator<void, void>}
   */
  *fill(list, parent, level, scene, open, order) {
    for (const row of [...list.children]) if (!scene.ofItem.has(this.itemOf(row))) row.remove();
    let next = list.firstElementChild;
    for (const child of this.tree.items[parent].children) {
      const box = scene.ofItem.get(child);
      if (!box) continue;
      const row = this.row(child, level, box);
      order.push(child);
      if (row === next) next = next.nextElementSibling;
      else list.insertBefore(row, next);
      yield;
      if (this.tree.items[child].node >= 0) continue;
      const expanded = String(open.has(child));
      if (row.getAttribute("aria-expanded") !== expanded) row.setAttribute("aria-expanded", expanded);
      const inner = /** @type {HTMLElement | null} */ (row.firstElementChild);
      if (open.has(child)) {
        const group = inner ?? make("ul", { role: "group" });
        if (!inner) row.append(group);
        yield* this.fill(group, child, level + 1, scene, open, order);
      } else inner?.remove();
    }
  }

  /** The row of an item: the one it has, saying what its box says now. */
  row(
    /** @type {number} */ child,
    /** @type {number} */ level,
    /** @type {import("./scene.js").SceneBox} */ box,
  ) {
    const item = this.tree.items[child];
    const { title, detail, subtitle, mark } = box.words;
    const label = [title, detail, subtitle, mark, item.failed ? t("failed") : "", ...this.marks(child)]
      .filter(Boolean)
      .join(", ");
    const before = this.rows.get(child);
    if (before) {
      if (before.getAttribute("aria-label") !== label) before.setAttribute("aria-label", label);
      return before;
    }
    // Its name alone is read. Text in it would be placed by the browser, in thousands of rows, and never seen.
    const row = make("li", {
      role: "treeitem",
      tabindex: "-1",
      "aria-level": String(level),
      "aria-label": label,
      "data-item": String(child),
      "data-id": item.id,
    });
    this.rows.set(child, row);
    return row;
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
    this.finish();
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
