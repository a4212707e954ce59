// What part of the picture is on the screen, and smooth ways from one view to the next.

export const LEAST_SCALE = 0.01;
export const MOST_SCALE = 3;
const GLIDE_MS = 200;
const LEAST_START = 0.45; // where a picture is shown in its whole width at first; its titles can still be read

/** @typedef {{x: number, y: number, scale: number}} View x, y: the point of the picture at the screen's top left */
/** @typedef {{x: number, y: number, width: number, height: number}} Rect */

export class Camera {
  /** @param {() => void} changed called after every move */
  constructor(changed) {
    this.changed = changed;
    /** @type {View} */
    this.view = { x: 0, y: 0, scale: 1 };
    this.width = 1;
    this.height = 1;
    /** Screen pixels at the edges that something else covers; `corner` is how far down the right edge is covered. */
    this.covered = { top: 0, right: 0, bottom: 0, left: 0, corner: 0 };
    this.frame = 0;
  }

  toScreen(/** @type {number} */ x, /** @type {number} */ y) {
    return { x: (x - this.view.x) * this.view.scale, y: (y - this.view.y) * this.view.scale };
  }

  toPicture(/** @type {number} */ x, /** @type {number} */ y) {
    return { x: x / this.view.scale + this.view.x, y: y / this.view.scale + this.view.y };
  }

  /** The part of the picture that is on the screen. @returns {Rect} */
  visible() {
    const { x, y, scale } = this.view;
    return { x, y, width: this.width / scale, height: this.height / scale };
  }

  pan(/** @type {number} */ dx, /** @type {number} */ dy) {
    const { x, y, scale } = this.view;
    this.set({ x: x - dx / scale, y: y - dy / scale, scale });
  }

  /** Zooms by `factor`; the point of the picture under the screen point x, y stays there. */
  zoom(/** @type {number} */ factor, /** @type {number} */ x, /** @type {number} */ y) {
    const scale = Math.min(MOST_SCALE, Math.max(LEAST_SCALE, this.view.scale * factor));
    const held = this.toPicture(x, y);
    this.set({ x: held.x - x / scale, y: held.y - y / scale, scale });
  }

  set(/** @type {View} */ view) {
    cancelAnimationFrame(this.frame);
    this.view = view;
    this.changed();
  }

  /** Moves to `view` in `ms`; at once if the user asked for less motion. */
  glide(/** @type {View} */ view, ms = GLIDE_MS) {
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) return this.set(view);
    cancelAnimationFrame(this.frame);
    const from = this.view;
    const start = performance.now();
    const step = (/** @type {number} */ now) => {
      const t = Math.min(1, Math.max(0, (now - start) / ms));
      const eased = 1 - (1 - t) ** 3;
      // The scale runs geometrically and the position follows it, so that the way feels straight.
      const scale = from.scale * (view.scale / from.scale) ** eased;
      const part = view.scale === from.scale ? eased : (1 / scale - 1 / from.scale) / (1 / view.scale - 1 / from.scale);
      this.view =
        t === 1 ? view : { x: from.x + (view.x - from.x) * part, y: from.y + (view.y - from.y) * part, scale };
      this.changed();
      if (t < 1) this.frame = requestAnimationFrame(step);
    };
    this.frame = requestAnimationFrame(step);
  }

  /** The view that shows all of `rect`, centered, at most at `most` times its size. @returns {View} */
  fitting(/** @type {Rect} */ rect, most = 1) {
    const free = this.free();
    const scale = Math.max(
      LEAST_SCALE,
      Math.min(most, free.width / Math.max(1, rect.width), free.height / Math.max(1, rect.height)),
    );
    return {
      x: rect.x + rect.width / 2 - (free.x + free.width / 2) / scale,
      y: rect.y + rect.height / 2 - (free.y + free.height / 2) / scale,
      scale,
    };
  }

  /** The view to start with: all of it if that can be read, else its top at a size that can. @returns {View} */
  home(/** @type {Rect} */ rect) {
    const all = this.fitting(rect);
    if (all.scale >= 0.75) return all;
    let free = this.free();
    // What covers the right side covers only its upper corner: rather below that than off the screen.
    const isWide = free.width < LEAST_START * rect.width;
    if (isWide) free = { ...free, width: free.width + this.covered.right };
    const across = free.width / Math.max(1, rect.width);
    const scale = Math.min(0.9, across >= LEAST_START ? across : Math.max(0.55, across));
    const below = isWide ? Math.min(this.covered.corner, Math.max(0, free.height - rect.height * scale)) : 0;
    const x = rect.x + rect.width / 2 - (free.x + free.width / 2) / scale;
    return { x, y: rect.y - (free.y + below) / scale, scale };
  }

  /** The view nearest to the present one in which `rect` is on the screen. @returns {View} */
  showing(/** @type {Rect} */ rect) {
    const free = this.free();
    let { x, y, scale } = this.view;
    if (scale < 0.5) scale = 0.8;
    if (scale !== this.view.scale) {
      x = rect.x + rect.width / 2 - (free.x + free.width / 2) / scale;
      y = rect.y + rect.height / 2 - (free.y + free.height / 2) / scale;
    }
    const margin = 16 / scale;
    const width = free.width / scale - 2 * margin;
    const height = free.height / scale - 2 * margin;
    // What is larger than the screen shows its top left.
    const nearest = (
      /** @type {number} */ now,
      /** @type {number} */ start,
      /** @type {number} */ size,
      /** @type {number} */ room,
    ) => Math.min(start, Math.max(now, start + Math.min(size, room) - room));
    const [offX, offY] = [free.x / scale + margin, free.y / scale + margin];
    x = nearest(x + offX, rect.x, rect.width, width) - offX;
    y = nearest(y + offY, rect.y, rect.height, height) - offY;
    return { x, y, scale };
  }

  /** The part of the screen that nothing covers, with a margin. @returns {Rect} */
  free() {
    const { top, right, bottom, left } = this.covered;
    const margin = 20;
    return {
      x: left + margin,
      y: top + margin,
      width: Math.max(80, this.width - left - right - 2 * margin),
      height: Math.max(80, this.height - top - bottom - 2 * margin),
    };
  }
}
