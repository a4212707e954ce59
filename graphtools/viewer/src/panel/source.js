// The line of the user's code that made the event, among its neighbors.

import { t } from "../language.js";
import { make } from "../dom.js";

/**
 * @param {Map<number, string> | null} lines known lines of the file
 * @param {string} file
 * @param {number} line
 * @param {number} around
 * @returns {HTMLElement[]}
 */
export function sourceBody(lines, file, line, around = 6) {
  if (!file) return [make("p", { class: "muted" }, t("This event has no line of its own."))];
  const name = make("p", { class: "muted mono path", title: file }, `${file}:${line}`);
  if (!lines) return [name, make("p", { class: "muted" }, t("The file could not be read when this was recorded."))];
  const numbers = [...lines.keys()].filter((n) => Math.abs(n - line) <= around).sort((a, b) => a - b);
  const texts = numbers.map((n) => lines.get(n) ?? "");
  const margin = Math.min(
    ...texts.filter((text) => text.trim()).map((text) => text.length - text.trimStart().length),
    60,
  );
  const rows = numbers.map((n, i) =>
    make(
      "div",
      { class: n === line ? "line here" : "line", "aria-current": n === line ? "true" : "false" },
      make("i", {}, String(n)),
      texts[i].slice(margin) || " ",
    ),
  );
  return [name, make("div", { class: "code", role: "group", "aria-label": t("Source"), tabindex: "0" }, ...rows)];
}
