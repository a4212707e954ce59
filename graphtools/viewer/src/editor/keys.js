// The keys of the editor: what `?` shows, and what each does.

/** @typedef {import("./editor.js").Editor} Editor */

export const KEYS = /** @type {[string, string][]} */ ([
  ["Space, Tab, double click", "add an operation, behind what is selected"],
  ["drag from a port", "connect; on empty space: add what fits"],
  ["drag, click, Shift+drag", "move or pan, select, select many"],
  ["Ctrl+arrow", "select a neighbor"],
  ["arrows, Shift+arrows", "nudge"],
  ["Enter", "edit the parameters, or open the module"],
  ["U", "out of the module"],
  ["C", "connect what is selected with …"],
  ["I, O", "add an input, make it the output"],
  ["R, F2", "replace, rename"],
  ["B, M", "bypass, disable"],
  ["Delete", "remove; a chain heals"],
  ["Ctrl+X, C, V, D", "cut, copy, paste, duplicate"],
  ["Ctrl+G, Ctrl+Shift+G", "group, ungroup"],
  ["Ctrl+Z, Ctrl+Shift+Z", "undo, redo"],
  ["Ctrl+A, Esc", "select all, nothing"],
  ["L, F", "arrange, fit"],
  ["V", "small pictures of the values"],
  ["K", "the code"],
  ["Ctrl+Enter", "run: the debugger on this draft"],
  ["Ctrl+S", "save a file"],
  ["?", "these keys"],
]);

const ARROWS = /** @type {Record<string, [number, number]>} */ ({
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
});

/** Does what a key means; true if it means something. @returns {boolean} */
export function pressed(/** @type {Editor} */ editor, /** @type {KeyboardEvent} */ event) {
  const ctrl = event.ctrlKey || event.metaKey;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const arrow = ARROWS[key];
  if (arrow) {
    if (ctrl || !editor.selected.size) editor.goto(...arrow);
    else editor.changes.nudge(arrow[0] * (event.shiftKey ? 48 : 12), arrow[1] * (event.shiftKey ? 48 : 12));
    return true;
  }
  if (key === "Tab" && event.shiftKey) return false; // the way out
  const act = ctrl ? withControl(editor, key, event.shiftKey) : alone(editor, key);
  act?.();
  return act !== undefined;
}

/** @returns {(() => unknown) | undefined} */
function withControl(/** @type {Editor} */ editor, /** @type {string} */ key, /** @type {boolean} */ shift) {
  switch (key) {
    case "z":
      return () => (shift ? editor.changes.redo() : editor.changes.undo());
    case "y":
      return () => editor.changes.redo();
    case "a":
      return () => editor.select(editor.level.boxes.map((box) => box.key));
    case "c":
      return () => editor.changes.copy();
    case "x":
      return () => editor.changes.copy(true);
    case "v":
      return () => editor.changes.paste();
    case "d":
      return () => editor.changes.duplicate();
    case "g":
      return () => (shift ? editor.changes.ungroup() : editor.changes.group());
    case "s":
      return () => editor.host.save();
    case "Enter":
      return () => editor.leaveFor("run");
  }
}

/** @returns {(() => unknown) | undefined} */
function alone(/** @type {Editor} */ editor, /** @type {string} */ key) {
  switch (key) {
    case " ":
    case "Tab":
      return () => editor.changes.add();
    case "Enter":
      return () => editor.enter();
    case "Escape":
      return () => editor.select([]);
    case "Delete":
    case "Backspace":
      return () => editor.changes.remove();
    case "F2":
      return () => editor.changes.rename();
    case "u":
      return () => editor.leave();
    case "c":
      return () => editor.changes.connectTo();
    case "i":
      return () => editor.changes.addInput();
    case "o":
      return () => editor.changes.makeOutput();
    case "r":
      return () => editor.changes.replace();
    case "b":
      return () => editor.changes.switchMode("bypassed");
    case "m":
      return () => editor.changes.switchMode("disabled");
    case "l":
      return () => editor.changes.arrange();
    case "f":
      return () => editor.fit();
    case "v":
      return () => editor.toggleValues();
    case "k":
      return () => editor.toggleCode();
    case "?":
      return () => editor.toggleHelp();
  }
}
