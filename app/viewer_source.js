// Holds the viewer for picture.js, so that its text is sent once, and while the model is still being opened.

const host = (globalThis.graphtoolsHost ??= { shown: new Map(), waiting: new Set() });
// A blob, so that the viewer is the same module that the HTML page and notebooks use. Python puts the text in.
const source = VIEWER_SOURCE;
host.viewer ??= import(URL.createObjectURL(new Blob([source], { type: "text/javascript" })));

export default function () {
  for (const wake of [...host.waiting]) wake();
}
