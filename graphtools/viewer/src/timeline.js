// The strip of all events: as high as they took long, colored by phase; drag to go anywhere in the run.

import { t } from "./language.js";
import { make } from "./dom.js";
import { seconds } from "./overlay.js";

/** @typedef {import("./run.js").Run} Run */
/** @typedef {import("./theme.js").Theme} Theme */

const HEIGHT = 58;
const TOP = 8; // room for marks
const BOTTOM = 10;
const LEAST_BAR = 3; // pixels of the lowest bar
const GAP_FROM = 5; // pixels an event, from which on bars have gaps
const MOST_ZOOM_PX = 60; // pixels an event at most

/**
 * @typedef {object} Actions
 * @property {(index: number) => void} goto
 * @property {(index: number) => string} describe an event in a few words
 * @property {(index: number, x: number, y: number) => void} menu
 */

export class Timeline {
  /** @param {HTMLElement} parent @param {Run} run @param {Actions} actions */
  constructor(parent, run, actions) {
    this.run = run;
    this.actions = actions;
    this.theme = /** @type {Theme | null} */ (null);
    this.position = 0;
    this.breakpoints = /** @type {Set<number>} */ (new Set());
    this.nonfinite = /** @type {Set<number>} */ (new Set());
    /** First event on the strip and pixels an event; 0 pixels: all events fit. */
    this.first = 0;
    this.unit = 0;
    this.heights = heights(run);
    this.canvas = /** @type {HTMLCanvasElement} */ (make("canvas", { class: "strip", "aria-hidden": "true" }));
    this.slider = make(
      "div",
      {
        class: "strip-slider",
        role: "slider",
        tabindex: "0",
        "aria-label": t("Position in the run"),
        "aria-valuemin": "1",
        "aria-valuemax": String(run.events.length),
      },
      this.canvas,
    );
    this.total = make("span", { class: "muted" }, this.totals());
    this.here = make("span", { class: "muted here" });
    this.element = make(
      "footer",
      { class: "timeline" },
      make(
        "p",
        { class: "timeline-head" },
        make("strong", {}, t("Timeline")),
        " ",
        this.total,
        make("span", { class: "space" }),
        this.here,
      ),
      this.slider,
    );
    parent.append(this.element);
    this.resizer = new ResizeObserver(() => this.draw());
    this.resizer.observe(this.slider);
    this.listen();
  }

  totals() {
    const { events } = this.run;
    const us = events.reduce((sum, event) => sum + event.us, 0);
    const count =
      events.length === 1 ? t("1 event") : t("{n} events", { n: events.length.toLocaleString("en") });
    return us ? `${count} · ${seconds(us)} · ${t("height: duration")}` : count;
  }

  setTheme(/** @type {Theme} */ theme) {
    this.theme = theme;
    this.draw();
  }

  setMarks(/** @type {Set<number>} */ breakpoints, /** @type {Set<number>} */ nonfinite) {
    this.breakpoints = breakpoints;
    this.nonfinite = nonfinite;
    this.draw();
  }

  show(/** @type {number} */ position) {
    this.position = position;
    const words = this.actions.describe(position);
    this.slider.setAttribute("aria-valuenow", String(position + 1));
    this.slider.setAttribute(
      "aria-valuetext",
      t("{n} of {all}, {what}", { n: position + 1, all: this.run.events.length, what: words }),
    );
    this.here.textContent = words;
    const { unit, shown } = this.scale();
    if (position < this.first) this.first = position;
    else if (position >= this.first + Math.floor(shown)) this.first = position - Math.floor(shown) + 1;
    if (unit) this.draw();
  }

  /** Pixels an event, and how many events are on the strip. */
  scale() {
    const width = this.slider.clientWidth || 1;
    const whole = width / this.run.events.length;
    const unit = Math.max(whole, Math.min(MOST_ZOOM_PX, this.unit || whole));
    const shown = width / unit;
    this.first = Math.max(0, Math.min(this.first, this.run.events.length - shown));
    return { unit, shown, width };
  }

