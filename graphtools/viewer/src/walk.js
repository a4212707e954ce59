// A position in a recorded run and the ways to move it, the same as graphtools.Debugger's. No DOM, no drawing.

/** @typedef {import("./run.js").Run} Run */
/** @typedef {import("./run.js").RunEvent} RunEvent */

/**
 * The index of the last event that has happened. Steps over and out go by the module call that the walk is in.
 * The rules are those of graphtools/frames.py, and a test compares the two.
 */
export class Walk {
  /** @param {Run} run */
  constructor(run) {
    this.run = run;
    this.position = 0;
    this.frame = run.events.length ? run.events[0].frame : 0;
    /** @type {Set<number>} events at which `run` stops */
    this.breakpoints = new Set();
  }

  /** @returns {RunEvent} */
  get event() {
    return this.run.events[this.position];
  }

  get last() {
    return this.run.events.length - 1;
  }

  /** Each of these says whether it moved. */
  goto(/** @type {number} */ index) {
    const target = Math.max(0, Math.min(this.last, index));
    if (target === this.position) return false;
    this.position = target;
    this.frame = this.event.frame;
    return true;
  }

  step() {
    return this.goto(this.position + 1);
  }

  stepBack() {
    return this.goto(this.position - 1);
  }

  /** Past the next operation or module call of the current call. */
  over() {
    if (this.position >= this.last) return false;
    const frame = this.holding(this.position + 1, this.frame);
    const part = this.part(this.position + 1, frame);
    return this.arrive(part < 0 ? this.position + 1 : this.run.frames[part].stop - 1, frame);
  }

  /** To just before the operation or module call of the current call that ended here. */
  backOver() {
    if (this.position === 0) return false;
    const part = this.part(this.position, this.frame);
    const start = part < 0 ? this.position : this.run.frames[part].start;
    const target = Math.max(0, start - 1);
    const frame = part < 0 || start ? this.holding(target, this.frame) : this.run.events[0].frame;
    return this.arrive(target, frame);
  }

  /** To the end of the current call, or of the pass. */
  out() {
    if (this.position >= this.last) return false;
    const { frames } = this.run;
    const frame = this.holding(this.position + 1, this.frame);
    if (frames[frame].parent >= 0) {
      const end = frames[frame].stop - 1;
      return this.arrive(end, this.holding(end, frames[frame].parent));
    }
    return this.arrive(this.segment(this.position + 1)[1] - 1, frame);
  }

  /** To just before the current call, or before the pass. */
  backOut() {
    if (this.position === 0) return false;
    const { frames } = this.run;
    let frame = this.frame;
    while (frames[frame].parent >= 0 && (frames[frame].stop - frames[frame].start === 1 || !frames[frame].isCall))
      frame = frames[frame].parent;
    const start = frames[frame].parent >= 0 ? frames[frame].start : this.segment(this.position)[0];
    const target = Math.max(0, start - 1);
    return this.arrive(target, start ? this.holding(target, frame) : this.run.events[0].frame);
  }

  /** On to the next breakpoint, or to the end. */
  resume() {
    const next = [...this.breakpoints].filter((event) => event > this.position).sort((a, b) => a - b)[0];
    return this.goto(next ?? this.last);
  }

  /** Back to the breakpoint before, or to the start. */
  resumeBack() {
    const before = [...this.breakpoints].filter((event) => event < this.position).sort((a, b) => b - a)[0];
    return this.goto(before ?? 0);
  }

  /** The pass that holds an event: its first event and the index after its last. */
  segment(/** @type {number} */ position) {
    const { segments, events } = this.run;
    let i = 0;
    while (i + 1 < segments.length && segments[i + 1] <= position) i++;
    return [segments[i], segments[i + 1] ?? events.length];
  }

  /** The call made directly in `frame` that holds the event at `position`; -1 if the event is no part of one. */
  part(/** @type {number} */ position, /** @type {number} */ frame) {
    const { frames, events } = this.run;
    let inner = events[position].frame;
    let found = -1;
    while (inner !== frame && inner >= 0) {
      if (frames[inner].isCall) found = inner;
      inner = frames[inner].parent;
    }
    return found;
  }

  /** The nearest call around `frame`, itself included, that holds a position. */
  holding(/** @type {number} */ position, /** @type {number} */ frame) {
    const { frames } = this.run;
    while (!(frames[frame].isCall && frames[frame].start <= position && position < frames[frame].stop))
      frame = frames[frame].parent;
    return frame;
  }

  arrive(/** @type {number} */ position, /** @type {number} */ frame) {
    const moved = position !== this.position;
    this.position = position;
    this.frame = frame;
    return moved;
  }
}
