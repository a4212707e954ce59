// Places for boxes that have none yet: near what they are connected with, over no other; between two boxes, room is made.

import { arrange } from "./arrange.js";

/** @typedef {import("./level.js").Level} Level */
/** @typedef {import("./arrange.js").Measure} Measure */
/** @typedef {[number, number]} Place the middle of a box's upper side */
/** @typedef {Record<string, Place>} Places */

const GAP = 44; // pixels between a box and the next below it
const TIGHT = 26; // those that are enough where something is put between two boxes
const BESIDE = 12; // those between boxes in a row

/**
 * Places for boxes without one, and for those that make room for them. All are laid out where none has a place.
 * @param {Level} level
 * @param {Places} known
 * @param {Measure} measure
 * @returns {Places}
 */
export function placeNew(level, known, measure) {
  const missing = level.boxes.filter(({ key }) => !Object.hasOwn(known, key)).map(({ key }) => key);
  if (!missing.length) return {};
  if (missing.length === level.boxes.length) return arrange(level, measure);
  const places = { ...known };
  const found = /** @type {Places} */ ({});
  for (const key of fromTheTop(level, missing)) {
    const { place, isBetween } = placeOf(key, level, places, measure);
    found[key] = places[key] = place;
    if (!isBetween) continue;
    const moved = roomBelow(key, level, places, measure);
    Object.assign(found, moved);
    Object.assign(places, moved);
  }
  return found;
}

/** Boxes in an order in which each comes after what it takes, as far as that can be. */
function fromTheTop(/** @type {Level} */ level, /** @type {string[]} */ keys) {
  const waiting = new Set(keys);
  const sorted = /** @type {string[]} */ ([]);
  while (waiting.size) {
    const isFree = (/** @type {string} */ key) => !giversOf(level, key).some((giver) => waiting.has(giver));
    const next = [...waiting].find(isFree) ?? [...waiting][0];
    waiting.delete(next);
    sorted.push(next);
  }
  return sorted;
}

function giversOf(/** @type {Level} */ level, /** @type {string} */ key) {
  return level.edges.filter(({ from, to }) => to === key && from !== key).map(({ from }) => from);
}

function takersOf(/** @type {Level} */ level, /** @type {string} */ key) {
  return level.edges.filter(({ from, to }) => from === key && to !== key).map(({ to }) => to);
}

/** @returns {{place: Place, isBetween: boolean}} */
function placeOf(
  /** @type {string} */ key,
  /** @type {Level} */ level,
  /** @type {Places} */ places,
  /** @type {Measure} */ measure,
) {
  const size = measure(key);
  const givers = giversOf(level, key).filter((other) => Object.hasOwn(places, other));
  const takers = takersOf(level, key).filter((other) => Object.hasOwn(places, other));
  const loose = (/** @type {Place} */ at) => ({ place: freeNear(at, size, level, places, measure), isBetween: false });
  if (givers.length) {
    const floor = Math.max(...givers.map((giver) => places[giver][1] + measure(giver).height));
    const below = takers.filter((taker) => places[taker][1] >= floor); // another closes a loop
    const x = Math.max(...givers.map((giver) => places[giver][0]));
    if (!below.length) return loose([besideTakers(key, x, level, places, measure), floor + GAP]);
    const roof = Math.min(...below.map((taker) => places[taker][1]));
    const isBranch = givers.length === 1 && takersOf(level, givers[0]).some((taker) => taker !== key && Object.hasOwn(places, taker));
    const column = isBranch && below.length === 1 ? places[below[0]][0] : x;
    const spare = roof - floor - size.height;
    if (spare >= 2 * TIGHT) return loose([column, floor + spare / 2]);
    return { place: [Math.round(column), Math.round(floor + GAP)], isBetween: true };
  }
  if (takers.length) {
    const roof = Math.min(...takers.map((taker) => places[taker][1]));
    return loose([Math.min(...takers.map((taker) => places[taker][0])), roof - size.height - GAP]);
  }
  const ends = level.boxes.filter((box) => Object.hasOwn(places, box.key));
  const floor = Math.max(40, ...ends.map((box) => places[box.key][1] + measure(box.key).height + GAP));
  return loose([40 + size.width / 2, floor]);
}

/** The x of a box that takes a value in a column: beside those in it that take the value too, not on their edges. */
function besideTakers(
  /** @type {string} */ key,
  /** @type {number} */ x,
  /** @type {Level} */ level,
  /** @type {Places} */ places,
  /** @type {Measure} */ measure,
) {
  const { width } = measure(key);
  const siblings = giversOf(level, key).flatMap((giver) => takersOf(level, giver));
  const half = (/** @type {string} */ other) => (measure(other).width + width) / 2;
  const inWay = siblings
    .filter((other) => other !== key && Object.hasOwn(places, other))
    .sort((a, b) => places[a][0] - places[b][0])
    .filter((other) => Math.abs(places[other][0] - x) < half(other) + BESIDE);
  return inWay.reduce((at, other) => Math.max(at, places[other][0] + half(other) + 2 * BESIDE), x);
}

/** Where the boxes go that stand in the way of a box, or not far enough below it, with all that is below them. */
function roomBelow(
  /** @type {string} */ key,
  /** @type {Level} */ level,
  /** @type {Places} */ places,
  /** @type {Measure} */ measure,
) {
  const givers = new Set(giversOf(level, key));
  const others = level.boxes.map((box) => box.key).filter((other) => Object.hasOwn(places, other) && other !== key);
  const isOver = (/** @type {string} */ a, /** @type {string} */ b) =>
    Math.abs(places[a][0] - places[b][0]) < (measure(a).width + measure(b).width) / 2 + BESIDE;
  const top = places[key][1];
  const needed = top + measure(key).height + GAP;
  const takers = new Set(takersOf(level, key).filter((taker) => places[taker]?.[1] >= top - GAP));
  const isHit = (/** @type {string} */ other) =>
    isOver(other, key) && places[other][1] < needed && places[other][1] + measure(other).height > top - BESIDE;
  const moving = others.filter((other) => !givers.has(other) && (takers.has(other) || isHit(other)));
  const way = Math.max(0, ...moving.map((other) => needed - places[other][1]));
  if (!way) return {};
  const set = new Set(moving);
  for (const mover of set) {
    const takenBy = new Set(takersOf(level, mover));
    for (const other of others) {
      const isBelow = places[other][1] >= places[mover][1] && (takenBy.has(other) || isOver(other, mover));
      if (isBelow && !givers.has(other)) set.add(other);
    }
  }
  return /** @type {Places} */ (
    Object.fromEntries([...set].map((other) => [other, [places[other][0], Math.round(places[other][1] + way)]]))
  );
}

/** The nearest place to the right of a point that covers no box. @returns {Place} */
export function freeNear(
  /** @type {Place} */ [x, y],
  /** @type {{width: number, height: number}} */ { width, height },
  /** @type {Level} */ level,
  /** @type {Places} */ places,
  /** @type {Measure} */ measure,
) {
  for (let tries = 0; tries < 200; tries++) {
    const hit = level.boxes.find(({ key }) => {
      if (!Object.hasOwn(places, key)) return false;
      const size = measure(key);
      const [middle, top] = places[key];
      const isBeside = Math.abs(middle - x) >= (size.width + width) / 2 + BESIDE;
      return !isBeside && top < y + height + BESIDE && y < top + size.height + BESIDE;
    });
    if (!hit) break;
    x = places[hit.key][0] + (measure(hit.key).width + width) / 2 + 24;
  }
  return [Math.round(x), Math.round(y)];
}
