// The picture of one level: boxes and edges as elements of the page, so that they can be read aloud and found.

import { make } from "../dom.js";
import { themeNamed } from "../theme.js";
import { drawLook } from "./looks.js";
import { t } from "./words.js";

/** @typedef {import("./level.js").Level} Level */
/** @typedef {import("./level.js").Box} Box */
/** @typedef {import("./level.js").Edge} Edge */
/** @typedef {import("../camera.js").Camera} Camera */

const LANE = 16; // pixels between an edge and the boxes that it passes
const READABLE = 0.35; // the scale from which the words in a box can be read
const AT_ONCE = 100; // boxes out of sight that are told their words between two frames
const SVG = "http://www.w3.org/2000/svg";

export class Board {
  /** @param {HTMLElement} parent @param {Camera} camera */
  constructor(parent, camera) {
    this.camera = camera;
    this.lines = document.createElementNS(SVG, "svg");
    this.lines.setAttribute("class", "lines");
    this.lines.setAttribute("aria-hidden", "true");
    this.boxes = make("div", { class: "boxes", role: "presentation" });
    // The form of the box that an edge goes to says the same, to those who cannot see these.
    this.chips = make("div", { class: "chips-of", "aria-hidden": "true" });
    this.world = make("div", { class: "world", role: "presentation" }, this.lines, this.boxes, this.chips);
    this.element = make("div", {
      class: "board",
      tabindex: "0",
      role: "listbox",
      "aria-multiselectable": "true",
      "aria-label": t("Draft. Space adds an operation, ? shows the keys."),
    });
    this.element.append(this.world);
    parent.append(this.element);
    /** @type {Map<string, {element: HTMLElement, text: string, frame: string, width: number, height: number, place: string}>} */
    this.shown = new Map();
    this.untold = /** @type {Map<string, Box>} */ (new Map()); // what is out of sight hears its new words a little later
    this.telling = 0;
    this.level = /** @type {Level} */ ({ boxes: [], edges: [] });
    this.boxOf = /** @type {Map<string, Box>} */ (new Map());
    // The middle of each box's upper side: what is in line stays so when a type makes a box wider.
    this.positions = /** @type {Record<string, [number, number]>} */ ({});
    this.colors = themeNamed("light").category;
    this.drawn =
      /** @type {{edge: Edge, path: SVGPathElement, wide: SVGPathElement, chip: HTMLElement | null, way: string}[]} */ (
        []
      );
    this.drawnText = ""; // of what edges these are
    this.onChip = (/** @type {Edge} */ _edge, /** @type {number} */ _x, /** @type {number} */ _y) => {};
  }

  setTheme(/** @type {"light" | "dark"} */ name) {
    this.colors = themeNamed(name).category;
  }

  /**
   * Builds the boxes of a level; those that look as before stay. Their sizes are known afterwards, but for boxes out of
   * sight of which only words changed: these hear of it after the next frame, a few at a time.
   */
  build(/** @type {Level} */ level) {
    this.level = level;
    this.boxOf = new Map(level.boxes.map((box) => [box.key, box]));
    for (const [key, { element }] of this.shown) {
      if (this.boxOf.has(key)) continue;
      element.remove();
      this.shown.delete(key);
      this.untold.delete(key);
    }
    const fresh = [];
    for (const box of level.boxes) {
      const text = JSON.stringify(box);
      const known = this.shown.get(box.key);
      this.untold.delete(box.key);
      if (known?.text === text) continue;
      const frame = frameOf(box);
      if (known?.frame === frame) {
        drawLook(known.element.querySelector(".look"), null); // the next one is on its way
        if (!this.isRead(box.key)) {
          this.untold.set(box.key, box);
          continue;
        }
        known.text = text;
        tell(known.element, box);
        fresh.push(known);
        continue;
      }
      const element = this.makeBox(box);
      if (known) known.element.replaceWith(element);
      else this.boxes.append(element);
      const made = { element, text, frame, width: 0, height: 0, place: "" };
      this.shown.set(box.key, made);
      fresh.push(made);
    }
    for (const made of fresh) {
      made.width = made.element.offsetWidth;
      made.height = made.element.offsetHeight;
    }
    // In their order on the page they are in reading order. Those that are put anew are laid out and painted anew.
    const isInOrder = level.boxes.every(({ key }, index) => this.boxes.children[index] === this.elementOf(key));
    if (!isInOrder) this.boxes.append(...level.boxes.map(({ key }) => this.elementOf(key)));
    this.tellSoon();
  }

