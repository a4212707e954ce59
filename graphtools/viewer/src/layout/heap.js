// A priority queue of numbers.

/** Numbers by their keys, least first; of equal keys the least number. */
export class Heap {
  constructor() {
    this.keys = /** @type {number[]} */ ([]);
    this.values = /** @type {number[]} */ ([]);
  }

  get size() {
    return this.keys.length;
  }

  get key() {
    return this.keys[0];
  }

  get top() {
    return this.values[0];
  }

  before(/** @type {number} */ i, /** @type {number} */ j) {
    return this.keys[i] < this.keys[j] || (this.keys[i] === this.keys[j] && this.values[i] < this.values[j]);
  }

  swap(/** @type {number} */ i, /** @type {number} */ j) {
    [this.keys[i], this.keys[j]] = [this.keys[j], this.keys[i]];
    [this.values[i], this.values[j]] = [this.values[j], this.values[i]];
  }

  push(/** @type {number} */ key, /** @type {number} */ value) {
    this.keys.push(key);
    this.values.push(value);
    for (let i = this.size - 1; i > 0;) {
      const parent = (i - 1) >> 1;
      if (!this.before(i, parent)) break;
      this.swap(i, parent);
      i = parent;
    }
  }

  pop() {
    const top = this.values[0];
    this.swap(0, this.size - 1);
    this.keys.pop();
    this.values.pop();
    for (let i = 0; ;) {
      let least = i;
      for (const child of [2 * i + 1, 2 * i + 2]) if (child < this.size && this.before(child, least)) least = child;
      if (least === i) return top;
      this.swap(i, least);
      i = least;
    }
  }
}
