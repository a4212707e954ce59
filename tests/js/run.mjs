// A small recorded run for tests: forward, backward and update of the graphs that `payloadOf` makes.

/**
 * The run of a payload: its calls in order, then one derivative for each in reverse, then one update.
 * Gradients flow along all edges between calls.
 */
export function runOf(payload) {
  const { nodes, edges, strings } = payload;
  const calls = nodes.name.map((_, i) => i).filter((i) => strings[nodes.kind[i]] === "call");
  const back = [...calls].reverse();
  const row = [...calls, ...back, calls[0]];
  const count = calls.length;
  const words = ["", "op", "OpBackward", "SGD"];
  const to = row.map((at, i) =>
    i >= count && i < 2 * count
      ? edges.from
          .filter((from, e) => edges.to[e] === at && calls.includes(from))
          .filter((x, k, all) => all.indexOf(x) === k)
      : [],
  );
  return {
    format: "graphtools.run",
    version: 1,
    duration_s: 0.001,
    events: {
      row,
      parameter: row.map((_, i) => (i === 2 * count ? 0 : -1)),
      own: row.map(() => 1),
      phase: row.map((_, i) => (i < count ? 0 : i < 2 * count ? 1 : 2)),
      name: row.map((_, i) => (i < count ? 1 : i < 2 * count ? 2 : 3)),
      step: row.map(() => 0),
      us: row.map((_, i) => i + 1),
      file: row.map(() => 0),
      line: row.map(() => 0),
      to,
    },
    frames: { scope: [0], start: [0], stop: [row.length], parent: [-1], is_call: [1], of_event: row.map(() => 0) },
    segments: [0, count, 2 * count],
    stages: [
      {
        kind: "backward",
        start: count,
        stop: 2 * count,
        name: "",
        file: "",
        line: 0,
        before: [],
        changed: [],
        value: 0.5,
      },
    ],
    parameters: { name: ["w"], spec: [0], rows: [[calls[0]]], trainable: [1], buffer: [0] },
    grads: { row: back, output: back.map(() => 0), event: back.map((_, i) => count + i) },
    accumulated: { parameter: [0], event: [2 * count - 1] },
    updates: { event: [2 * count], parameter: [0], optimizer: ["SGD"], settings: [[["lr", "0.1"]]], state: [[]] },
    sources: { "net.py": { 3: "y = x" } },
    strings: words,
  };
}