  /** Whether a box is on the screen, large enough to be read. */
  isRead(/** @type {string} */ key) {
    const { x, y, width, height } = this.rectOf(key);
    const seen = this.camera.visible();
    if (this.camera.view.scale < READABLE) return false;
    return x < seen.x + seen.width && x + width > seen.x && y < seen.y + seen.height && y + height > seen.y;
  }

  /** Tells some boxes their words after the next frame, and so on until all know them. */
  tellSoon() {
    if (!this.untold.size || this.telling) return;
    this.telling = requestAnimationFrame(() => {
      // A task of its own: this one comes before the frame is drawn.
      setTimeout(() => {
        this.telling = 0;
        this.tellNow([...this.untold.keys()].slice(0, AT_ONCE));
        this.tellSoon();
      });
    });
  }

  /** Tells boxes that were out of sight their new words, and makes room for these. */
  tellNow(/** @type {Iterable<string>} */ keys = [...this.untold.keys()]) {
    const fresh = [];
    for (const key of keys) {
      const box = this.untold.get(key);
      const known = this.shown.get(key);
      this.untold.delete(key);
      if (!box || !known) continue;
      known.text = JSON.stringify(box);
      tell(known.element, box);
      fresh.push({ key, known });
    }
    const grown = fresh.filter(({ known }) => {
      const { width, height } = known;
      known.width = known.element.offsetWidth;
      known.height = known.element.offsetHeight;
      return known.width !== width || known.height !== height;
    });
    if (!grown.length) return;
    for (const { key } of grown) this.move(key);
    this.routeEdges(new Set(grown.map(({ key }) => key)));
  }

  elementOf(/** @type {string} */ key) {
    return /** @type {HTMLElement} */ (this.shown.get(key)?.element);
  }

  sizeOf(/** @type {string} */ key) {
    const { width, height } = this.shown.get(key) ?? { width: 140, height: 54 };
    return { width, height };
  }

  /** Where a box is, in the picture. */
  rectOf(/** @type {string} */ key) {
    const { width, height } = this.sizeOf(key);
    const [middle, y] = this.positions[key] ?? [0, 0];
    return { x: middle - width / 2, y, width, height };
  }

  makeBox(/** @type {Box} */ box) {
    const count = box.nodes.length;
    const unseen = [box.mode && t(box.mode), box.bad && t("has a problem")].filter(Boolean).join(", ");
    const port = (
      /** @type {string} */ side,
      /** @type {number} */ at,
      /** @type {string} */ title,
      /** @type {string} */ more,
    ) => make("span", { class: `port ${more}`, "data-side": side, "data-at": String(at), title });
    const ins = box.ins.map(({ label, from, may }, at) => port("in", at, label, `${from ? "" : may ? "may" : "open"}`));
    const outs = box.outs.map((out, at) => port("out", at, "", ""));
    const element = make(
      "div",
      {
        class: `box ${box.kind} ${box.mode} ${box.bad ? "bad" : ""} ${box.unused ? "unused" : ""}`,
        role: "option",
        "aria-selected": "false",
        "data-key": box.key,
        id: `box ${box.key}`.replace(/\s/g, "_"),
      },
      make("div", { class: "ports in", "aria-hidden": "true" }, ...ins),
      make(
        "div",
        { class: "words" },
        make(
          "div",
          { class: "head" },
          make("strong", {}, box.title),
          tells(box.title, box.type) ? null : make("span", { class: "muted" }, box.type),
          box.unused ? make("span", { class: "tag" }, t("unused")) : null,
        ),
        box.kind === "group"
          ? make("div", { class: "detail muted" }, count === 1 ? t("1 operation") : t("{n} operations", { n: count }))
          : box.detail
            ? make("div", { class: "detail muted" })
            : null,
        box.outs[0]?.type ? make("div", { class: "type" }) : null,
        unseen ? make("div", { class: "unseen" }, unseen) : null,
        make("div", { class: "look" }),
      ),
      make("div", { class: "ports out", "aria-hidden": "true" }, ...outs),
    );
    element.style.setProperty("--kind", this.colors[box.category] ?? this.colors.other);
    tell(element, box);
    return element;
  }

  /** Puts all boxes and edges at their places. */
  place(/** @type {Record<string, [number, number]>} */ positions) {
    this.positions = Object.assign(Object.create(null), positions);
    for (const { key } of this.level.boxes) this.move(key);
    this.drawEdges();
  }

