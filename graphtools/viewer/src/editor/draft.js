// What the editor knows of the draft: the last picture that Python sent, and the commands on their way to it.

/**
 * @typedef {[string, (string | number)[]]} Value a node, and the path into its result
 * @typedef {(string | number)[]} Place an argument of a node
 * @typedef {{place: Place, label: string, from?: Value, may?: boolean}} InPort
 *
 * @typedef {object} DraftNode
 * @property {string} name
 * @property {"input" | "parameter" | "buffer" | "constant" | "call" | "output"} kind
 * @property {string} title
 * @property {string} target
 * @property {string} category
 * @property {string} home the path of the module that it stands in
 * @property {InPort[]} in
 * @property {[(string | number)[], string][]} out path and type of each tensor that it gives
 * @property {string} [settings]
 * @property {string} [path]
 * @property {number} [parameters]
 * @property {"bypassed" | "disabled"} [mode]
 * @property {boolean} [fault]
 * @property {boolean} [unused] nothing that the draft gives depends on it
 *
 * `labels` are the words of the fixes in another language.
 * @typedef {{message: string, fixes: string[], labels?: string[], node?: string, place?: Place, from?: string}} Problem
 * @typedef {{parameters: number, flops: number, bytes: number, unknown: number}} Totals
 */

export class DraftState {
  /**
   * @param {(op: string, args: any) => Promise<any>} ask
   * @param {() => void} changed called after each picture
   * @param {(text: string) => void} tell
   */
  constructor(ask, changed, tell) {
    this.ask = ask;
    this.changed = changed;
    this.tell = tell;
    this.number = -1;
    /** @type {Map<string, DraftNode>} */
    this.nodes = new Map();
    this.model = "";
    this.groups = /** @type {Record<string, string>} */ ({});
    this.positions = /** @type {Record<string, [number, number]>} */ ({});
    this.problems = /** @type {Problem[]} */ ([]);
    this.totals = /** @type {Totals} */ ({ parameters: 0, flops: 0, bytes: 0, unknown: 0 });
    this.undo = "";
    this.redo = "";
    this.notes = /** @type {string[]} */ ([]);
    /** @type {{command: any, done: (result: any) => void, refused: (text: string) => void}[]} */
    this.waiting = [];
    this.busy = false;
  }

  /** Takes a picture over; asks for the whole where it is of changes to another than the last. */
  async take(/** @type {any} */ picture) {
    if (picture.since !== undefined && picture.since !== this.number) picture = await this.ask("picture", {});
    const known = picture.since === undefined ? new Map() : this.nodes;
    for (const node of picture.nodes) known.set(node.name, node);
    for (const [name, changed, gone] of picture.changes ?? []) {
      const node = { ...known.get(name), ...changed };
      for (const key of gone) delete node[key];
      known.set(name, node);
    }
    this.nodes = new Map(picture.order.map((/** @type {string} */ name) => [name, known.get(name)]));
    const { number, model, groups, positions, problems, totals, undo, redo, notes } = picture;
    Object.assign(this, { number, model, groups, problems, totals, undo, redo, notes });
    this.positions = Object.assign(Object.create(null), positions); // a node may be called `constructor`
    this.changed();
  }

  /**
   * Has a command carried out, after those before it; commands that wait go together. Gives what Python says of it, with
   * `new`, the names of new nodes, or null where it was refused, which the person is told, or who asks by `refused`.
   * @param {any} command
   * @param {(text: string) => void} [refused]
   * @returns {Promise<any>}
   */
  run(command, refused = this.tell) {
    return new Promise((done) => {
      this.waiting.push({ command, done, refused });
      if (!this.busy) void this.flush();
    });
  }

  async flush() {
    this.busy = true;
    try {
      while (this.waiting.length) {
        const batch = this.waiting.splice(0);
        const commands = batch.map(({ command }) => command);
        try {
          const { results, picture } = await this.ask("do", { commands, since: this.number });
          await this.take(picture);
          batch.forEach(({ done, refused }, i) => {
            if (results[i].error) refused(results[i].error);
            done(results[i].error ? null : results[i]);
          });
        } catch (error) {
          this.tell(error instanceof Error ? error.message : String(error));
          for (const { done } of batch) done(null);
        }
      }
    } finally {
      this.busy = false;
    }
  }

  /** The type of a value, "" if it is not known. */
  typeOf(/** @type {Value} */ [name, path]) {
    const found = this.nodes.get(name)?.out.find(([at]) => String(at) === String(path));
    return found ? found[1] : "";
  }
}
