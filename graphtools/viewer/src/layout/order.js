// The order of cells in each layer: few crossings, found by sweeps of barycenters and exchanges of neighbors.

/** @typedef {import("./layers.js").Layered} Layered */
/** @typedef {import("./layers.js").Segment} Segment */

const SWEEPS = 12;
const KINDS = 4; // of sweeps, one after the other: down and up, the first or the last of equals first
const LONGEST_SIFTED = 60; // cells in a layer in which each may try every place
const MANY = 100; // lines between two layers, of which each pair takes longer to look at than to sort them

/**
 * Orders `layered.layers` in place. Deterministic: equals keep the order in which they executed. Gives the number of
 * crossings. `mirrored` starts from the last executed instead, which ends elsewhere.
 * @param {Layered} layered
 * @param {boolean} [mirrored]
 * @param {number[] | null} [entering] values at the upper border from left to right, where their order is given
 */
export function orderLayers(layered, mirrored = false, entering = null) {
  const { layers } = layered;
  const work = new Order(layered, entering);
  work.startDepthFirst(mirrored);
  let best = layers.map((layer) => [...layer]);
  let fewest = work.crossings();
  const keepBetter = () => {
    const found = work.crossings();
    if (found < fewest) [best, fewest] = [layers.map((layer) => [...layer]), found];
  };
  let before = best;
  for (let sweep = 0; sweep < SWEEPS && fewest > 0; sweep++) {
    if (sweep && sweep % KINDS === 0) {
      if (isSame(before, layers)) break; // all sweeps to come would do what these did
      before = layers.map((layer) => [...layer]);
    }
    work.sweep(sweep % 2 === 0, sweep % 4 > 1);
    work.exchange();
    keepBetter();
  }
  if (fewest > 0) {
    work.restore(best);
    work.sift();
    keepBetter();
  }
  best.forEach((layer, i) => (layers[i] = layer));
  return fewest;
}

function isSame(/** @type {number[][]} */ a, /** @type {number[][]} */ b) {
  return a.every((layer, i) => layer.every((cell, j) => cell === b[i][j]));
}

class Order {
  constructor(/** @type {Layered} */ layered, /** @type {number[] | null} */ entering) {
    this.layers = layered.layers;
    this.cells = layered.cells;
    this.above = layered.cells.map(() => /** @type {Segment[]} */ ([]));
    this.below = layered.cells.map(() => /** @type {Segment[]} */ ([]));
    for (const segment of layered.segments) {
      this.below[segment.upper].push(segment);
      this.above[segment.lower].push(segment);
    }
    this.at = new Int32Array(layered.cells.length);
    this.wish = new Float64Array(layered.cells.length); // where a cell's neighbors are
    const most = Math.max(0, ...this.layers.map((layer) => layer.reduce((sum, c) => sum + this.above[c].length, 0)));
    this.ends = { upper: new Float64Array(most), lower: new Float64Array(most) }; // of one layer's segments
    this.fixed = entering ? this.layers[0] : null;
    if (entering) {
      const place = new Map(entering.map((key, i) => [key, i]));
      this.layers[0].sort((a, b) => (place.get(this.cells[a].key) ?? 0) - (place.get(this.cells[b].key) ?? 0));
    }
    this.number();
  }

  number() {
    for (const layer of this.layers) layer.forEach((cell, i) => (this.at[cell] = i));
  }

  /** A first order in which what hangs together stands together: depth first from the top, first executed first. */
  startDepthFirst(/** @type {boolean} */ mirrored) {
    const seen = new Set();
    const order = /** @type {number[][]} */ (this.layers.map(() => []));
    const visit = (/** @type {number} */ start) => {
      const stack = [start];
      while (stack.length) {
        const cell = /** @type {number} */ (stack.pop());
        if (seen.has(cell)) continue;
        seen.add(cell);
        order[this.cells[cell].rank].push(cell);
        // Passages come last on the stack's way out, so that a skip edge starts beside its trunk and not inside it.
        const next = this.below[cell].map((segment) => segment.lower);
        next.sort((a, b) => Number(this.cells[a].type === "dummy") - Number(this.cells[b].type === "dummy") || a - b);
        stack.push(...next.reverse());
      }
    };
    this.layers.forEach((layer) =>
      (layer === this.fixed ? layer : [...layer].sort((a, b) => a - b)).forEach(
        (cell) => this.above[cell].length || visit(cell),
      ),
    );
    if (mirrored) for (const layer of order) layer.reverse();
    if (this.fixed) order[0] = [...this.fixed];
    this.restore(order);
  }

  restore(/** @type {number[][]} */ order) {
    this.layers.forEach((layer, i) => layer.splice(0, layer.length, ...order[i]));
    this.number();
  }

  /** Where the other end of a segment stands in its layer, its port's place on a wide box included. */
  end(/** @type {Segment} */ segment, /** @type {boolean} */ upper) {
    const cell = this.cells[upper ? segment.upper : segment.lower];
    const port = upper ? segment.upperPort : segment.lowerPort;
    return this.at[cell.index] + (cell.width ? (port / cell.width) * 0.9 : 0);
  }

