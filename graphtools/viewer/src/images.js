// Small pictures of values as canvases, from the bytes that graphtools.summaries wrote.

import { colorOf } from "./panel/colors.js";
import { bytesOf, valuesOf } from "./panel/pixels.js";

/**
 * A picture of bytes, coded "u8" or "rgb8", as a canvas of its own size; null for anything else. All have one color map,
 * from the least to the greatest value, so that boxes beside each other can be compared.
 * @param {any} picture
 * @returns {HTMLCanvasElement | null}
 */
export function thumbnailOf(picture) {
  if (!picture?.data || (picture.coding !== "u8" && picture.coding !== "rgb8")) return null;
  const { width, height } = picture;
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d");
  if (!context) return null;
  const image = context.createImageData(width, height);
  if (picture.coding === "rgb8") {
    const bytes = bytesOf(picture.data);
    for (let i = 0; i < width * height; i++) image.data.set([...bytes.subarray(3 * i, 3 * i + 3), 255], 4 * i);
  } else {
    valuesOf({ ...picture, low: 0, high: 255 }).forEach((u, i) => image.data.set([...colorOf(u, 0, 255), 255], 4 * i));
  }
  context.putImageData(image, 0, 0);
  return canvas;
}
