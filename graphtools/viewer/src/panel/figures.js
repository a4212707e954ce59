// Pictures of one tensor on canvases: heat map or image, curve, histogram. Each tells its numbers on hover and by arrow keys.

import { t } from "../language.js";
import { make } from "../dom.js";
import { SPECIAL, colorOf, css, isSigned } from "./colors.js";
import { number } from "./numbers.js";
import { bytesOf, isExact, sizeOnScreen, valuesOf } from "./pixels.js";

/** @typedef {import("./pixels.js").Picture} Picture */

/** A canvas of CSS size `width` by `height`, sharp on the screen, and its context. */
function sharp(
  /** @type {number} */ width,
  /** @type {number} */ height,
  /** @type {Record<string, string>} */ attributes,
) {
  const ratio = devicePixelRatio || 1;
  const canvas = /** @type {HTMLCanvasElement} */ (make("canvas", attributes));
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  context.scale(ratio, ratio);
  return { canvas, context };
}

/**
 * A heat map or an image, `width` CSS pixels wide at most, with a bar of its colors.
 * @param {Picture} picture
 * @param {number} width
 * @param {string} name for those who do not see it
 */
export function plane(picture, width, name) {
  const { width: w, height: h } = sizeOnScreen(picture, width);
  const { canvas, context } = sharp(w, h, {
    class: "plane",
    tabindex: "0",
    role: "img",
    "aria-label": t("{what}. Arrow keys read its values.", { what: `${name}: ${picture.caption}` }),
  });
  context.imageSmoothingEnabled = false;
  context.drawImage(painted(picture), 0, 0, w, h);
  const read = picture.kind === "image" ? imageReader(picture) : valueReader(picture);
  const said = make("p", { class: "reading muted", "aria-live": "polite" }, "\u00a0");
  const cell = { i: 0, j: 0 };
  const show = () => {
    const axes =
      picture.kind === "image"
        ? `[${cell.i}, ${cell.j}]`
        : `[${[...picture.index, ...element(cell, picture)].join(", ")}]`;
    said.textContent = `${axes} ${read(cell.i, cell.j)}`;
  };
  canvas.addEventListener("pointermove", (event) => {
    const box = canvas.getBoundingClientRect();
    cell.i = clamp(Math.floor(((event.clientY - box.top) / box.height) * picture.height), picture.height);
    cell.j = clamp(Math.floor(((event.clientX - box.left) / box.width) * picture.width), picture.width);
    show();
  });
  canvas.addEventListener("keydown", (event) => {
    const [di, dj] = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key] ?? [
      0, 0,
    ];
    if (!di && !dj) return;
    event.preventDefault();
    event.stopPropagation();
    cell.i = clamp(cell.i + di, picture.height);
    cell.j = clamp(cell.j + dj, picture.width);
    show();
  });
  const bar = picture.kind === "heat map" ? colorBar(picture) : null;
  const special = picture.kind === "heat map" ? specialLegend(picture) : null;
  return make("figure", { class: "figure" }, canvas, bar, special, said);
}

/** Where a pixel stands in its plane, in elements; of an averaged picture its own row and column. */
function element(/** @type {{i: number, j: number}} */ { i, j }, /** @type {Picture} */ picture) {
  return picture.exact
    ? [i, j]
    : [t("row {i} of {n}", { i, n: picture.height }), t("column {j} of {n}", { j, n: picture.width })];
}

function clamp(/** @type {number} */ value, /** @type {number} */ size) {
  return Math.max(0, Math.min(size - 1, value));
}

/** The pixels on a canvas of their own size. */
export function painted(/** @type {Picture} */ picture) {
  const canvas = document.createElement("canvas");
  canvas.width = picture.width;
  canvas.height = picture.height;
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  const image = context.createImageData(picture.width, picture.height);
  if (picture.kind === "image") {
    const bytes = bytesOf(picture.data);
    for (let i = 0; i < picture.width * picture.height; i++) {
      image.data.set([bytes[3 * i], bytes[3 * i + 1], bytes[3 * i + 2], 255], 4 * i);
    }
  } else {
    const [low, high] = [Number(picture.low), Number(picture.high)];
    valuesOf(picture).forEach((value, i) => image.data.set([...colorOf(value, low, high), 255], 4 * i));
  }
  context.putImageData(image, 0, 0);
  return canvas;
}

