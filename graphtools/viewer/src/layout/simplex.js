// Network simplex: positions that keep the weighted length of all edges least while each keeps its least length.
// After Gansner, Koutsofios, North, Vo, "A technique for drawing directed graphs" (1993). Used for ranks and for x.

import { Heap } from "./heap.js";

/** @typedef {{a: number, b: number, least: number, weight: number}} Constraint x[b] - x[a] >= least, at cost weight */

const EPSILON = 1e-6;

/**
 * Positions x of `count` points that minimize the sum of weight * (x[b] - x[a]). The constraints must have no cycle.
 * Each connected part starts at 0. Past `limit` pivots the best positions so far are given: they are always feasible.
 * @param {number} count
 * @param {Constraint[]} constraints
 * @param {number} [limit]
 * @returns {Float64Array}
 */
export function networkSimplex(count, constraints, limit = 4000) {
  const x = longestPath(count, constraints);
  for (const part of connectedParts(count, constraints)) {
    if (part.points.length > 1) new Simplex(part.points, part.constraints, x).run(limit);
    let low = Infinity;
    for (const point of part.points) low = Math.min(low, x[point]);
    for (const point of part.points) x[point] -= low;
  }
  return x;
}

/** Feasible positions: each point as early as what comes before it allows. */
export function longestPath(/** @type {number} */ count, /** @type {Constraint[]} */ constraints) {
  const x = new Float64Array(count);
  const waiting = new Int32Array(count);
  const out = /** @type {Constraint[][]} */ (Array.from({ length: count }, () => []));
  for (const c of constraints) {
    waiting[c.b]++;
    out[c.a].push(c);
  }
  const ready = [];
  for (let i = 0; i < count; i++) if (!waiting[i]) ready.push(i);
  let done = 0;
  for (; done < ready.length; done++) {
    for (const c of out[ready[done]]) {
      x[c.b] = Math.max(x[c.b], x[c.a] + c.least);
      if (!--waiting[c.b]) ready.push(c.b);
    }
  }
  if (done < count) throw new Error("The constraints form a cycle.");
  return x;
}

function connectedParts(/** @type {number} */ count, /** @type {Constraint[]} */ constraints) {
  const root = Int32Array.from({ length: count }, (_, i) => i);
  const find = (/** @type {number} */ i) => {
    while (root[i] !== i) i = root[i] = root[root[i]];
    return i;
  };
  for (const c of constraints) root[find(c.a)] = find(c.b);
  const parts = new Map();
  for (let i = 0; i < count; i++) {
    if (!parts.has(find(i))) parts.set(find(i), { points: [], constraints: [] });
    parts.get(find(i)).points.push(i);
  }
  for (const c of constraints) parts.get(find(c.a)).constraints.push(c);
  return /** @type {{points: number[], constraints: Constraint[]}[]} */ ([...parts.values()]);
}

/** One connected part: a spanning tree of tight constraints, exchanged edge by edge until no exchange helps. */
class Simplex {
  constructor(/** @type {number[]} */ points, /** @type {Constraint[]} */ constraints, /** @type {Float64Array} */ x) {
    const place = new Map(points.map((point, i) => [point, i]));
    const count = points.length;
    this.points = points;
    this.count = count;
    this.given = x;
    this.x = Float64Array.from(points, (point) => x[point]);
    this.a = Int32Array.from(constraints, (c) => /** @type {number} */ (place.get(c.a)));
    this.b = Int32Array.from(constraints, (c) => /** @type {number} */ (place.get(c.b)));
    this.least = Float64Array.from(constraints, (c) => c.least);
    /** Constraints at each point: those of point p are at[start[p]] to at[start[p + 1] - 1]. */
    this.start = new Int32Array(count + 1);
    for (let c = 0; c < constraints.length; c++) {
      this.start[this.a[c] + 1]++;
      this.start[this.b[c] + 1]++;
    }
    for (let p = 0; p < count; p++) this.start[p + 1] += this.start[p];
    this.at = new Int32Array(2 * constraints.length);
    const next = this.start.slice();
    for (let c = 0; c < constraints.length; c++) {
      this.at[next[this.a[c]]++] = c;
      this.at[next[this.b[c]]++] = c;
    }
    /** Weight of the edges that go out less that of those that come in, of a point or of the subtree below it. */
    this.pull = new Float64Array(count);
    constraints.forEach((c, i) => {
      this.pull[this.a[i]] += c.weight;
      this.pull[this.b[i]] -= c.weight;
    });
    this.up = new Int32Array(count).fill(-1); // the tree's constraint towards the root
    this.inTree = new Uint8Array(constraints.length);
    this.near = /** @type {number[][]} */ (Array.from({ length: count }, () => [])); // tree constraints at each point
    this.side = new Int32Array(count); // the last search that came to each point
    this.searches = 0;
    this.subtree = /** @type {number[]} */ ([]);
  }

  run(/** @type {number} */ limit) {
    this.growTree();
    this.sumPulls();
    for (let pivot = 0; pivot < limit; pivot++) {
      const leaving = this.leavingPoint();
      if (leaving < 0 || !this.exchange(leaving)) break;
    }
    this.points.forEach((point, i) => (this.given[point] = this.x[i]));
  }

  slack(/** @type {number} */ c) {
    return this.x[this.b[c]] - this.x[this.a[c]] - this.least[c];
  }

  other(/** @type {number} */ c, /** @type {number} */ p) {
    return this.a[c] === p ? this.b[c] : this.a[c];
  }

