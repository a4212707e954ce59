// Actions one after another: each begins when those before it are done, so that it acts on what they left.

/** @typedef {() => unknown} Act gives a promise where it takes time */

export class Turns {
  /** @param {(error: unknown) => void} failed is told what an action throws; those after it go on */
  constructor(failed) {
    this.failed = failed;
    this.waiting = /** @type {{act: Act, free: boolean, done: () => void}[]} */ ([]);
    this.loose = /** @type {Set<Promise<unknown>>} */ (new Set());
    this.busy = false;
    this.next = -1; // where what the running action asks for is put: before all that was asked for after it
    this.held = 0; // keys that wait, or open what those after them are typed into
  }

  get isIdle() {
    return !this.busy && !this.waiting.length && !this.loose.size;
  }

  /**
   * Does it at once where nothing is under way, else in its turn. Of `free` actions, which look at nothing and only send
   * commands, several of a row are under way together.
   * @returns {Promise<void>} when it is done
   */
  run(/** @type {Act} */ act, free = false) {
    return /** @type {Promise<void>} */ (
      new Promise((done) => {
        if (this.next < 0) this.waiting.push({ act, free, done });
        else this.waiting.splice(this.next++, 0, { act, free, done });
        if (!this.busy) void this.go();
      })
    );
  }

  /** Does what a key says in its turn; until then no key after it can know what it will be typed into. */
  async hold(/** @type {Act} */ act, free = false) {
    this.held++;
    await this.run(act, free);
    this.held--;
  }

  /** Waits for all that is under way now; gives nothing to wait for where that is nothing. */
  settled() {
    return this.isIdle ? undefined : this.run(() => undefined);
  }

  async go() {
    this.busy = true;
    for (let turn = this.waiting.shift(); turn; turn = this.waiting.shift()) {
      if (!turn.free && this.loose.size) await Promise.all(this.loose);
      const doing = this.begin(turn.act);
      if (doing && turn.free) {
        this.loose.add(doing);
        void doing.then(() => this.loose.delete(doing));
      } else if (doing) await doing;
      turn.done();
    }
    this.busy = false;
  }

  /** Begins an action; what to wait for, if it takes time. @returns {Promise<unknown> | null} */
  begin(/** @type {Act} */ act) {
    this.next = 0;
    try {
      const doing = act();
      return doing instanceof Promise ? doing.catch(this.failed) : null;
    } catch (error) {
      this.failed(error);
      return null;
    } finally {
      this.next = -1;
    }
  }
}
