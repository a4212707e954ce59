// Why a value and its gradient are what they are: the rule with its factors, what arrived from whom, where it began.

import { make } from "../dom.js";
import { t, word } from "../language.js";
import { percent } from "./numbers.js";

/**
 * @param {any} found as graphtools.answering tells it, or null
 * @param {(row: number, text: string) => HTMLElement} link a button that selects a row
 * @param {(name: string) => number} rowOf the row of a node; -1 if it is not drawn
 * @returns {HTMLElement[]}
 */
export function whyBody(found, link, rowOf) {
  if (!found) return [make("p", { class: "muted" }, t("There is nothing to explain here."))];
  const name = (/** @type {{row: number, name: string}} */ { row, name: text }) =>
    row >= 0 ? link(row, text) : make("span", {}, text);
  return [
    ...found.origins.map((/** @type {any} */ origin) =>
      originCard(origin, name, linked(origin.reason, (text) => name({ row: rowOf(text), name: text }))),
    ),
    ruleCard(found),
    ...arrivals(t("What arrived"), found.arrivals, name, found.sum),
    ...arrivals(t("What it sent on"), found.sent, name, ""),
    make("h3", {}, t("In one line")),
    line(t("value"), found.value),
    line(t("gradient"), found.gradient),
    ...told(found.notes).map((note) => make("p", { class: "muted small" }, note)),
  ].filter((part) => part !== null);
}

/** A reason, with a link in place of the call that a person at a prompt would type: `explain('sub') says why`. */
function linked(/** @type {string} */ reason, /** @type {(name: string) => HTMLElement} */ link) {
  const found = /: explain\('([^']+)'\) says why/.exec(reason);
  if (!found) return [reason];
  const after = reason.slice(found.index + found[0].length);
  return [reason.slice(0, found.index), `; ${t("see why at")} `, link(found[1]), after];
}

/** The notes without what the panel's top says already, and without calls that only a prompt takes. */
function told(/** @type {string[]} */ notes) {
  return notes
    .filter((note) => !note.startsWith("edited: "))
    .map((note) => note.replace(/; explain\(\.\.\., check=True\).*$/, ""));
}

function line(/** @type {string} */ name, /** @type {string} */ text) {
  return make(
    "p",
    { class: "small" },
    make("span", { class: "muted" }, `${name} `),
    make("span", { class: "mono" }, text),
  );
}

/** The derivative rule, one formula for each input, with its actual numbers. */
function ruleCard(/** @type {any} */ found) {
  if (!found.symbol && !found.words) return null;
  return make(
    "section",
    { class: "rule" },
    ...found.symbol
      .split("\n")
      .filter(Boolean)
      .map((/** @type {string} */ formula) => make("p", { class: "symbol" }, formula)),
    found.words ? make("p", {}, found.words) : null,
    found.factors.length
      ? make("ul", { class: "factors" }, ...found.factors.map((/** @type {string} */ words) => make("li", {}, words)))
      : null,
  );
}

function arrivals(
  /** @type {string} */ title,
  /** @type {any[]} */ entries,
  /** @type {(entry: any) => HTMLElement} */ name,
  /** @type {string} */ sum,
) {
  if (!entries.length) return [];
  return [
    make("h3", {}, title),
    ...entries.map((entry) => {
      const bar = make("span", { class: "share" });
      bar.style.width = `${Math.round(100 * Math.min(1, entry.share ?? 0))}%`;
      const share = typeof entry.share === "number" && entries.length > 1 ? ` (${percent(entry.share)})` : "";
      return make(
        "div",
        { class: "arrival", title: entry.source },
        name(entry),
        make("span", { class: "muted" }, ` ${entry.norm}${share}`),
        entry.symbol ? make("p", { class: "symbol small" }, entry.symbol) : null,
        entries.length > 1 ? make("span", { class: "share-track" }, bar) : null,
      );
    }),
    sum ? make("p", { class: "muted small" }, sum) : null,
  ].filter((part) => part !== null);
}

const TROUBLES = /** @type {Record<string, string>} */ ({
  "zero value": word("Zero value"),
  "zero gradient": word("Zero gradient"),
  "missing value": word("Missing value"),
  "missing gradient": word("No gradient"),
  "not finite value": word("Not finite value"),
  "not finite gradient": word("Not finite gradient"),
});

/** The way back to where a zero, missing or non-finite number began. */
function originCard(
  /** @type {any} */ origin,
  /** @type {(entry: any) => HTMLElement} */ name,
  /** @type {(string | HTMLElement)[]} */ reason,
) {
  const others = origin.others
    ? origin.others === 1
      ? t("1 more place does the same on other ways.")
      : t("{n} more places do the same on other ways.", { n: origin.others })
    : "";
  const told = origin.steps.length > 1 ? origin.steps : [];
  const steps = told.map((/** @type {any} */ step) =>
    make(
      "li",
      {},
      name(step),
      ` ${step.text}`,
      step.source ? make("span", { class: "muted" }, ` ${step.source}`) : null,
    ),
  );
  // An input, a constant or what makes zeros has none by itself: that is no fault, as one lost on the way may be.
  const isByNature = origin.trouble === "missing" && origin.steps.length < 2;
  // Of a long way only both ends are told.
  if (origin.between) {
    const after = steps.length / 2;
    const left = make("li", { class: "muted left-out" }, t("{n} more steps", { n: origin.between }));
    steps[after].setAttribute("value", String(after + origin.between + 1));
    steps.splice(after, 0, left);
  }
  return make(
    "section",
    { class: isByNature ? "warning origin" : "warning bad-card origin" },
    make(
      "p",
      {},
      make("strong", {}, `${t(TROUBLES[`${origin.trouble} ${origin.side}`] ?? `${origin.trouble} ${origin.side}`)}: `),
      ...reason,
    ),
    steps.length ? make("ol", {}, ...steps) : null,
    others ? make("p", { class: "small" }, others) : null,
  );
}
