// The whole picture in small, with the part that is on the screen; dragging in it moves the camera.

import { categoryColor } from "./theme.js";

/** @typedef {import("./camera.js").Camera} Camera */
/** @typedef {import("./scene.js").Scene} Scene */

const WIDTH = 120;
const HEIGHT = 300;
const PAD = 6;

export class Minimap {
  /** @param {HTMLElement} parent @param {Camera} camera */
  constructor(parent, camera) {
    this.camera = camera;
    this.canvas = document.createElement("canvas");
    this.canvas.className = "minimap";
    this.canvas.setAttribute("aria-hidden", "true");
    parent.append(this.canvas);
    /** @type {Scene | null} */
    this.scene = null;
    /** @type {HTMLCanvasElement | null} */
    this.picture = null;
    this.scale = 1;
    const move = (/** @type {PointerEvent} */ event) => {
      const rect = this.canvas.getBoundingClientRect();
      const { width, height } = camera.visible();
      const x = (event.clientX - rect.left - PAD) / this.scale - width / 2;
      const y = (event.clientY - rect.top - PAD) / this.scale - height / 2;
      camera.set({ x, y, scale: camera.view.scale });
    };
    this.canvas.addEventListener("pointerdown", (event) => {
      this.canvas.setPointerCapture(event.pointerId);
      move(event);
    });
    this.canvas.addEventListener("pointermove", (event) => event.buttons && move(event));
  }

  /** Draws the boxes once; `draw` then only copies them. */
  setScene(/** @type {Scene} */ scene, /** @type {import("./theme.js").Theme} */ theme) {
    this.scene = scene;
    this.theme = theme;
    this.scale = Math.min((WIDTH - 2 * PAD) / scene.width, (HEIGHT - 2 * PAD) / scene.height, 0.25);
    const [width, height] = [Math.max(28, scene.width * this.scale + 2 * PAD), scene.height * this.scale + 2 * PAD];
    const ratio = devicePixelRatio || 1;
    const picture = document.createElement("canvas");
    for (const canvas of [picture, this.canvas]) {
      canvas.width = Math.ceil(width * ratio);
      canvas.height = Math.ceil(height * ratio);
    }
    this.canvas.style.width = `${width}px`;
    this.canvas.style.height = `${height}px`;
    const context = picture.getContext("2d");
    if (!context) return;
    context.scale(ratio, ratio);
    context.translate(PAD, PAD);
    for (const box of scene.boxes) {
      const color = box.failed ? theme.failed : box.group ? theme.group : categoryColor(theme, box.category);
      context.fillStyle = box.open ? theme.frames[Math.min(box.depth, theme.frames.length - 1)] : color;
      context.fillRect(
        box.x * this.scale,
        box.y * this.scale,
        box.width * this.scale,
        Math.max(0.7, box.height * this.scale),
      );
    }
    this.picture = picture;
  }

  draw() {
    const context = this.canvas.getContext("2d");
    if (!context || !this.picture || !this.theme) return;
    const ratio = devicePixelRatio || 1;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    context.drawImage(this.picture, 0, 0);
    context.scale(ratio, ratio);
    const { x, y, width, height } = this.camera.visible();
    const [left, top] = [Math.max(1, PAD + x * this.scale), Math.max(1, PAD + y * this.scale)];
    const right = Math.min(this.canvas.width / ratio - 1, PAD + (x + width) * this.scale);
    const bottom = Math.min(this.canvas.height / ratio - 1, PAD + (y + height) * this.scale);
    if (right <= left || bottom <= top) return;
    context.strokeStyle = this.theme.accent;
    context.lineWidth = 1.5;
    context.strokeRect(left, top, right - left, bottom - top);
    context.fillStyle = this.theme.accent + "14";
    context.fillRect(left, top, right - left, bottom - top);
  }
}
