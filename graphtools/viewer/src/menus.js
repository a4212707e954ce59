// What the right mouse button offers: for a box, for the picture.

import { t } from "./language.js";

/** @typedef {import("./viewer.js").Viewer} Viewer */
/** @typedef {import("./menu.js").Entry} Entry */

/** What can be done with the whole picture. @returns {Entry[]} */
export function graphEntries(/** @type {Viewer} */ viewer) {
  return [
    { text: t("Show everything"), key: "F", act: () => viewer.fit() },
    { text: t("Open all"), key: "E", act: () => viewer.folding.openAll() },
    { text: t("Close all"), key: "C", act: () => viewer.folding.closeAll() },
  ];
}

/** What can be done with a box. @returns {Entry[]} */
export function boxEntries(/** @type {Viewer} */ viewer, /** @type {number} */ item) {
  const { id, node } = viewer.tree.items[item];
  const entries = viewer.stepping?.entries(item) ?? [];
  if (entries.length) entries.push(null);
  if (node < 0) {
    const text = viewer.folding.open.has(item) ? t("Close") : t("Open");
    entries.push({ text, key: "Enter", act: () => viewer.folding.toggle(item) });
  }
  entries.push({ text: t("Copy path"), act: () => void copy(viewer, id) });
  return entries;
}

async function copy(/** @type {Viewer} */ viewer, /** @type {string} */ text) {
  try {
    await navigator.clipboard.writeText(text);
    viewer.chrome.tell(t("Copied {text}", { text }));
  } catch {
    viewer.chrome.tell(text); // no clipboard here: to copy by hand
  }
}
