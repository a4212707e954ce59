// A recorded run as plain rows: what graphtools.payload.run wrote in columns, looked up and checked once.

/**
 * @typedef {"forward" | "backward" | "update"} Phase
 *
 * @typedef {object} RunEvent One thing that happened.
 * @property {number} index
 * @property {number} row the drawn node that it is shown at; -1 for none
 * @property {number} parameter index in `parameters`; -1 for none
 * @property {Phase} phase
 * @property {string} name what ran: `conv2d`, `ConvolutionBackward0`, `SGD`
 * @property {number} frame the innermost module call, an index in `frames`
 * @property {number} step how many optimizer steps had ended before
 * @property {number} us microseconds
 * @property {string} file
 * @property {number} line
 * @property {boolean} own it is the operation of its row, and not bookkeeping shown there
 * @property {number[]} to rows that a derivative sends a gradient to
 *
 * @typedef {{scope: string, start: number, stop: number, parent: number, isCall: boolean}} Frame
 * @typedef {{kind: string, start: number, stop: number, name: string, file: string, line: number, before: string[],
 *   changed: string[], value: number | string | null}} Stage a `value` that is not finite is a text
 * @typedef {{name: string, spec: string, rows: number[], trainable: boolean, buffer: boolean}} Parameter
 * @typedef {{event: number, optimizer: string, settings: [string, string][], state: string[]}} Update
 *
 * @typedef {object} Run
 * @property {RunEvent[]} events
 * @property {Frame[]} frames the first is the whole run
 * @property {number[]} segments where the forward pass, the backward pass, ... begin
 * @property {Stage[]} stages
 * @property {Parameter[]} parameters
 * @property {number} seconds
 * @property {Int32Array} forwardOf the event that ran each row; -1 for inputs and constants
 * @property {number[][]} backwardOf the derivatives of each row, in order
 * @property {Map<number, {output: number, event: number}[]>} grads when the gradient of a row had arrived
 * @property {Map<number, number[]>} accumulated events after which the `.grad` of a parameter changed
 * @property {Map<number, Update[]>} updates of each parameter
 * @property {(row: number) => number[]} parametersOf parameters and buffers that an operation reads
 * @property {(file: string) => Map<number, string> | null} source the lines known of a file
 */

export const RUN_FORMAT = "graphtools.run";
export const RUN_VERSION = 1;

const PHASES = /** @type {Phase[]} */ (["forward", "backward", "update"]);

/**
 * The payload as a Run. Throws an Error with a plain sentence if it is something else or newer than this viewer.
 * @param {any} payload
 * @param {import("./model.js").Model} model
 * @returns {Run}
 */
export function readRun(payload, model) {
  if (!payload || payload.format !== RUN_FORMAT) throw new Error("This is not a recorded run of graphtools.");
  if (payload.version > RUN_VERSION) {
    throw new Error(
      `This run has version ${payload.version}; this viewer reads up to ${RUN_VERSION}. Update graphtools.`,
    );
  }
  const { events: e, frames: f, parameters: p, updates: u, grads: g, accumulated: a, strings } = payload;
  const text = (/** @type {number} */ index) => strings[index];
  const events = e.row.map((/** @type {number} */ row, /** @type {number} */ i) => ({
    index: i,
    row,
    parameter: e.parameter[i],
    phase: PHASES[e.phase[i]],
    name: text(e.name[i]),
    frame: f.of_event[i],
    step: e.step[i],
    us: e.us[i],
    file: text(e.file[i]),
    line: e.line[i],
    to: e.to[i],
    own: Boolean(e.own[i]),
  }));
  const frames = f.scope.map((/** @type {number} */ scope, /** @type {number} */ i) => ({
    scope: text(scope),
    start: f.start[i],
    stop: f.stop[i],
    parent: f.parent[i],
    isCall: Boolean(f.is_call[i]),
  }));
  const parameters = p.name.map((/** @type {string} */ name, /** @type {number} */ i) => ({
    name,
    spec: text(p.spec[i]),
    rows: p.rows[i],
    trainable: Boolean(p.trainable[i]),
    buffer: Boolean(p.buffer[i]),
  }));
  const forwardOf = new Int32Array(model.nodes.length).fill(-1);
  const backwardOf = model.nodes.map(() => /** @type {number[]} */ ([]));
  for (const event of events) {
    if (event.row < 0 || event.parameter >= 0) continue;
    if (event.phase === "backward") backwardOf[event.row].push(event.index);
    else if (forwardOf[event.row] < 0 && event.own) forwardOf[event.row] = event.index;
  }
  const grads = collect(g.row, (i) => ({ output: g.output[i], event: g.event[i] }));
  const accumulated = collect(a.parameter, (i) => a.event[i]);
  const updates = collect(u.parameter, (i) => ({
    event: u.event[i],
    optimizer: u.optimizer[i],
    settings: u.settings[i],
    state: u.state[i],
  }));
  const reads = model.nodes.map(() => /** @type {number[]} */ ([]));
  parameters.forEach((/** @type {Parameter} */ parameter, /** @type {number} */ i) => {
    for (const row of parameter.rows) reads[row].push(i);
  });
  const sources = new Map(
    Object.entries(payload.sources ?? {}).map(([file, lines]) => [
      file,
      new Map(
        Object.entries(/** @type {Record<string, string>} */ (lines)).map(([line, words]) => [Number(line), words]),
      ),
    ]),
  );
  return {
    events,
    frames,
    segments: payload.segments,
    stages: payload.stages,
    parameters,
    seconds: payload.duration_s,
    forwardOf,
    backwardOf,
    grads,
    accumulated,
    updates,
    parametersOf: (row) => reads[row] ?? [],
    source: (file) => sources.get(file) ?? null,
  };
}

/**
 * The entries of a table by the number in its first column.
 * @template T
 * @param {number[]} keys
 * @param {(i: number) => T} entry
 * @returns {Map<number, T[]>}
 */
function collect(keys, entry) {
  const found = /** @type {Map<number, T[]>} */ (new Map());
  keys.forEach((key, i) => {
    const list = found.get(key);
    if (list) list.push(entry(i));
    else found.set(key, [entry(i)]);
  });
  return found;
}

/** The last entry whose event has happened at a position; undefined if there is none. */
export function lastAt(/** @type {number[]} */ events, /** @type {number} */ position) {
  let found;
  for (const event of events) if (event <= position) found = event;
  return found;
}
