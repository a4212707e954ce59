// Where a walk through a run stops: events that a person chose, and conditions with the events at which they hold.

/** @typedef {{events: number[], conditions: string[]}} KeptBreakpoints */

export class Breakpoints {
  constructor() {
    this.events = /** @type {Set<number>} */ (new Set());
    this.conditions = /** @type {Map<string, Set<number>>} */ (new Map());
  }

  /** Every event at which the walk stops. */
  get all() {
    const found = new Set(this.events);
    for (const events of this.conditions.values()) for (const event of events) found.add(event);
    return found;
  }

  /** Sets a breakpoint at an event, or takes it away, also from the conditions that hold there; says if it is set now. */
  toggle(/** @type {number} */ event) {
    let was = this.events.delete(event);
    for (const events of this.conditions.values()) was = events.delete(event) || was;
    if (!was) this.events.add(event);
    return !was;
  }

  /** Sets a condition, with the events at which it holds. */
  hold(/** @type {string} */ condition, /** @type {number[]} */ events) {
    this.conditions.set(condition, new Set(events));
  }

  drop(/** @type {string} */ condition) {
    this.conditions.delete(condition);
  }

  /** What lasts longer than the run: of a condition its text, for another run it holds elsewhere. */
  kept() {
    return { events: [...this.events].sort((a, b) => a - b), conditions: [...this.conditions.keys()] };
  }

  restore(/** @type {KeptBreakpoints} */ kept, /** @type {number} */ length) {
    this.events = new Set(kept.events.filter((event) => event < length));
    this.conditions = new Map(kept.conditions.map((condition) => [condition, new Set()]));
  }
}

/** The first of some events after a position, or from the start if there is none after it; -1 for none at all. */
export function nextOf(/** @type {Iterable<number>} */ events, /** @type {number} */ position) {
  const sorted = [...events].sort((a, b) => a - b);
  return sorted.find((event) => event > position) ?? sorted[0] ?? -1;
}
