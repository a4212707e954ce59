// How wide a text is, and what of it fits.

export const FONTS = {
  title: '600 13px ui-sans-serif, system-ui, "Segoe UI", Roboto, "Helvetica Neue", sans-serif',
  detail: '400 13px ui-sans-serif, system-ui, "Segoe UI", Roboto, "Helvetica Neue", sans-serif',
  subtitle: "400 10.5px ui-monospace, SFMono-Regular, Menlo, Consolas, monospace",
  label: "400 10px ui-monospace, SFMono-Regular, Menlo, Consolas, monospace",
};

/** @typedef {(text: string, font: keyof typeof FONTS) => number} Measure */

/** Widths without a canvas, a little generous: for tests and workers. @type {Measure} */
export function estimateWidth(text, font) {
  return text.length * { title: 7.8, detail: 7.2, subtitle: 6.4, label: 6.1 }[font];
}

/** Widths as the browser draws them, remembered per text. @returns {Measure} */
export function canvasMeasure() {
  const context = document.createElement("canvas").getContext("2d");
  if (!context) return estimateWidth;
  const known = new Map();
  return (text, font) => {
    const key = font + text;
    let width = known.get(key);
    if (width === undefined) {
      context.font = FONTS[font];
      known.set(key, (width = context.measureText(text).width));
      if (known.size > 20000) known.clear();
    }
    return width;
  };
}

/** `text`, or as much of it as fits in `width` with an ellipsis. A path keeps its end, which tells more than its start. */
export function elide(
  /** @type {string} */ text,
  /** @type {number} */ width,
  /** @type {keyof typeof FONTS} */ font,
  /** @type {Measure} */ measure,
  fromStart = false,
) {
  if (measure(text, font) <= width) return text;
  let [low, high] = [0, text.length];
  const cut = (/** @type {number} */ n) => (fromStart ? "…" + text.slice(text.length - n) : text.slice(0, n) + "…");
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (measure(cut(middle), font) <= width) low = middle;
    else high = middle - 1;
  }
  return low ? cut(low) : "";
}
