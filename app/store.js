// Holds the viewer and the graph for picture.js, so that neither is sent again at each step.

const host = (globalThis.graphtoolsHost ??= { graphs: new Map(), waiting: new Set() });
// A blob, so that the viewer is the same module that the HTML page and notebooks use. Python puts the text in.
const source = VIEWER_SOURCE;
host.viewer ??= import(URL.createObjectURL(new Blob([source], { type: "text/javascript" })));

export default function ({ data }) {
  if (!data) return;
  host.graphs.clear(); // one graph is open at a time
  host.graphs.set(data.revision, data.payload);
  for (const wake of [...host.waiting]) wake();
}
