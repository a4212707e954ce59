// What each box and each line shows at a position of the run: not yet run, current, reached by its gradient, updated.

/** @typedef {import("./model.js").Model} Model */
/** @typedef {import("./tree.js").Tree} Tree */
/** @typedef {import("./run.js").Run} Run */
/** @typedef {import("./scene.js").Scene} Scene */

const NEVER = Infinity;

/** From which event on things are so, for each item of the tree; found once for a run. */
export class Moments {
  /** @param {Model} model @param {Tree} tree @param {Run} run */
  constructor(model, tree, run) {
    this.run = run;
    this.tree = tree;
    const count = tree.items.length;
    /** The first operation in it ran. */
    this.born = new Float64Array(count).fill(NEVER);
    /** The last one did. */
    this.done = new Float64Array(count).fill(-1);
    /** The first gradient had arrived in it. */
    this.reached = new Float64Array(count).fill(NEVER);
    /** The first of its parameters was updated. */
    this.updated = new Float64Array(count).fill(NEVER);
    for (const { index, node } of tree.items) {
      if (node < 0) continue;
      const ran = run.forwardOf[node];
      this.born[index] = ran >= 0 ? ran : model.nodes[node].kind === "call" ? NEVER : -1;
      this.done[index] = ran;
      this.reached[index] = run.grads.get(node)?.[0].event ?? run.backwardOf[node][0] ?? NEVER;
      for (const parameter of run.parametersOf(node)) {
        const update = run.updates.get(parameter)?.find(({ event }) => event > ran);
        if (update) this.updated[index] = Math.min(this.updated[index], update.event);
      }
    }
    this.outputs(model);
    // A group comes before what it holds.
    for (let i = count - 1; i > 0; i--) {
      const { parent } = tree.items[i];
      this.born[parent] = Math.min(this.born[parent], this.born[i]);
      this.done[parent] = Math.max(this.done[parent], this.done[i]);
      this.reached[parent] = Math.min(this.reached[parent], this.reached[i]);
      this.updated[parent] = Math.min(this.updated[parent], this.updated[i]);
    }
    /** The derivatives that send a gradient along each edge of the model, by `from * n + to`. */
    this.flows = /** @type {Map<number, number[]>} */ (new Map());
    for (const { index, row, to } of run.events) {
      for (const source of to) {
        const key = source * model.nodes.length + row;
        const found = this.flows.get(key);
        if (found) found.push(index);
        else this.flows.set(key, [index]);
      }
    }
    this.count = model.nodes.length;
    this.edges = model.edges;
    this.ofLines = /** @type {LineMoments | null} */ (null);
  }

  /** The output is there when what it returns is. */
  outputs(/** @type {Model} */ model) {
    for (const edge of model.edges) {
      if (model.nodes[edge.to].kind !== "output") continue;
      const item = this.tree.ofNode[edge.to];
      const given = this.born[this.tree.ofNode[edge.from]];
      this.born[item] = this.born[item] === NEVER || this.born[item] < 0 ? given : Math.max(this.born[item], given);
    }
  }

  /** Finds the same for the lines of a scene; called whenever the scene changes. */
  setScene(/** @type {Scene} */ scene) {
    this.ofLines = lineMoments(this, scene);
  }

  /** How everything stands at a position. `current` is the visible box of the event there, -1 for none. */
  at(/** @type {number} */ position, /** @type {number} */ current) {
    return new MomentView(this, position, current);
  }
}

/** @typedef {{born: Float64Array, flows: number[][]}} LineMoments `flows`: the events that send a gradient along it */

/** @returns {LineMoments} */
function lineMoments(/** @type {Moments} */ moments, /** @type {Scene} */ scene) {
  const born = new Float64Array(scene.lines.length).fill(NEVER);
  const flows = scene.lines.map(() => /** @type {number[]} */ ([]));
  const ofEdge = /** @type {Map<string, number[]>} */ (new Map());
  for (const { from, to, edges } of scene.edges) {
    const events = edges.flatMap((index) => {
      const edge = moments.edges[index];
      return moments.flows.get(edge.from * moments.count + edge.to) ?? [];
    });
    if (events.length) ofEdge.set(`${from} ${to}`, events);
  }
  scene.lines.forEach((line, index) => {
    if (line.target < 0) return;
    const events = ofEdge.get(`${line.key} ${line.target}`) ?? [];
    for (let i = index; i >= 0; i = scene.lines[i].parent) {
      born[i] = Math.min(born[i], moments.born[line.target]);
      if (events.length) flows[i].push(...events);
    }
  });
  return { born, flows };
}

export class MomentView {
  /** @param {Moments} moments @param {number} position @param {number} current */
  constructor(moments, position, current) {
    this.moments = moments;
    this.position = position;
    this.current = current;
    this.phase = moments.run.events[position].phase;
  }

  isFuture(/** @type {number} */ item) {
    return this.moments.born[item] > this.position && item !== this.current;
  }

  isReached(/** @type {number} */ item) {
    return this.moments.reached[item] <= this.position;
  }

  isUpdated(/** @type {number} */ item) {
    return this.moments.updated[item] <= this.position;
  }

  isLineFuture(/** @type {number} */ line) {
    return (this.moments.ofLines?.born[line] ?? 0) > this.position;
  }

  /** "" before a gradient flowed along the line, "now" in the event that sends it, "past" afterwards. */
  gradientOn(/** @type {number} */ line) {
    let found = "";
    for (const event of this.moments.ofLines?.flows[line] ?? []) {
      if (event === this.position) return "now";
      if (event < this.position) found = "past";
    }
    return found;
  }
}
