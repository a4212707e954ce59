// Pictures of tensors as numbers again: from base64, a byte or a float a pixel.

/**
 * @typedef {object} Picture As graphtools.summaries writes it.
 * @property {"image" | "heat map" | "curve" | "none"} kind
 * @property {number} width
 * @property {number} height
 * @property {string} data
 * @property {"rgb8" | "f32" | "u8"} coding
 * @property {number | string | null} low
 * @property {number | string | null} high
 * @property {number[]} [nonfinite] places of NaN and infinity in a picture of bytes
 * @property {number[]} [plus] ... of +∞
 * @property {number[]} [minus] ... of −∞
 * @property {number[]} index
 * @property {number[]} choices
 * @property {string} caption
 * @property {boolean} exact one pixel is one element
 */

/** The values of a heat map or a curve. @returns {Float32Array} */
export function valuesOf(/** @type {Picture} */ picture) {
  const bytes = bytesOf(picture.data);
  if (picture.coding === "f32") return new Float32Array(bytes.buffer, 0, picture.width * picture.height);
  const low = Number(picture.low);
  const scale = (Number(picture.high) - low) / 255;
  const values = Float32Array.from(bytes, (u) => low + scale * u);
  for (const i of picture.nonfinite ?? []) values[i] = NaN;
  for (const i of picture.plus ?? []) values[i] = Infinity;
  for (const i of picture.minus ?? []) values[i] = -Infinity;
  return values;
}

/** Whether the values read from it are those of the tensor, and not rounded or averaged. */
export function isExact(/** @type {Picture} */ picture) {
  return picture.exact && picture.coding === "f32";
}

const MOST_ZOOM = 28; // pixels of the screen for one of a small picture
const MOST_HEIGHT = 420; // a batch of logits, 128 by 10, was 3,584 pixels high
const STRETCH = 6; // a heat map of a few rows or columns has cells that are this much longer one way,
const NARROW = 96; // until it is this wide or high

/** The size on the screen of a picture, in CSS pixels. An image keeps its proportions; a thin heat map is stretched. */
export function sizeOnScreen(/** @type {Picture} */ picture, /** @type {number} */ width) {
  const fits = Math.min(width / picture.width, MOST_HEIGHT / picture.height, MOST_ZOOM);
  const zoom = fits >= 1 ? Math.floor(fits) : fits;
  if (picture.kind === "image") return { width: picture.width * zoom, height: picture.height * zoom };
  const along = (/** @type {number} */ n, /** @type {number} */ most) => {
    const cell = Math.min(MOST_ZOOM, zoom * STRETCH, NARROW / n, most / n);
    return n * Math.max(zoom, cell >= 1 ? Math.floor(cell) : 0); // whole pixels, or cells differ in size
  };
  return { width: along(picture.width, width), height: along(picture.height, MOST_HEIGHT) };
}

/** Bytes of base64 text. */
export function bytesOf(/** @type {string} */ text) {
  const raw = atob(text);
  const bytes = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i++) bytes[i] = raw.charCodeAt(i);
  return bytes;
}
