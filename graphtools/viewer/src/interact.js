// Pointer and keyboard on the canvas.

import { word } from "./language.js";
import { boxAt, lineAt, onSign } from "./pointing.js";

/** @typedef {import("./viewer.js").Viewer} Viewer */

const CLICK_DISTANCE = 4;

/** Keys and what they do, in the order in which `?` lists them. */
export const KEYS = /** @type {[string, string][]} */ ([
  [word("drag, wheel"), word("move, zoom at the pointer")],
  [word("click"), word("select")],
  [word("double-click, Enter"), word("open or close a group")],
  ["↑ ↓", word("go to an input, to a user")],
  ["← →", word("go to the neighbor before, after")],
  ["Esc", word("leave the selection")],
  ["/", word("find")],
  [word(". or F"), word("show everything")],
  ["+ −", word("zoom in, out")],
  ["E, C", word("open all, close all")],
  ["T", word("light or dark")],
  ["?", word("this list")],
]);

/** Keys that walk through a run. */
export const RUN_KEYS = /** @type {[string, string][]} */ ([
  ["→ ←", word("one event on, one back")],
  ["⇧→ ⇧←, F10 ⇧F10", word("over an operation or module call, back over")],
  ["F11", word("into: one event on, its groups opened")],
  ["⇧F11", word("out of the module call")],
  ["F5 ⇧F5", word("run to the next breakpoint, back to the one before")],
  ["Space", word("play, pause")],
  ["< >", word("play slower, faster")],
  ["Home End", word("first event, last event")],
  ["B", word("set or remove a breakpoint at the current event, or at another selected box")],
  ["W", word("watch the selected box")],
  ["N", word("first NaN or infinity")],
  [word("right click"), word("what can be done with a box")],
  [word("wheel on the timeline"), word("zoom into it; a double-click shows all of it")],
]);

/** @returns {() => void} that takes the listeners away */
export function listen(/** @type {Viewer} */ viewer) {
  const { canvas, camera } = viewer;
  const abort = new AbortController();
  const { signal } = abort;
  const at = (/** @type {MouseEvent} */ event) => {
    const rect = canvas.getBoundingClientRect();
    return { x: event.clientX - rect.left, y: event.clientY - rect.top };
  };
  const boxUnder = (/** @type {MouseEvent} */ event) => {
    const point = at(event);
    const { x, y } = camera.toPicture(point.x, point.y);
    const box = boxAt(viewer.scene, x, y);
    return { box, sign: box ? onSign(box, x, y) : false };
  };
  const lineUnder = (/** @type {MouseEvent} */ event) => {
    const point = at(event);
    const { x, y } = camera.toPicture(point.x, point.y);
    return lineAt(viewer.scene, x, y, 6 / Math.max(0.3, camera.view.scale));
  };
  /** @type {Map<number, {x: number, y: number}>} */
  const down = new Map();
  let moved = 0;

  canvas.addEventListener(
    "pointerdown",
    (event) => {
      canvas.focus({ preventScroll: true });
      canvas.setPointerCapture(event.pointerId);
      down.set(event.pointerId, at(event));
      moved = 0;
      const { box, sign } = boxUnder(event);
      if (box && !event.button && (sign || !box.open)) viewer.folding.expect(box.item);
    },
    { signal },
  );

  canvas.addEventListener(
    "pointermove",
    (event) => {
      const before = down.get(event.pointerId);
      const now = at(event);
      if (!before) {
        const { box, sign } = boxUnder(event);
        const line = (!box || box.open) && !sign ? lineUnder(event) : -1;
        canvas.style.cursor = (box && (!box.open || sign)) || line >= 0 ? "pointer" : "grab";
        viewer.hover(box && !box.open ? box.item : -1);
        return;
      }
      const others = [...down].filter(([id]) => id !== event.pointerId).map(([, point]) => point);
      if (others.length === 1) {
        const spread = (/** @type {{x: number, y: number}} */ p) => Math.hypot(p.x - others[0].x, p.y - others[0].y);
        camera.zoom(spread(now) / Math.max(1, spread(before)), (now.x + others[0].x) / 2, (now.y + others[0].y) / 2);
      }
      moved += Math.hypot(now.x - before.x, now.y - before.y);
      if (moved > CLICK_DISTANCE) {
        camera.pan((now.x - before.x) / (others.length + 1), (now.y - before.y) / (others.length + 1));
        down.set(event.pointerId, now);
        canvas.style.cursor = "grabbing";
      }
    },
    { signal },
  );

  const release = (/** @type {PointerEvent} */ event) => {
    if (!down.delete(event.pointerId) || event.type === "pointercancel" || moved > CLICK_DISTANCE || event.button)
      return;
    const { box, sign } = boxUnder(event);
    const line = box && !box.open ? -1 : lineUnder(event);
    if (box && sign) viewer.folding.toggle(box.item);
    else if (line >= 0) viewer.selectLine(line);
    else viewer.select(box ? box.item : -1, false);
  };
  canvas.addEventListener("pointerup", release, { signal });
  canvas.addEventListener("pointercancel", release, { signal });
  canvas.addEventListener("pointerleave", () => viewer.hover(-1), { signal });

  canvas.addEventListener(
    "dblclick",
    (event) => {
      const { box, sign } = boxUnder(event);
      if (box && box.group && !sign) viewer.folding.toggle(box.item);
    },
    { signal },
  );

  canvas.addEventListener(
    "contextmenu",
    (event) => {
      event.preventDefault();
      const { box } = boxUnder(event);
      if (box) viewer.select(box.item, false);
      viewer.openMenu(box ? box.item : -1, event.clientX, event.clientY);
    },
    { signal },
  );

  const embedded = window.parent !== window;
  canvas.addEventListener(
    "wheel",
    (event) => {
      // In a notebook the wheel scrolls the notebook until the graph was clicked.
      const focused = /** @type {ShadowRoot | Document} */ (canvas.getRootNode()).activeElement !== null;
      if (embedded && !focused && !event.ctrlKey) return;
      event.preventDefault();
      const point = at(event);
      const unit = event.deltaMode === 1 ? 16 : event.deltaMode === 2 ? 400 : 1;
      // A pinch on a touchpad arrives as a wheel with ctrlKey, in smaller steps.
      const speed = event.ctrlKey ? 0.01 : 0.0015;
      camera.zoom(Math.exp(-Math.max(-300, Math.min(300, event.deltaY * unit)) * speed), point.x, point.y);
    },
    { signal, passive: false },
  );

  viewer.root.addEventListener("keydown", (event) => key(viewer, /** @type {KeyboardEvent} */ (event)), { signal });
  viewer.root.addEventListener("click", (event) => giveBackFocus(viewer, event), { signal });
  return () => abort.abort();
}

