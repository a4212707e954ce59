// The small picture of a value in its box.

import { thumbnailOf } from "../images.js";

/** Draws a picture into a slot, or empties it. */
export function drawLook(/** @type {HTMLElement | null} */ slot, /** @type {any} */ picture) {
  if (!slot) return;
  const canvas = picture ? thumbnailOf(picture) : null;
  slot.replaceChildren(...(canvas ? [canvas] : []));
}
