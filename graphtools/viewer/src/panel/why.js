// Why a gradient is what it is: the derivative rule with its factors, what arrived from whom, where it began.

import { make } from "../dom.js";
import { percent } from "./numbers.js";

/**
 * @param {any} found as graphtools.explaining tells it, or null
 * @param {(row: number, text: string) => HTMLElement} link
 * @param {(event: number) => void} goto
 * @returns {HTMLElement[]}
 */
export function whyBody(found, link, goto) {
  if (!found) return [make("p", { class: "muted" }, "There is no explanation of this box.")];
  const parts = /** @type {(HTMLElement | null)[]} */ ([]);
  if (found.value) parts.push(make("p", {}, found.value));
  if (found.symbol || found.words) {
    parts.push(
      make(
        "section",
        { class: "rule" },
        ...String(found.symbol ?? "").split("\n").filter(Boolean).map((line) => make("p", { class: "symbol" }, line)),
        found.words ? make("p", {}, found.words) : null,
        found.factors?.length
          ? make(
              "table",
              { class: "numbers" },
              ...found.factors.map((/** @type {string[]} */ [name, text]) =>
                make("tr", {}, make("th", { scope: "row" }, name), make("td", {}, text)),
              ),
            )
          : null,
      ),
    );
  }
  if (found.arrivals?.length) {
    parts.push(make("h3", {}, "What arrived, and from whom"));
    for (const { row, text, share } of found.arrivals) {
      const bar = make("span", { class: "share" });
      bar.style.width = `${Math.round(100 * Math.min(1, share ?? 0))}%`;
      parts.push(
        make(
          "div",
          { class: "arrival" },
          row >= 0 ? link(row, text) : make("span", {}, text),
          typeof share === "number" ? make("span", { class: "muted" }, ` ${percent(share)}`) : null,
          make("span", { class: "share-track" }, bar),
        ),
      );
    }
  }
  if (found.origin?.length) {
    parts.push(make("h3", {}, "Where it began"));
    parts.push(
      make(
        "ol",
        { class: "origin" },
        ...found.origin.map((/** @type {any} */ { event, text }) =>
          make(
            "li",
            {},
            typeof event === "number" && event >= 0
              ? make("button", { class: "plain link", onclick: () => goto(event) }, text)
              : text,
          ),
        ),
      ),
    );
  }
  if (found.check) parts.push(make("p", { class: "muted small" }, found.check));
  for (const note of found.notes ?? []) parts.push(make("p", { class: "muted small" }, note));
  return parts.filter((part) => part !== null);
}