const OWN_FOCUS = "input, select, textarea, canvas, .menu, .find, [role=treeitem], [role=slider], [role=separator]";
const OWN_KEYS = `${OWN_FOCUS}, [role=tab], [role=menuitem]`; // what has a use for the arrows itself

/** After a click with the mouse the keys walk again: a button that was pressed has no more use for them. */
function giveBackFocus(/** @type {Viewer} */ viewer, /** @type {MouseEvent} */ { detail }) {
  const root = /** @type {ShadowRoot | Document} */ (viewer.root.getRootNode());
  const isByMouse = detail > 0;
  if (isByMouse && !root.activeElement?.closest(OWN_FOCUS)) viewer.canvas.focus({ preventScroll: true });
}

function key(/** @type {Viewer} */ viewer, /** @type {KeyboardEvent} */ event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const typing = event.target instanceof HTMLElement && event.target.matches("input, select, textarea");
  if (typing && !event.key.startsWith("F1") && event.key !== "F5") return;
  const { camera, selected } = viewer;
  const { target } = event;
  const onCanvas = target === viewer.canvas;
  // Beside the canvas, too, the arrows walk, where they do nothing else.
  const isFree = onCanvas || !(target instanceof Element && target.closest(OWN_KEYS));
  const center = { x: camera.width / 2, y: camera.height / 2 };
  const name = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (viewer.stepping && walkKey(viewer, viewer.stepping, event, onCanvas, isFree)) {
    event.preventDefault();
    return;
  }
  if (name === "/") viewer.find.open();
  else if (name === "." || name === "f") viewer.fit();
  else if (name === "e") viewer.folding.openAll();
  else if (name === "c") viewer.folding.closeAll();
  else if (name === "t") viewer.switchTheme();
  else if (name === "?") viewer.toggleHelp();
  else if (name === "+" || name === "=") camera.zoom(1.25, center.x, center.y);
  else if (name === "-") camera.zoom(0.8, center.x, center.y);
  else if (name === "Escape") viewer.escape();
  else if (onCanvas && name === "Enter" && selected >= 0) viewer.folding.toggle(selected);
  else if (onCanvas && (name === "ContextMenu" || (name === "F10" && event.shiftKey))) openMenuAt(viewer);
  else if (onCanvas && name.startsWith("Arrow")) viewer.step(/** @type {any} */ (name));
  else return;
  event.preventDefault();
}

/** The menu of the selected box, beside it. */
function openMenuAt(/** @type {Viewer} */ viewer) {
  const box = viewer.scene.ofItem.get(viewer.selected);
  const { left, top } = viewer.canvas.getBoundingClientRect();
  const at = box ? viewer.camera.toScreen(box.x + 20, box.y + 20) : { x: 20, y: 20 };
  viewer.openMenu(box ? viewer.selected : -1, left + at.x, top + at.y);
}

/** The keys that walk; says whether it was one. */
function walkKey(
  /** @type {Viewer} */ viewer,
  /** @type {import("./stepping.js").Stepping} */ stepping,
  /** @type {KeyboardEvent} */ event,
  /** @type {boolean} */ onCanvas,
  /** @type {boolean} */ isFree,
) {
  const isStrip = event.target instanceof Element && event.target.matches(".strip-slider");
  const moves = /** @type {Record<string, import("./walkbar.js").Move>} */ ({
    F10: "over",
    "⇧F10": "backOver",
    F11: "into",
    "⇧F11": "out",
    F5: "resume",
    "⇧F5": "resumeBack",
    ...(isFree && {
      ArrowRight: "into",
      ArrowLeft: "back",
      "⇧ArrowRight": "over",
      "⇧ArrowLeft": "backOver",
    }),
    ...((onCanvas || isStrip) && { " ": "play" }),
  });
  const name = (event.shiftKey ? "⇧" : "") + event.key;
  const move = moves[name];
  if (move) {
    // The arrow goes one event on and opens nothing; F11 opens what it steps into.
    if (event.key === "ArrowRight" && !event.shiftKey) stepping.goto(stepping.position + 1);
    else stepping.move(move);
    return true;
  }
  if (onCanvas && event.key === "Home") stepping.goto(0);
  else if (onCanvas && event.key === "End") stepping.goto(stepping.walk.last);
  else if (name.toLowerCase() === "b")
    stepping.toggleBreakpoint(
      viewer.selected === stepping.item ? stepping.position : stepping.eventsOf(viewer.selected).forward,
    );
  else if (name.toLowerCase() === "w") stepping.watch(viewer.selected);
  else if (name.toLowerCase() === "n") void stepping.gotoNonfinite();
  else if (event.key === "<" || event.key === ">") stepping.changePace(event.key === ">" ? 1 : -1);
  else return false;
  return true;
}
