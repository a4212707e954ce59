// Holds the editor for editor.js, so that its text is sent once and not with every answer.

const host = (globalThis.graphtoolsHost ??= { shown: new Map(), waiting: new Set() });
// A blob, as for the viewer; see store.js. Python puts the text in.
const source = EDITOR_SOURCE;
host.editor ??= import(URL.createObjectURL(new Blob([source], { type: "text/javascript" })));

export default function () {
  for (const wake of [...host.waiting]) wake();
}