  draw() {
    const { theme, run } = this;
    const { unit, width } = this.scale();
    const context = this.canvas.getContext("2d");
    if (!context || !theme || width <= 1) return;
    const ratio = devicePixelRatio || 1;
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = HEIGHT * ratio;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, HEIGHT);
    const place = (/** @type {number} */ index) => (index - this.first) * unit;
    const floor = HEIGHT - BOTTOM;
    const gap = unit >= GAP_FROM ? Math.min(3, unit * 0.18) : 0;
    // Where several events share a pixel, the highest of them stands there.
    const last = Math.min(run.events.length, Math.ceil(this.first + width / unit) + 1);
    let column = -1;
    let tallest = 0;
    let phase = run.events[0].phase;
    let past = true;
    const bar = (/** @type {number} */ x, /** @type {number} */ wide) => {
      const high = LEAST_BAR + (floor - TOP - LEAST_BAR) * tallest;
      context.globalAlpha = past ? 1 : 0.32;
      context.fillStyle = theme.phase[phase];
      if (gap) {
        context.beginPath();
        context.roundRect(x + gap / 2, floor - high, wide - gap, high, Math.min(3, wide / 4));
        context.fill();
      } else context.fillRect(x, floor - high, wide, high);
    };
    for (let i = Math.max(0, Math.floor(this.first)); i < last; i++) {
      const x = place(i);
      if (unit >= 1) {
        [tallest, phase, past] = [this.heights[i], run.events[i].phase, i <= this.position];
        bar(x, unit);
      } else if (Math.floor(x) !== column) {
        if (column >= 0) bar(column, 1);
        column = Math.floor(x);
        [tallest, phase, past] = [this.heights[i], run.events[i].phase, i <= this.position];
      } else tallest = Math.max(tallest, this.heights[i]);
    }
    if (unit < 1 && column >= 0) bar(column, 1);
    context.globalAlpha = 1;
    this.drawMarks(context, place, unit, floor, theme);
  }

  drawMarks(
    /** @type {CanvasRenderingContext2D} */ context,
    /** @type {(index: number) => number} */ place,
    /** @type {number} */ unit,
    /** @type {number} */ floor,
    /** @type {Theme} */ theme,
  ) {
    context.strokeStyle = theme.frameBorder;
    context.lineWidth = 1;
    for (const start of this.run.segments.slice(1)) {
      const x = Math.round(place(start)) - 0.5;
      context.beginPath();
      context.moveTo(x, 2);
      context.lineTo(x, HEIGHT - 2);
      context.stroke();
    }
    context.fillStyle = theme.failed;
    for (const index of this.breakpoints) {
      context.beginPath();
      context.arc(place(index) + unit / 2, floor + 5.5, 3.8, 0, 2 * Math.PI);
      context.fill();
    }
    for (const index of this.nonfinite) {
      const x = place(index) + unit / 2;
      context.beginPath();
      context.moveTo(x - 4, 0);
      context.lineTo(x + 4, 0);
      context.lineTo(x, 7);
      context.fill();
    }
    const x = place(this.position) + unit / 2;
    context.fillStyle = context.strokeStyle = theme.ring;
    context.lineWidth = 2.5;
    context.beginPath();
    context.moveTo(x, 5);
    context.lineTo(x, HEIGHT);
    context.stroke();
    context.beginPath();
    context.arc(x, 5.5, 5, 0, 2 * Math.PI);
    context.fill();
  }

  eventAt(/** @type {MouseEvent} */ event) {
    const { left } = this.canvas.getBoundingClientRect();
    const { unit } = this.scale();
    const index = Math.floor(this.first + (event.clientX - left) / unit);
    return Math.max(0, Math.min(this.run.events.length - 1, index));
  }

  listen() {
    const { slider } = this;
    let dragging = false;
    slider.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      dragging = true;
      slider.setPointerCapture(event.pointerId);
      this.actions.goto(this.eventAt(event));
    });
    slider.addEventListener("pointermove", (event) => {
      const index = this.eventAt(event);
      if (dragging) this.actions.goto(index);
      else {
        const { us } = this.run.events[index];
        slider.title = `${index + 1}: ${this.actions.describe(index)}${us ? ` · ${seconds(us)}` : ""}`;
      }
    });
    for (const name of /** @type {const} */ (["pointerup", "pointercancel"]))
      slider.addEventListener(name, () => (dragging = false));
    slider.addEventListener("dblclick", () => {
      this.unit = 0;
      this.draw();
    });
    slider.addEventListener("contextmenu", (event) => {
      event.preventDefault();
      this.actions.menu(this.eventAt(event), event.clientX, event.clientY);
    });
    slider.addEventListener(
      "wheel",
      (event) => {
        const { unit, width } = this.scale();
        if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
          this.first += (event.deltaX || event.deltaY) / unit;
        } else {
          const { left } = this.canvas.getBoundingClientRect();
          const at = event.clientX - left;
          const held = this.first + at / unit;
          const whole = width / this.run.events.length;
          this.unit = Math.max(whole, Math.min(Math.max(whole, MOST_ZOOM_PX), unit * Math.exp(-event.deltaY * 0.002)));
          this.first = held - at / this.unit;
        }
        event.preventDefault();
        this.draw();
      },
      { passive: false },
    );
    slider.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
      const page = Math.max(1, Math.round(this.run.events.length / 20));
      const to = {
        ArrowLeft: this.position - 1,
        ArrowDown: this.position - 1,
        ArrowRight: this.position + 1,
        ArrowUp: this.position + 1,
        PageDown: this.position + page,
        PageUp: this.position - page,
        Home: 0,
        End: this.run.events.length - 1,
      }[event.key];
      if (to === undefined) return;
      event.preventDefault();
      event.stopPropagation();
      this.actions.goto(to);
    });
  }

  destroy() {
    this.resizer.disconnect();
  }
}

/** Heights 0 to 1 by the logarithm of the duration in microseconds: a convolution takes a thousand times as long as a view. */
function heights(/** @type {Run} */ run) {
  const found = Float32Array.from(run.events, (event) => Math.log10(Math.max(1, event.us)));
  let most = 0;
  for (const height of found) most = Math.max(most, height);
  return found.map((height) => (most ? height / most : 0));
}