  move(/** @type {string} */ key) {
    const { x, y } = this.rectOf(key);
    const wanted = `translate(${x}px, ${y}px)`;
    const shown = this.shown.get(key);
    if (!shown || shown.place === wanted) return;
    shown.element.style.transform = shown.place = wanted;
  }

  drawEdges() {
    const text = JSON.stringify(this.level.edges.map((edge) => [edge, edge.bad && this.boxOf.get(edge.from)?.outs]));
    if (text === this.drawnText) {
      this.drawn.forEach((drawn, index) => (drawn.edge = this.level.edges[index]));
      this.routeEdges();
      return;
    }
    this.drawnText = text;
    this.drawn = this.level.edges.map((edge) => {
      const wide = document.createElementNS(SVG, "path");
      wide.setAttribute("class", "wide");
      const path = document.createElementNS(SVG, "path");
      path.setAttribute("class", edge.bad ? "line bad" : "line");
      return { edge, path, wide, chip: edge.bad ? this.makeChip(edge) : null, way: "" };
    });
    this.chips.replaceChildren(...this.drawn.flatMap(({ chip }) => (chip ? [chip] : [])));
    this.lines.replaceChildren(...this.drawn.flatMap(({ path, wide }) => [wide, path]));
    this.routeEdges();
  }

  /** What stands on an edge whose value does not fit: its type. Pressed, it tells why and what would mend it. */
  makeChip(/** @type {Edge} */ edge) {
    const type = this.boxOf.get(edge.from)?.outs[edge.out]?.type ?? "";
    const pressed = (/** @type {MouseEvent} */ event) => {
      event.stopPropagation();
      this.onChip(edge, event.clientX, event.clientY);
    };
    return make(
      "button",
      { class: "edge-chip", tabindex: "-1", onclick: pressed, onpointerdown: (event) => event.stopPropagation() },
      `✕ ${type || "?"}`,
    );
  }

  /** Draws the edges anew, or those of some boxes. */
  routeEdges(/** @type {Set<string> | null} */ keys = null) {
    const rects = this.level.boxes
      .map(({ key }) => {
        const { x, y, width, height } = this.rectOf(key);
        return { key, left: x - LANE, right: x + width + LANE, top: y, bottom: y + height };
      })
      .sort((a, b) => a.top - b.top);
    for (const drawn of this.drawn) {
      const { edge, path, wide, chip } = drawn;
      if (keys && !keys.has(edge.from) && !keys.has(edge.to)) continue;
      const from = this.portAt(edge.from, "out", edge.out);
      const to = this.portAt(edge.to, "in", edge.in);
      const way = curve(from, to, lane(rects, edge, from, to));
      if (way === drawn.way) continue;
      drawn.way = way;
      path.setAttribute("d", way);
      wide.setAttribute("d", way);
      if (!chip) continue;
      const middle = path.getPointAtLength(path.getTotalLength() / 2);
      chip.style.transform = `translate(${middle.x}px, ${middle.y}px) translate(-50%, -50%)`;
    }
  }

  /** Where a port is, in the picture. @returns {[number, number]} */
  portAt(/** @type {string} */ key, /** @type {"in" | "out"} */ side, /** @type {number} */ at) {
    const box = this.boxOf.get(key);
    const { x, y, width, height } = this.rectOf(key);
    const count = (side === "in" ? box?.ins.length : box?.outs.length) ?? 1;
    return [x + (width * (at + 1)) / (count + 1), side === "in" ? y : y + height];
  }

  /** The edge that passes a point of the picture, if one does. @returns {Edge | null} */
  edgeNear(/** @type {number} */ x, /** @type {number} */ y, reach = 14) {
    let best = null;
    let least = reach;
    for (const { edge, path } of this.drawn) {
      const length = path.getTotalLength();
      for (let at = 0; at <= length; at += 8) {
        const point = path.getPointAtLength(at);
        const far = Math.hypot(point.x - x, point.y - y);
        if (far < least) [best, least] = [edge, far];
      }
    }
    return best;
  }

  mark(/** @type {Edge | null} */ edge) {
    for (const drawn of this.drawn) drawn.path.classList.toggle("marked", drawn.edge === edge);
  }

  /** Shows which boxes are selected; the last is the active one. */
  select(/** @type {Set<string>} */ keys) {
    for (const [key, { element }] of this.shown) {
      element.classList.toggle("selected", keys.has(key));
      element.setAttribute("aria-selected", String(keys.has(key)));
    }
    const last = [...keys].pop();
    if (last && this.shown.has(last)) this.element.setAttribute("aria-activedescendant", this.elementOf(last).id);
    else this.element.removeAttribute("aria-activedescendant");
    for (const { edge, path } of this.drawn) path.classList.toggle("lit", keys.has(edge.from) || keys.has(edge.to));
  }