function valueReader(/** @type {Picture} */ picture) {
  const values = valuesOf(picture);
  const sign = isExact(picture) ? "=" : "≈";
  // A byte tells 256 values apart: what it cannot tell is not written.
  const step = picture.coding === "u8" ? (Number(picture.high) - Number(picture.low)) / 255 : 0;
  const places = step > 0 ? Math.max(0, Math.min(20, Math.ceil(-Math.log10(step)))) : 20;
  return (/** @type {number} */ i, /** @type {number} */ j) => {
    const value = values[i * picture.width + j];
    return Number.isFinite(value) ? `${sign} ${number(Number(value.toFixed(places)))}` : t("is {value}", { value: specialName(value) });
  };
}

function specialName(/** @type {number} */ value) {
  return SPECIAL.find(({ is }) => is(value))?.name ?? "";
}

/** What the colors of values that are not finite mean, where a picture has such; null for none. */
function specialLegend(/** @type {Picture} */ picture) {
  const values = valuesOf(picture);
  const found = SPECIAL.map(({ name, color, is }) => ({ name, color, count: values.filter(is).length }));
  const shown = found.filter(({ count }) => count);
  if (!shown.length) return null;
  return make(
    "ul",
    { class: "special", "aria-label": t("Not finite") },
    ...shown.map(({ name, color, count }) => {
      const patch = make("span", { class: "patch" });
      patch.style.background = css(color);
      return make("li", {}, patch, `${name} ×${count.toLocaleString("en")}`);
    }),
  );
}

function imageReader(/** @type {Picture} */ picture) {
  const bytes = bytesOf(picture.data);
  return (/** @type {number} */ i, /** @type {number} */ j) => {
    const at = 3 * (i * picture.width + j);
    return t("red {r}, green {g}, blue {b} of 255", { r: bytes[at], g: bytes[at + 1], b: bytes[at + 2] });
  };
}

function colorBar(/** @type {Picture} */ picture) {
  const [low, high] = [Number(picture.low), Number(picture.high)];
  const most = isSigned(low, high) ? Math.max(-low, high) : 0;
  const [from, to] = most ? [-most, most] : [low, high];
  const stops = Array.from({ length: 9 }, (_, i) => css(colorOf(from + ((to - from) * i) / 8, low, high)));
  const strip = make("span", { class: "color-bar" });
  strip.style.background = `linear-gradient(to right, ${stops.join(", ")})`;
  const middle = most ? make("span", {}, "0") : null;
  return make(
    "div",
    { class: "color-scale" },
    strip,
    make("div", { class: "ends" }, make("span", {}, number(from)), middle, make("span", {}, number(to))),
  );
}

/**
 * Several planes beside each other, as the heads of attention are.
 * @param {Picture[]} pictures
 * @param {number} width
 * @param {(index: number[]) => void} choose
 */
export function grid(pictures, width, choose) {
  const columns = Math.min(4, pictures.length);
  const side = Math.floor((width - 6 * (columns - 1)) / columns);
  const tiles = pictures.map((picture) => {
    const image = painted(picture);
    image.className = "tile";
    image.style.width = `${side}px`;
    const name = `[${picture.index.join(", ")}]`;
    return make(
      "button",
      { class: "plain", title: name, "aria-label": t("Show {name}", { name }), onclick: () => choose(picture.index) },
      image,
    );
  });
  const box = make("div", { class: "grid" }, ...tiles);
  box.style.gridTemplateColumns = `repeat(${columns}, ${side}px)`;
  return box;
}

/**
 * A curve of a tensor with one size.
 * @param {Picture} picture
 * @param {number} width
 * @param {{line: string, axis: string, text: string}} ink
 * @param {string} name
 */
