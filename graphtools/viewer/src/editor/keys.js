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
  ["Ctrl+S", "a copy as a file"],
  ["?", "these keys"],
]);

const ARROWS = /** @type {Record<string, [number, number]>} */ ({
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
});

/**
 * Does what a key means, in its turn; true if it means something. While something is under way, the keys wait: only the
 * search opens at once, for what it adds is added behind what is selected then.
 * @returns {boolean}
 */
export function pressed(/** @type {Editor} */ editor, /** @type {KeyboardEvent} */ event) {
  const act = actOf(editor, event);
  const { turns } = editor;
  const isFree = isCtrl(event) && ["z", "y"].includes(event.key.toLowerCase());
  if (turns.isIdle || (act && isSearch(event) && !turns.held)) {
    if (act && isSearch(event)) act();
    else if (act && event.key === "Enter") void turns.hold(act); // into a form, which takes a moment to be there
    else if (act) void turns.run(act, isFree);
    return act !== undefined;
  }
  const isText = event.key.length === 1 && !isCtrl(event) && !event.altKey;
  if (!act && !isText) return false;
  void turns.hold(() => late(editor, event), isFree);
  return true;
}

/** Does what a key means now that had to wait: in the field that those before it opened, if they did. */
function late(/** @type {Editor} */ editor, /** @type {KeyboardEvent} */ event) {
  if (editor.search.isOpen) return editor.search.typed(event);
  if (editor.form.focused()) return editor.form.typed(event);
  return actOf(editor, event)?.();
}

/** Gives the draft as a file where that is asked for, wherever the focus is. */
export function copyAsked(/** @type {KeyboardEvent} */ event, /** @type {Editor} */ editor) {
  if (!isCtrl(event) || event.shiftKey || event.key.toLowerCase() !== "s") return;
  event.preventDefault();
  event.stopPropagation();
  void editor.turns.run(() => editor.copies.download());
}

function isCtrl(/** @type {KeyboardEvent} */ event) {
  return event.ctrlKey || event.metaKey;
}

function isSearch(/** @type {KeyboardEvent} */ event) {
  return !isCtrl(event) && (event.key === " " || event.key === "Tab");
}

/** @returns {(() => unknown) | undefined} */
function actOf(/** @type {Editor} */ editor, /** @type {KeyboardEvent} */ event) {
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const arrow = ARROWS[key];
  if (arrow && (isCtrl(event) || !editor.selected.size)) return () => editor.goto(...arrow);
  if (arrow) {
    const way = event.shiftKey ? 48 : 12;
    return () => editor.changes.nudge(arrow[0] * way, arrow[1] * way);
  }
  if (key === "Tab" && event.shiftKey) return undefined; // the way out
  return isCtrl(event) ? withControl(editor, key, event.shiftKey) : alone(editor, key);
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
      return () => editor.copies.copy();
    case "x":
      return () => editor.copies.copy(true);
    case "v":
      return () => editor.copies.paste();
    case "d":
      return () => editor.copies.duplicate();
    case "g":
      return () => (shift ? editor.copies.ungroup() : editor.copies.group());
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
      return () => (editor.bar.help.hidden ? editor.select([]) : editor.toggleHelp());
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
