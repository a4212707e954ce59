// Pictures of tensors as numbers again: from base64, a byte or a float a pixel.

import { bytesOf } from "../images.js";

/**
 * @typedef {object} Picture As graphtools.summaries writes it.
 * @property {"image" | "heat map" | "curve" | "none"} kind
 * @property {number} width
 * @property {number} height
 * @property {string} data
 * @property {"rgb8" | "f32" | "u8"} coding
 * @property {number | string | null} low
 * @property {number | string | null} high
 * @property {number[]} [nonfinite]
 * @property {number[]} index
 * @property {number[]} choices
 * @property {string} caption
 * @property {boolean} exact one pixel is one element
 */

/** The values of a heat map or a curve; NaN where the tensor was not finite. @returns {Float32Array} */
export function valuesOf(/** @type {Picture} */ picture) {
  const bytes = bytesOf(picture.data);
  if (picture.coding === "f32") return new Float32Array(bytes.buffer, 0, picture.width * picture.height);
  const low = Number(picture.low);
  const scale = (Number(picture.high) - low) / 255;
  const values = Float32Array.from(bytes, (u) => low + scale * u);
  for (const i of picture.nonfinite ?? []) values[i] = NaN;
  return values;
}

/** Whether the values read from it are those of the tensor, and not rounded or averaged. */
export function isExact(/** @type {Picture} */ picture) {
  return picture.exact && picture.coding === "f32";
}

export { bytesOf };