export function curve(picture, width, ink, name) {
  const HEIGHT = 120;
  const values = valuesOf(picture);
  const { canvas, context } = sharp(width, HEIGHT, {
    class: "plane",
    tabindex: "0",
    role: "img",
    "aria-label": t("{what}. Arrow keys read its values.", { what: `${name}: ${picture.caption}` }),
  });
  const finite = values.filter((value) => Number.isFinite(value));
  const low = Math.min(0, ...finite);
  const high = Math.max(0, ...finite);
  const y = (/** @type {number} */ value) => 8 + (HEIGHT - 16) * (1 - (value - low) / (high - low || 1));
  const x = (/** @type {number} */ i) => 4 + ((width - 8) * (i + 0.5)) / values.length;
  const said = make("p", { class: "reading muted", "aria-live": "polite" }, `${number(low)} … ${number(high)}`);
  const draw = (/** @type {number} */ marked) => {
    context.clearRect(0, 0, width, HEIGHT);
    context.strokeStyle = ink.axis;
    context.lineWidth = 1;
    context.beginPath();
    context.moveTo(0, y(0));
    context.lineTo(width, y(0));
    context.stroke();
    context.fillStyle = context.strokeStyle = ink.line;
    if (values.length <= 64) {
      const wide = Math.max(1, ((width - 8) / values.length) * 0.7);
      values.forEach((value, i) => {
        if (!Number.isFinite(value)) return;
        context.globalAlpha = marked < 0 || marked === i ? 1 : 0.5;
        context.fillRect(x(i) - wide / 2, Math.min(y(0), y(value)), wide, Math.max(1, Math.abs(y(value) - y(0))));
      });
      context.globalAlpha = 1;
      return;
    }
    context.lineWidth = 1.4;
    context.beginPath();
    let drawn = false; // the line has a gap where values are not finite
    values.forEach((value, i) => {
      if (Number.isFinite(value)) context[drawn ? "lineTo" : "moveTo"](x(i), y(value));
      drawn = Number.isFinite(value);
    });
    context.stroke();
    if (marked >= 0 && Number.isFinite(values[marked])) {
      context.beginPath();
      context.arc(x(marked), y(values[marked]), 3.5, 0, 2 * Math.PI);
      context.fill();
    }
  };
  let at = 0;
  const show = () => {
    draw(at);
    const value = values[at];
    said.textContent = `[${at}] ${Number.isFinite(value) ? `${isExact(picture) ? "=" : "≈"} ${number(value)}` : t("is {value}", { value: specialName(value) })}`;
  };
  draw(-1);
  canvas.addEventListener("pointermove", (event) => {
    const box = canvas.getBoundingClientRect();
    at = clamp(Math.floor(((event.clientX - box.left) / box.width) * values.length), values.length);
    show();
  });
  canvas.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step) return;
    event.preventDefault();
    event.stopPropagation();
    at = clamp(at + step, values.length);
    show();
  });
  return make("figure", { class: "figure" }, canvas, said);
}

/**
 * A histogram. Bars tell their range and count on hover and by the arrow keys.
 * @param {{edges: number[], counts: number[], note: string}} histogram
 * @param {number} width
 * @param {string} color
 * @param {string} name
 */
export function histogram({ edges, counts, note }, width, color, name) {
  const HEIGHT = 84;
  const most = Math.max(1, ...counts);
  const from = number(edges[0]);
  const to = number(edges[edges.length - 1]);
  const label = t("{name}: histogram from {from} to {to}", { name, from, to });
  const { canvas, context } = sharp(width, HEIGHT, {
    class: "bars",
    tabindex: "0",
    role: "img",
    "aria-label": t("{what}. Arrow keys read its bars.", { what: label }),
  });
  const unit = width / counts.length;
  const draw = (/** @type {number} */ marked) => {
    context.clearRect(0, 0, width, HEIGHT);
    context.fillStyle = color;
    counts.forEach((count, i) => {
      const high = count ? Math.max(1.5, (HEIGHT - 4) * (count / most)) : 0;
      context.globalAlpha = marked < 0 || marked === i ? 1 : 0.45;
      context.fillRect(i * unit + 0.5, HEIGHT - high, Math.max(1, unit - 1), high);
    });
    context.globalAlpha = 1;
  };
  const said = make("p", { class: "reading muted", "aria-live": "polite" }, "\u00a0");
  let at = -1;
  const show = (/** @type {number} */ i) => {
    at = clamp(i, counts.length);
    draw(at);
    said.textContent = t("{from} to {to}: {n}", {
      from: number(edges[at]),
      to: number(edges[at + 1]),
      n: counts[at].toLocaleString("en"),
    });
  };
  draw(-1);
  const ends = make(
    "div",
    { class: "ends" },
    make("span", {}, number(edges[0])),
    make("span", {}, number(edges[edges.length - 1])),
  );
  canvas.addEventListener("pointermove", (event) => {
    const box = canvas.getBoundingClientRect();
    show(Math.floor(((event.clientX - box.left) / box.width) * counts.length));
  });
  canvas.addEventListener("keydown", (event) => {
    const to = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: counts.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    show(to);
  });
  return make(
    "figure",
    { class: "figure" },
    canvas,
    ends,
    said,
    note ? make("p", { class: "muted small" }, note) : null,
  );
}