  /** Follows the camera. */
  follow() {
    const { x, y, scale } = this.camera.view;
    this.world.style.transform = `scale(${scale}) translate(${-x}px, ${-y}px)`;
    this.element.style.setProperty("--scale", String(scale));
    this.element.style.backgroundPosition = `${-x * scale}px ${-y * scale}px`;
    this.element.style.backgroundSize = `${24 * scale}px ${24 * scale}px`;
    if (this.untold.size) this.tellNow([...this.untold.keys()].filter((key) => this.isRead(key)));
  }

  /** The rectangle around all boxes, or some. */
  bounds(/** @type {Iterable<string>} */ keys = this.shown.keys()) {
    let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
    for (const key of keys) {
      const { x, y, width, height } = this.rectOf(key);
      [left, top] = [Math.min(left, x), Math.min(top, y)];
      [right, bottom] = [Math.max(right, x + width), Math.max(bottom, y + height)];
    }
    return left > right ? null : { x: left, y: top, width: right - left, height: bottom - top };
  }
}

/** What an element is made for: all of a box but the words that `tell` puts into it. */
function frameOf(/** @type {Box} */ box) {
  const words = box.kind === "group" ? box.nodes.length : box.detail !== "";
  return JSON.stringify({ ...box, detail: words, outs: box.outs.map(({ label, type }) => [label, type !== ""]) });
}

/** Puts the words of a box that change often into its element: settings and types. */
function tell(/** @type {HTMLElement} */ element, /** @type {Box} */ { kind, detail, outs }) {
  const put = (/** @type {string} */ part, /** @type {string} */ text) => {
    const found = element.querySelector(part);
    if (found && found.textContent !== text) found.textContent = text;
  };
  if (kind !== "group") put(".detail", detail);
  const type = outs[0]?.type ?? "";
  put(".type", outs.length > 1 ? `${type} +${outs.length - 1}` : type);
  element.querySelectorAll(".ports.out > .port").forEach((port, at) => {
    const title = [outs[at].label, outs[at].type].filter(Boolean).join(" ");
    if (port.getAttribute("title") !== title) port.setAttribute("title", title);
  });
}

/**
 * Where an edge passes beside boxes that stand in its way: the x of the nearest free lane; null where nothing does.
 * @param {{key: string, left: number, right: number, top: number, bottom: number}[]} rects from the top down
 * @param {Edge} edge
 * @param {[number, number]} from
 * @param {[number, number]} to
 */
function lane(rects, edge, from, to) {
  if (to[1] - from[1] < 60) return null;
  const between = [];
  for (const rect of rects) {
    if (rect.top > to[1] - 8) break;
    if (rect.bottom > from[1] + 8 && rect.key !== edge.from && rect.key !== edge.to) between.push(rect);
  }
  const isFree = (/** @type {number} */ x) => between.every(({ left, right }) => x <= left || x >= right);
  if (isFree(from[0]) && isFree(to[0])) return null;
  const middle = (from[0] + to[0]) / 2;
  let best = middle;
  let least = Infinity;
  for (const x of between.flatMap(({ left, right }) => [left, right])) {
    if (Math.abs(x - middle) < least && isFree(x)) [best, least] = [x, Math.abs(x - middle)];
  }
  return best;
}

/** A curve from an output down to an input; through `lane`, an x, where something is in the way; upwards around. */
export function curve(
  /** @type {[number, number]} */ [x, y],
  /** @type {[number, number]} */ [toX, toY],
  /** @type {number | null} */ lane = null,
) {
  if (lane !== null) {
    const bend = Math.min(34, (toY - y) / 3);
    return (
      `M${x},${y} C${x},${y + bend} ${lane},${y} ${lane},${y + bend * 1.5} ` +
      `L${lane},${toY - bend * 1.5} C${lane},${toY} ${toX},${toY - bend} ${toX},${toY}`
    );
  }
  const reach = Math.max(24, Math.min(90, Math.abs(toY - y) / 2, toY > y ? 90 : 160));
  return `M${x},${y} C${x},${y + reach} ${toX},${toY - reach} ${toX},${toY}`;
}

/** Whether a name tells the type, as `max_pool2d_1` that of a MaxPool2d. */
function tells(/** @type {string} */ name, /** @type {string} */ type) {
  return name.replace(/_\d+$/, "").replaceAll("_", "").toLowerCase() === type.replaceAll("_", "").toLowerCase();
}