  /** A spanning tree of tight constraints: the tree so far moves to the nearest point that it does not yet hold. */
  growTree() {
    const { x, a, b } = this;
    const reached = new Uint8Array(this.count);
    let moved = 0; // how far the tree has moved; x of its points is brought up to date at the end
    const out = new Heap(); // constraints from the tree, by slack + moved
    const into = new Heap(); // constraints into the tree, by slack - moved
    const take = (/** @type {number} */ first) => {
      reached[first] = 1;
      x[first] -= moved;
      for (let i = this.start[first]; i < this.start[first + 1]; i++) {
        const c = this.at[i];
        const q = this.other(c, first);
        if (reached[q]) continue;
        if (a[c] === first) out.push(x[q] - x[first] - this.least[c], c);
        else into.push(x[first] - x[q] - this.least[c], c);
      }
    };
    take(0);
    for (let held = 1; held < this.count; held++) {
      while (out.size && reached[b[out.top]]) out.pop();
      while (into.size && reached[a[into.top]]) into.pop();
      const [right, left] = [out.size ? out.key - moved : Infinity, into.size ? into.key + moved : Infinity];
      const c = right <= left ? out.pop() : into.pop();
      moved += right <= left ? right : -left;
      this.link(c);
      take(reached[a[c]] ? b[c] : a[c]);
    }
    for (let p = 0; p < this.count; p++) x[p] += moved;
  }

  link(/** @type {number} */ c) {
    this.inTree[c] = 1;
    this.near[this.a[c]].push(c);
    this.near[this.b[c]].push(c);
  }

  unlink(/** @type {number} */ c) {
    this.inTree[c] = 0;
    for (const p of [this.a[c], this.b[c]]) this.near[p].splice(this.near[p].indexOf(c), 1);
  }

  /** Roots the tree at point 0 and sums `pull` over subtrees. */
  sumPulls() {
    const order = [0];
    for (let i = 0; i < order.length; i++) {
      for (const c of this.near[order[i]]) {
        if (c === this.up[order[i]]) continue;
        const child = this.other(c, order[i]);
        this.up[child] = c;
        order.push(child);
      }
    }
    for (let i = order.length - 1; i > 0; i--)
      this.pull[this.other(this.up[order[i]], order[i])] += this.pull[order[i]];
  }

  /** The subtree whose tree edge gains most from being stretched; -1 if none gains. */
  leavingPoint() {
    let best = -1;
    let least = -EPSILON;
    for (let p = 1; p < this.count; p++) {
      // Edges inside a subtree cancel, so the weight that crosses its border is the sum of its points' pulls.
      const cut = this.a[this.up[p]] === p ? this.pull[p] : -this.pull[p];
      if (cut < least) [best, least] = [p, cut];
    }
    return best;
  }

  /** Stretches the tree edge above `p` until another constraint becomes tight, which takes its place in the tree. */
  exchange(/** @type {number} */ p) {
    const leaving = this.up[p];
    const tailBelow = this.a[leaving] === p;
    this.findSubtree(p);
    let entering = -1;
    let least = Infinity;
    for (const q of this.subtree) {
      for (let i = this.start[q]; i < this.start[q + 1]; i++) {
        const c = this.at[i];
        // It must run against the leaving edge: from the head's side to the tail's side.
        if (this.inTree[c] || (tailBelow ? this.b[c] : this.a[c]) !== q) continue;
        if (this.side[this.other(c, q)] === this.searches) continue;
        const slack = this.slack(c);
        if (slack < least || (slack === least && c < entering)) [entering, least] = [c, slack];
      }
    }
    if (entering < 0) return false;
    const shift = tailBelow ? -least : least;
    if (least > 0) for (const q of this.subtree) this.x[q] += shift;
    this.hangOver(p, leaving, entering);
    return true;
  }

  /** The points below `p`, itself included, in `subtree`; `side` marks them. */
  findSubtree(/** @type {number} */ p) {
    const { subtree, side } = this;
    const search = ++this.searches;
    subtree.length = 0;
    subtree.push(p);
    side[p] = search;
    for (let i = 0; i < subtree.length; i++) {
      for (const c of this.near[subtree[i]]) {
        if (c === this.up[subtree[i]]) continue;
        const child = this.other(c, subtree[i]);
        side[child] = search;
        subtree.push(child);
      }
    }
  }

  /** Hangs the subtree of `p` from `entering` instead of `leaving`; only the pulls between them change. */
  hangOver(/** @type {number} */ p, /** @type {number} */ leaving, /** @type {number} */ entering) {
    const { up, pull } = this;
    const sum = pull[p];
    for (let q = this.other(leaving, p); ; q = this.other(up[q], q)) {
      pull[q] -= sum;
      if (up[q] < 0) break;
    }
    const inside = this.side[this.a[entering]] === this.searches ? this.a[entering] : this.b[entering];
    // From the point that now hangs on top down to p, what was above comes to be below.
    let [above, child, pulled] = [entering, inside, sum];
    for (;;) {
      const [before, own] = [up[child], pull[child]];
      up[child] = above;
      pull[child] = pulled;
      if (child === p) break;
      pulled = sum - own;
      [above, child] = [before, this.other(before, child)];
    }
    for (let q = this.other(entering, inside); ; q = this.other(up[q], q)) {
      pull[q] += sum;
      if (up[q] < 0) break;
    }
    this.unlink(leaving);
    this.link(entering);
  }
}
