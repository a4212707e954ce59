// Network simplex: positions that keep the weighted length of all edges least while each keeps its least length.
// After Gansner, Koutsofios, North, Vo, "A technique for drawing directed graphs" (1993). Used for ranks and for x.

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
    this.points = points;
    this.constraints = constraints;
    this.x = x;
    const size = x.length;
    this.inTree = new Set();
    this.near = /** @type {Map<number, Constraint[]>} */ (new Map(points.map((p) => [p, []])));
    this.up = new Array(size).fill(null); // tree edge to the parent
    this.low = new Int32Array(size);
    this.high = new Int32Array(size);
    this.order = /** @type {number[]} */ ([]);
    this.pull = new Float64Array(size); // weight out of a point minus weight into it; then of its whole subtree
    this.own = new Float64Array(size);
    for (const c of constraints) {
      this.own[c.a] += c.weight;
      this.own[c.b] -= c.weight;
    }
  }

  slack(/** @type {Constraint} */ c) {
    return this.x[c.b] - this.x[c.a] - c.least;
  }

  run(/** @type {number} */ limit) {
    this.growTree();
    for (let pivot = 0; pivot < limit; pivot++) {
      this.number();
      const leaving = this.leavingPoint();
      if (leaving < 0 || !this.exchange(leaving)) return;
    }
  }

  /** A spanning tree of tight constraints; what is not yet tight is moved until it is. */
  growTree() {
    const all = /** @type {Map<number, Constraint[]>} */ (new Map(this.points.map((p) => [p, []])));
    for (const c of this.constraints) {
      all.get(c.a)?.push(c);
      all.get(c.b)?.push(c);
    }
    const reached = new Set([this.points[0]]);
    const stack = [this.points[0]];
    const border = /** @type {Set<Constraint>} */ (new Set());
    for (;;) {
      while (stack.length) {
        const p = /** @type {number} */ (stack.pop());
        for (const c of all.get(p) ?? []) {
          const other = c.a === p ? c.b : c.a;
          if (reached.has(other)) border.delete(c);
          else if (this.slack(c) < EPSILON) {
            reached.add(other);
            stack.push(other);
            this.link(c);
            border.delete(c);
          } else border.add(c);
        }
      }
      if (reached.size === this.points.length) return;
      let best = null;
      let least = Infinity;
      for (const c of border) {
        if (reached.has(c.a) && reached.has(c.b)) border.delete(c);
        else if (this.slack(c) < least) [best, least] = [c, this.slack(c)];
      }
      if (!best) return;
      const shift = reached.has(best.a) ? least : -least;
      for (const p of reached) this.x[p] += shift;
      stack.push(reached.has(best.a) ? best.a : best.b);
    }
  }

  link(/** @type {Constraint} */ c) {
    this.inTree.add(c);
    this.near.get(c.a)?.push(c);
    this.near.get(c.b)?.push(c);
  }

  unlink(/** @type {Constraint} */ c) {
    this.inTree.delete(c);
    for (const p of [c.a, c.b])
      this.near.set(
        p,
        (this.near.get(p) ?? []).filter((other) => other !== c),
      );
  }

  /** Numbers the tree so that a subtree is an interval, and sums `pull` over subtrees. */
  number() {
    const order = this.order;
    order.length = 0;
    const root = this.points[0];
    this.up[root] = null;
    const stack = [root];
    while (stack.length) {
      const p = /** @type {number} */ (stack.pop());
      this.low[p] = order.length;
      order.push(p);
      for (const c of /** @type {Constraint[]} */ (this.near.get(p))) {
        if (c === this.up[p]) continue;
        const child = c.a === p ? c.b : c.a;
        this.up[child] = c;
        stack.push(child);
      }
    }
    for (const p of order) {
      this.high[p] = this.low[p];
      this.pull[p] = this.own[p];
    }
    for (let i = order.length - 1; i > 0; i--) {
      const p = order[i];
      const c = this.up[p];
      const parent = c.a === p ? c.b : c.a;
      this.pull[parent] += this.pull[p];
      this.high[parent] = Math.max(this.high[parent], this.high[p]);
    }
  }

  /** The subtree whose tree edge gains most from being stretched; -1 if none gains. */
  leavingPoint() {
    let best = -1;
    let least = -EPSILON;
    for (let i = 1; i < this.order.length; i++) {
      const p = this.order[i];
      // Edges inside a subtree cancel, so the weight that crosses its border is the sum of its points' pulls.
      const cut = this.up[p].a === p ? this.pull[p] : -this.pull[p];
      if (cut < least) [best, least] = [p, cut];
    }
    return best;
  }

  /** Stretches the tree edge above `p` until another constraint becomes tight, which takes its place in the tree. */
  exchange(/** @type {number} */ p) {
    const leaving = /** @type {Constraint} */ (this.up[p]);
    const below = (/** @type {number} */ q) => this.low[q] >= this.low[p] && this.low[q] <= this.high[p];
    const tailBelow = leaving.a === p;
    let entering = null;
    let least = Infinity;
    for (const c of this.constraints) {
      if (this.inTree.has(c)) continue;
      // It must run against the leaving edge: from the head's side to the tail's side.
      const from = below(c.a);
      if (from === below(c.b) || from === tailBelow) continue;
      const slack = this.slack(c);
      if (slack < least) [entering, least] = [c, slack];
    }
    if (!entering) return false;
    const shift = tailBelow ? -least : least;
    if (least > 0) for (let i = this.low[p]; i <= this.high[p]; i++) this.x[this.order[i]] += shift;
    this.unlink(leaving);
    this.link(entering);
    return true;
  }
}
