// Numbers as the inspector writes them, and what they warn of.

import { t } from "../language.js";

/**
 * A number with four significant digits, as graphtools.statistics writes it; texts such as "nan" as they are, and True
 * and False of a bool tensor in Python's words. JSON does not tell 3.0 from 3, so whole numbers are in full to a million.
 */
export function number(/** @type {number | string | boolean | null | undefined} */ value) {
  if (value === null || value === undefined) return "–";
  if (typeof value === "string") return value;
  if (typeof value === "boolean") return value ? "True" : "False";
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "nan" : value > 0 ? "inf" : "-inf";
  if (Number.isInteger(value) && Math.abs(value) < 1e6) return String(value);
  const rounded = value.toExponential(3);
  const exponent = Number(rounded.slice(rounded.indexOf("e") + 1));
  if (exponent < -4 || exponent >= 4) return rounded.replace(/\.?0+e/, "e");
  return String(Number(value.toPrecision(4)));
}

/** A share as a percentage. */
export function percent(/** @type {number} */ share) {
  if (share === 0 || share === 1) return share ? t("all") : "0";
  const value = share * 100;
  if (value < 0.0005) return "< 0.001 %"; // neither of the two may be rounded to none or all
  if (value > 99.9995) return "> 99.999 %";
  return `${value < 0.1 || value > 99.9 ? value.toFixed(3) : value.toFixed(1)} %`;
}

/** @typedef {{text: string, bad: boolean}} Warning */

// A unit that gives zero for every sample learns nothing; half of all values at zero is what a ReLU gives on centered
// input, so well above half says that units are dying (He et al. 2015, Lu et al. 2019).
const MANY_ZEROS = 0.9;
// Gradients so much larger than their values usually mean a step that is too large.
const LARGE_GRADIENT = 1000;
// About 1e-3 is usual where training goes well (Karpathy, CS231n); a hundred times more or less stands out.
const RATIO = { low: 1e-5, high: 1e-1 };

/**
 * What stands out in a value and its gradient, as sentences.
 * @param {any} value summary of the value, or null
 * @param {any} grad summary of its gradient, or null
 * @param {boolean} [isMadeZero] zeros are what the operation makes
 * @returns {Warning[]}
 */
export function warningsOf(value, grad, isMadeZero = false) {
  const found = /** @type {Warning[]} */ ([]);
  for (const entry of [value, grad]) {
    const isValue = entry === value;
    if (isValue && isMadeZero && !entry?.nan && !entry?.inf) continue;
    if (!entry || entry.lost || entry.text !== undefined) continue;
    if (entry.nan || entry.inf)
      found.push({
        text: t(isValue ? "The value holds {what}." : "The gradient holds {what}.", {
          what: [counted(entry.nan, "NaN"), counted(entry.inf, t("infinite"))].filter(Boolean).join(t(" and ")),
        }),
        bad: true,
      });
    else if (entry.elements > 1 && entry.zeros === 1)
      found.push({
        text: t(isValue ? "The value is zero everywhere." : "The gradient is zero everywhere."),
        bad: true,
      });
    else if (isValue && entry.elements > 20 && entry.zeros >= MANY_ZEROS)
      found.push({ text: t("{share} of the values are zero.", { share: percent(entry.zeros) }), bad: false });
  }
  if (
    typeof value?.norm === "number" &&
    typeof grad?.norm === "number" &&
    grad.norm > LARGE_GRADIENT * value.norm &&
    value.norm > 0
  )
    found.push({
      text: t("The gradient is {n} times as large as the value.", { n: number(grad.norm / value.norm) }),
      bad: false,
    });
  return found;
}

/** Whether an operation makes zeros: `torch.zeros`, `x.new_zeros`, `x.zero_`, `torch.zeros_like`. */
export function makesZeros(/** @type {string} */ target) {
  return /(^|\.)(new_)?zeros(_like)?$|\.zero_$/.test(target);
}

/** The one number of a tensor of one element. */
export function onlyNumber(/** @type {any} */ entry) {
  if (entry.nan) return "nan";
  if (entry.inf) return entry.line?.includes("-Inf!") ? "-inf" : "inf";
  return number(entry.min);
}

function counted(/** @type {number} */ count, /** @type {string} */ word) {
  return count ? `${count.toLocaleString("en")} ${word}` : "";
}

/** What an update : weight ratio says, in words; "" for none. */
export function ratioWords(/** @type {number | null} */ ratio) {
  if (ratio === null || Number.isNaN(ratio)) return "";
  const usual = t("about 1e-3 is usual (Karpathy, CS231n)");
  if (ratio === 0) return t("the parameter did not change");
  if (ratio < RATIO.low) return t("very small: {usual}", { usual });
  if (ratio > RATIO.high) return t("very large: {usual}", { usual });
  return usual;
}

/**
 * The gradient that counts at a position: the last that has arrived, and the first that is still to come. Of several
 * backward passes `pass` chooses one: then what arrived in it.
 */
export function gradientAt(
  /** @type {{output: number, event: number}[]} */ arrivals,
  /** @type {number} */ output,
  /** @type {number} */ position,
  /** @type {{start: number, stop: number} | null} */ pass = null,
) {
  const own = arrivals.filter(
    ({ output: of, event }) => of === output && (!pass || (event >= pass.start && event < pass.stop)),
  );
  const past = own.filter((arrival) => arrival.event <= position);
  return { arrived: past.at(-1)?.event ?? -1, coming: own.find((arrival) => arrival.event > position)?.event ?? -1 };
}
