// What stands in each box, and how large that makes it. Texts are measured once for each box.

import { compactNumber, operationWords, relative, lastWord } from "./words.js";
import { modulePath } from "./model.js";

/** @typedef {import("./model.js").Model} Model */
/** @typedef {import("./tree.js").Tree} Tree */
/** @typedef {{title: string, detail: string, subtitle: string, mark: string}} Words */

const BOX_HEIGHT = 44;
const GROUP_HEIGHT = 50;
const LEAST_WIDTH = 164;
const MOST_WIDTH = 264;
const MOST_FIRST = 324; // of what an operation is, with its settings
const MOST_LANDING = 420;
const MOST_TITLE = 420;
const PICTURE_WIDTH = 36;
const STEP = 12; // widths in steps, so that columns of boxes look even

export class Boxes {
  /**
   * @param {Model} model
   * @param {Tree} tree
   * @param {import("./measure.js").Measure} measure
   * @param {(item: number) => boolean} [hasPicture] which boxes need room for a picture
   */
  constructor(model, tree, measure, hasPicture = () => false) {
    this.model = model;
    this.tree = tree;
    this.measure = measure;
    this.hasPicture = hasPicture;
    this.known = { open: /** @type {Words[]} */ ([]), closed: /** @type {Words[]} */ ([]) };
    this.widths = /** @type {number[]} */ ([]); // that the words of closed boxes need
    this.titles = /** @type {number[]} */ ([]); // ... of open groups
  }

  /** @returns {Words} */
  words(/** @type {number} */ item, /** @type {boolean} */ open) {
    const known = open ? this.known.open : this.known.closed;
    return (known[item] ??= wordsOf(this.model, this.tree, item, open));
  }

  /** Of a box that is not open and at which so many lines end. */
  size(/** @type {number} */ item, /** @type {number} */ arriving) {
    const wanted = (this.widths[item] ??= this.wantedWidth(item));
    // Lines that end side by side need room; beyond the limit they stand closer.
    const landing = Math.min(MOST_LANDING, (arriving + 1) * 14);
    const width = Math.max(landing, Math.min(MOST_FIRST, Math.max(LEAST_WIDTH, Math.ceil(wanted / STEP) * STEP)));
    return { width, height: this.tree.items[item].node < 0 ? GROUP_HEIGHT : BOX_HEIGHT };
  }

  wantedWidth(/** @type {number} */ item) {
    const { measure } = this;
    const { title, detail, subtitle, mark } = this.words(item, false);
    const sign = this.tree.items[item].node < 0 ? 26 : 0;
    const first = measure(title, "title") + (detail ? 7 + measure(detail, "detail") : 0) + sign;
    const second = measure(subtitle, "subtitle") + (mark ? 14 + measure(mark, "subtitle") : 0);
    const around = 28 + (this.hasPicture(item) ? PICTURE_WIDTH : 0);
    const most = detail ? MOST_FIRST : MOST_WIDTH;
    const mostBelow = sign ? MOST_FIRST : MOST_WIDTH; // of a group, its class and how many do the same
    return Math.max(Math.min(most, first + around), Math.min(mostBelow, second + around));
  }

  /** The least width of an open group. */
  titleWidth(/** @type {number} */ item) {
    return (this.titles[item] ??= this.wantedTitle(item));
  }

  wantedTitle(/** @type {number} */ item) {
    const { title, subtitle } = this.words(item, true);
    return Math.min(MOST_TITLE, this.measure(title, "title") + this.measure(subtitle, "detail") + 64);
  }
}

/** @returns {Words} */
function wordsOf(
  /** @type {Model} */ model,
  /** @type {Tree} */ tree,
  /** @type {number} */ index,
  /** @type {boolean} */ open,
) {
  const item = tree.items[index];
  const within = tree.items[item.parent].scope;
  if (item.node >= 0) return { ...operationWords(model, model.nodes[item.node], item.whole, within), mark: "" };
  const count = `${compactNumber(item.operations)} ops`;
  const mark = item.alike > 1 ? `×${item.alike} alike` : "";
  if (item.label) return { title: item.label, detail: "", subtitle: open ? "" : count, mark };
  const module = model.modules.get(modulePath(item.scope));
  const className = module ? module.class : "";
  return {
    title: relative(item.scope, within) || lastWord(item.id),
    detail: "",
    subtitle: open ? className : [className, count].filter(Boolean).join(" · "),
    mark,
  };
}