  sweep(/** @type {boolean} */ down, /** @type {boolean} */ lastOfEqualsFirst) {
    const count = this.layers.length;
    for (let step = 1; step < count; step++) {
      const layer = this.layers[down ? step : count - 1 - step];
      if (layer === this.fixed) continue;
      const { wish } = this;
      const movable = layer.filter((cell) => {
        const near = down ? this.above[cell] : this.below[cell];
        wish[cell] = NaN;
        if (near.length) wish[cell] = near.reduce((sum, segment) => sum + this.end(segment, down), 0) / near.length;
        return near.length > 0;
      });
      const tie = lastOfEqualsFirst ? -1 : 1;
      movable.sort((a, b) => wish[a] - wish[b] || tie * (this.at[a] - this.at[b]));
      let next = 0;
      for (let i = 0; i < layer.length; i++) if (!Number.isNaN(wish[layer[i]])) layer[i] = movable[next++];
      layer.forEach((cell, i) => (this.at[cell] = i));
    }
  }

  /** Exchanges neighbors as long as that removes crossings. */
  exchange() {
    for (let round = 0, better = true; better && round < 8; round++) {
      better = false;
      for (const layer of this.layers) {
        if (layer === this.fixed) continue;
        for (let i = 0; i + 1 < layer.length; i++) {
          const [a, b] = [layer[i], layer[i + 1]];
          const gain = this.pair(this.above, a, b, true) + this.pair(this.below, a, b, false);
          if (gain <= 0) continue;
          layer[i] = b;
          layer[i + 1] = a;
          this.at[a] = i + 1;
          this.at[b] = i;
          better = true;
        }
      }
    }
  }

  /** Puts each cell where it has the fewest crossings in its layer, as long as that removes any. */
  sift() {
    for (let round = 0, better = true; better && round < 6; round++) {
      better = false;
      for (const layer of this.layers) {
        if (layer === this.fixed || layer.length > LONGEST_SIFTED) continue;
        for (const cell of [...layer]) better = this.siftCell(layer, cell) || better;
      }
    }
  }

  siftCell(/** @type {number[]} */ layer, /** @type {number} */ cell) {
    const from = layer.indexOf(cell);
    let to = from;
    let most = 0;
    for (const step of [-1, 1]) {
      let gain = 0;
      for (let i = from + step; i >= 0 && i < layer.length; i += step) {
        const [left, right] = step < 0 ? [layer[i], cell] : [cell, layer[i]];
        gain += this.pair(this.above, left, right, true) + this.pair(this.below, left, right, false);
        if (gain > most) [most, to] = [gain, i];
      }
    }
    if (to === from) return false;
    layer.splice(from, 1);
    layer.splice(to, 0, cell);
    layer.forEach((other, i) => (this.at[other] = i));
    return true;
  }

  /** Crossings between the segments of neighbors a, b that an exchange would remove, less those it would make. */
  pair(
    /** @type {Segment[][]} */ side,
    /** @type {number} */ a,
    /** @type {number} */ b,
    /** @type {boolean} */ upper,
  ) {
    let gain = 0;
    for (const first of side[a]) {
      for (const second of side[b]) {
        const difference = this.end(first, upper) - this.end(second, upper);
        gain += difference > 0 ? 1 : difference < 0 ? -1 : 0;
      }
    }
    return gain;
  }

  crossings() {
    const { upper, lower } = this.ends;
    let count = 0;
    for (let rank = 1; rank < this.layers.length; rank++) {
      let n = 0;
      for (const cell of this.layers[rank]) {
        for (const segment of this.above[cell]) {
          upper[n] = this.end(segment, true);
          lower[n++] = this.end(segment, false);
        }
      }
      count += n > MANY ? crossingsOfMany(upper, lower, n) : crossingsOfFew(upper, lower, n);
    }
    return count;
  }
}

/** Crossings of `n` lines between two layers, given by their ends. */
function crossingsOfFew(/** @type {Float64Array} */ upper, /** @type {Float64Array} */ lower, /** @type {number} */ n) {
  let count = 0;
  for (let i = 1; i < n; i++) {
    for (let j = 0; j < i; j++) if ((upper[i] - upper[j]) * (lower[i] - lower[j]) < 0) count++;
  }
  return count;
}

function crossingsOfMany(/** @type {Float64Array} */ upper, /** @type {Float64Array} */ lower, /** @type {number} */ n) {
  const lines = Array.from({ length: n }, (_, i) => i);
  lines.sort((a, b) => upper[a] - upper[b] || lower[a] - lower[b]);
  return inversions(lines.map((line) => lower[line]));
}

/** Pairs that stand in the wrong order, by merge sort. @returns {number} */
export function inversions(/** @type {number[]} */ values) {
  if (values.length < 2) return 0;
  const middle = values.length >> 1;
  const left = values.slice(0, middle);
  const right = values.slice(middle);
  let count = inversions(left) + inversions(right);
  for (let i = 0, j = 0, k = 0; k < values.length; k++) {
    if (j >= right.length || (i < left.length && left[i] <= right[j])) values[k] = left[i++];
    else {
      values[k] = right[j++];
      count += left.length - i;
    }
  }
  return count;
}
