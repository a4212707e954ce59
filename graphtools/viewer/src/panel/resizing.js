// The left edge of the panel, by which it is made wider or narrower.

/** Lets the panel be made wider by its left edge, by pointer and by arrow keys. */
export function resizing(
  /** @type {HTMLElement} */ grip,
  /** @type {() => number} */ width,
  /** @type {(width: number) => void} */ set,
  /** @type {() => void} */ done,
) {
  const abort = new AbortController();
  const { signal } = abort;
  let from = /** @type {{x: number, width: number} | null} */ (null);
  grip.addEventListener(
    "pointerdown",
    (event) => {
      from = { x: event.clientX, width: width() };
      grip.setPointerCapture(event.pointerId);
    },
    { signal },
  );
  grip.addEventListener("pointermove", (event) => from && set(from.width + from.x - event.clientX), { signal });
  grip.addEventListener(
    "pointerup",
    () => {
      from = null;
      done();
    },
    { signal },
  );
  grip.addEventListener("pointercancel", () => (from = null), { signal });
  grip.addEventListener(
    "keydown",
    (event) => {
      const step = { ArrowLeft: 24, ArrowRight: -24 }[event.key];
      if (!step) return;
      event.preventDefault();
      event.stopPropagation();
      set(width() + step);
      done();
    },
    { signal },
  );
  return () => abort.abort();
}
