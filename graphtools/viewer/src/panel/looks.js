// The looks of tensors as the host tells them: asked for once, kept for a while, late answers dropped.

/** @typedef {import("../host.js").Host} Host */

const MOST = 300; // entries kept

export class Looks {
  /** @param {Host | null} host */
  constructor(host) {
    this.host = host;
    this.kept = /** @type {Map<string, Promise<any>>} */ (new Map());
  }

  /** Whether there are no pictures but those that came with a tensor. */
  get holdsAll() {
    return this.host?.holdsAll ?? false;
  }

  /** What to say where no answer comes; "" if nothing is known of why. */
  get silence() {
    return this.host?.silence ?? "";
  }

  /** The summary of a tensor; of one that cannot be had, its reason under `lost`. */
  tensor(/** @type {string} */ key) {
    return this.once(key, () => this.host?.tensor(key));
  }

  /** Another picture of it; null where it is not at hand. */
  picture(/** @type {string} */ key, /** @type {number[]} */ index, /** @type {boolean} */ color) {
    return this.once(`${key} ${index} ${color}`, () => this.host?.picture(key, index, color));
  }

  explain(/** @type {number} */ row, /** @type {number} */ event) {
    return this.once(`why ${row} ${event}`, () => this.host?.explain(row, event));
  }

  once(/** @type {string} */ name, /** @type {() => Promise<any> | undefined} */ ask) {
    const found = this.kept.get(name);
    if (found) {
      this.kept.delete(name); // the one used last is dropped last
      this.kept.set(name, found);
      return found;
    }
    const asked = Promise.resolve(ask() ?? null);
    this.kept.set(name, asked);
    asked.catch(() => this.kept.delete(name)); // it may be had the next time
    if (this.kept.size > MOST) this.kept.delete(/** @type {string} */ (this.kept.keys().next().value));
    return asked;
  }
}
