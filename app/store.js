// Holds the viewer, the graph and the run for picture.js, so that none is sent again when a question is answered.

const host = (globalThis.graphtoolsHost ??= { shown: new Map(), waiting: new Set() });
// A blob, so that the viewer is the same module that the HTML page and notebooks use. Python puts the text in.
const source = VIEWER_SOURCE;
host.viewer ??= import(URL.createObjectURL(new Blob([source], { type: "text/javascript" })));

export default function ({ data }) {
  if (!data) return;
  host.shown.clear(); // one recording is shown at a time
  host.shown.set(data.revision, JSON.parse(data.document));
  for (const wake of [...host.waiting]) wake();
}
