// Holds the graph and the run for picture.js, so that they are not sent again when a question is answered.

const host = (globalThis.graphtoolsHost ??= { shown: new Map(), waiting: new Set() });

export default function ({ data }) {
  if (!data) return;
  host.shown.clear(); // one recording is shown at a time
  host.shown.set(data.revision, JSON.parse(data.document));
  for (const wake of [...host.waiting]) wake();
}
