// Small pictures of values as canvases, from the bytes that graphtools.summaries wrote.

const SEQUENTIAL = ["#0d082d", "#3e0f72", "#7c1e6d", "#b73754", "#e55c30", "#fb9519", "#f6d746", "#fcffbe"];

/** Bytes of base64 text. */
export function bytesOf(/** @type {string} */ text) {
  const raw = atob(text);
  const bytes = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i++) bytes[i] = raw.charCodeAt(i);
  return bytes;
}

/**
 * A picture of bytes, coded "u8" or "rgb8", as a canvas of its own size; null for anything else.
 * @param {any} picture
 * @returns {HTMLCanvasElement | null}
 */
export function thumbnailOf(picture) {
  if (!picture?.data || (picture.coding !== "u8" && picture.coding !== "rgb8")) return null;
  const { width, height } = picture;
  const bytes = bytesOf(picture.data);
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d");
  if (!context) return null;
  const image = context.createImageData(width, height);
  for (let i = 0; i < width * height; i++) {
    const [r, g, b] = picture.coding === "rgb8" ? bytes.subarray(3 * i, 3 * i + 3) : TABLE[bytes[i]];
    image.data.set([r, g, b, 255], 4 * i);
  }
  for (const i of picture.nonfinite ?? []) image.data.set([255, 0, 80, 255], 4 * i);
  context.putImageData(image, 0, 0);
  return canvas;
}

const STOPS = SEQUENTIAL.map((color) => [1, 3, 5].map((i) => parseInt(color.slice(i, i + 2), 16)));
const TABLE = Array.from({ length: 256 }, (_, u) => {
  const at = (u / 255) * (STOPS.length - 1);
  const i = Math.min(STOPS.length - 2, Math.floor(at));
  return STOPS[i].map((part, k) => Math.round(part + (STOPS[i + 1][k] - part) * (at - i)));
});
