// The mouse on the board: select, move, pan, zoom, a rubber band, and edges drawn from port to port.

import { curve } from "./board.js";

/** @typedef {import("./board.js").Board} Board */
/** @typedef {import("./level.js").Edge} Edge */
/** @typedef {{key: string, side: "in" | "out", at: number}} Port */

/**
 * @typedef {object} Acts
 * @property {Set<string>} selected
 * @property {(keys: string[], more: boolean) => void} select
 * @property {(keys: string[]) => void} moved
 * @property {(key: string, edge: Edge) => void} droppedOn
 * @property {(key: string) => boolean} isLoose a box without any edge, which may be put on one
 * @property {(from: Port, to: Port) => void} connect
 * @property {(edge: Edge, to: Port | null) => void} reconnect
 * @property {(from: Port, x: number, y: number) => void} dropped an edge that ends on nothing, at a point of the board
 * @property {(x: number, y: number, edge: Edge | null) => void} add
 * @property {(key: string) => void} open
 * @property {(x: number, y: number, key: string | null, edge: Edge | null) => void} menu
 */

const CLICK = 4; // pixels that a click may move

/** @param {Board} board @param {Acts} acts */
export function listenTo(board, acts) {
  const { element, camera } = board;
  let over = /** @type {[number, number]} */ ([0, 0]);
  const at = (/** @type {MouseEvent} */ event) => {
    const box = element.getBoundingClientRect();
    return /** @type {[number, number]} */ ([event.clientX - box.left, event.clientY - box.top]);
  };
  const boxOf = (/** @type {EventTarget | null} */ target) =>
    target instanceof Element ? (target.closest(".box")?.getAttribute("data-key") ?? null) : null;
  const portOf = (/** @type {EventTarget | null} */ target) => {
    const port = target instanceof Element ? target.closest(".port") : null;
    const key = boxOf(port);
    if (!port || key === null) return null;
    return /** @type {Port} */ ({
      key,
      side: port.getAttribute("data-side"),
      at: Number(port.getAttribute("data-at")),
    });
  };
  // The pointer was captured, so an event of its own does not tell what is under it.
  const under = (/** @type {MouseEvent} */ event) =>
    /** @type {ShadowRoot | Document} */ (element.getRootNode()).elementFromPoint(event.clientX, event.clientY);
  const pictureAt = (/** @type {PointerEvent} */ event) => {
    const [x, y] = at(event);
    return camera.toPicture(x, y);
  };

  /** Follows the pointer until it is let go. */
  const drag = (
    /** @type {PointerEvent} */ start,
    /** @type {(event: PointerEvent, dx: number, dy: number) => void} */ move,
    /** @type {(event: PointerEvent, wasMoved: boolean) => void} */ end,
  ) => {
    element.setPointerCapture(start.pointerId);
    let [x, y] = [start.clientX, start.clientY];
    let wasMoved = false;
    const moving = (/** @type {PointerEvent} */ event) => {
      wasMoved ||= Math.hypot(event.clientX - start.clientX, event.clientY - start.clientY) > CLICK;
      if (wasMoved) move(event, event.clientX - x, event.clientY - y);
      [x, y] = wasMoved ? [event.clientX, event.clientY] : [x, y];
    };
    const done = (/** @type {PointerEvent} */ event) => {
      element.removeEventListener("pointermove", moving);
      element.removeEventListener("pointerup", done);
      element.removeEventListener("pointercancel", done);
      end(event, wasMoved);
    };
    element.addEventListener("pointermove", moving);
    element.addEventListener("pointerup", done);
    element.addEventListener("pointercancel", done);
  };

  const drawEdge = (/** @type {PointerEvent} */ start, /** @type {Port} */ port) => {
    // An edge that ends here is taken at its end; else a new one begins.
    const taken =
      port.side === "in" ? board.level.edges.find((edge) => edge.to === port.key && edge.in === port.at) : undefined;
    const from = taken ? /** @type {Port} */ ({ key: taken.from, side: "out", at: taken.out }) : port;
    const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
    path.setAttribute("class", "line drawing");
    board.lines.append(path);
    element.classList.add(from.side === "out" ? "to-in" : "to-out");
    const held = board.portAt(from.key, from.side, from.at);
    drag(
      start,
      (event) => {
        const { x, y } = pictureAt(event);
        path.setAttribute("d", from.side === "out" ? curve(held, [x, y]) : curve([x, y], held));
      },
      (event, wasMoved) => {
        path.remove();
        element.classList.remove("to-in", "to-out");
        if (!wasMoved) return;
        const target = under(event);
        let to = portOf(target);
        if (!to || to.side === from.side) to = nearestPort(target, from, pictureAt(event).x);
        if (taken) acts.reconnect(taken, to);
        else if (to) acts.connect(from.side === "out" ? from : to, from.side === "out" ? to : from);
        else if (boxOf(target) === null) acts.dropped(from, ...at(event));
      },
    );
  };

  /** Over a box, but not on a port: its first free one, or else the nearest. */
  const nearestPort = (/** @type {Element | null} */ target, /** @type {Port} */ from, /** @type {number} */ x) => {
    const key = boxOf(target);
    const box = board.level.boxes.find((found) => found.key === key);
    if (!box || key === null || key === from.key) return null;
    const side = /** @type {"in" | "out"} */ (from.side === "out" ? "in" : "out");
    const count = side === "in" ? box.ins.length : box.outs.length;
    if (!count) return null;
    const free = side === "in" ? box.ins.findIndex((port) => !port.from && !port.may) : -1;
    const far = (/** @type {number} */ i) => Math.abs(board.portAt(key, side, i)[0] - x);
    const nearest = [...Array(count).keys()].reduce((best, i) => (far(i) < far(best) ? i : best), 0);
    return /** @type {Port} */ ({ key, side, at: free >= 0 ? free : nearest });
  };

  const moveBoxes = (/** @type {PointerEvent} */ start, /** @type {string} */ key) => {
    const keys = acts.selected.has(key) ? [...acts.selected] : [key];
    const set = new Set(keys);
    const loose = keys.length === 1 && acts.isLoose(key);
    let edge = /** @type {Edge | null} */ (null);
    drag(
      start,
      (event, dx, dy) => {
        const { scale } = camera.view;
        for (const name of keys) {
          const [x, y] = board.positions[name];
          board.positions[name] = [x + dx / scale, y + dy / scale];
          board.move(name);
        }
        board.routeEdges(set);
        if (!loose) return;
        const { x, y, width, height } = board.rectOf(key);
        edge = board.edgeNear(x + width / 2, y + height / 2, Math.max(24, height / 2));
        board.mark(edge);
      },
      (event, wasMoved) => {
        board.mark(null);
        if (!wasMoved) return;
        if (!acts.selected.has(key)) acts.select([key], false);
        if (edge) acts.droppedOn(key, edge);
        else acts.moved(keys);
      },
    );
  };

  const rubberBand = (/** @type {PointerEvent} */ start) => {
    const band = document.createElement("div");
    band.className = "band";
    element.append(band);
    const from = at(start);
    const rect = (/** @type {PointerEvent} */ event) => {
      const [x, y] = at(event);
      return {
        x: Math.min(x, from[0]),
        y: Math.min(y, from[1]),
        width: Math.abs(x - from[0]),
        height: Math.abs(y - from[1]),
      };
    };
    drag(
      start,
      (event) => {
        const { x, y, width, height } = rect(event);
        band.style.cssText = `left:${x}px;top:${y}px;width:${width}px;height:${height}px`;
      },
      (event, wasMoved) => {
        band.remove();
        if (!wasMoved) return;
        const { x, y, width, height } = rect(event);
        const a = camera.toPicture(x, y);
        const b = camera.toPicture(x + width, y + height);
        const hit = board.level.boxes.filter(({ key }) => {
          const { x: left, y: top, width: w, height: h } = board.rectOf(key);
          return left < b.x && left + w > a.x && top < b.y && top + h > a.y;
        });
        acts.select(
          hit.map(({ key }) => key),
          true,
        );
      },
    );
  };

  const pressed = (/** @type {PointerEvent} */ event) => {
    if (event.button === 1) event.preventDefault();
    element.focus({ preventScroll: true });
    const port = portOf(event.target);
    const key = boxOf(event.target);
    if (event.button === 0 && port) return drawEdge(event, port);
    if (event.button === 0 && key !== null) {
      if (event.shiftKey || event.ctrlKey || event.metaKey) return acts.select([key], true);
      if (!acts.selected.has(key)) acts.select([key], false);
      return moveBoxes(event, key);
    }
    if (event.button === 0 && event.shiftKey) return rubberBand(event);
    if (event.button > 1) return;
    drag(
      event,
      (_, dx, dy) => camera.pan(dx, dy),
      (_, wasMoved) => {
        if (!wasMoved && event.button === 0) acts.select([], false);
      },
    );
  };
  const wheeled = (/** @type {WheelEvent} */ event) => {
    event.preventDefault();
    camera.zoom(Math.exp(-event.deltaY * (event.deltaMode ? 0.04 : 0.0016)), ...at(event));
  };
  const twice = (/** @type {MouseEvent} */ event) => {
    const key = boxOf(under(event));
    if (key !== null) return acts.open(key);
    const [x, y] = at(event);
    const point = camera.toPicture(x, y);
    acts.add(x, y, board.edgeNear(point.x, point.y));
  };
  const context = (/** @type {MouseEvent} */ event) => {
    event.preventDefault();
    const key = boxOf(under(event));
    if (key !== null && !acts.selected.has(key)) acts.select([key], false);
    const [x, y] = at(event);
    const point = camera.toPicture(x, y);
    acts.menu(event.clientX, event.clientY, key, key === null ? board.edgeNear(point.x, point.y) : null);
  };
  const moved = (/** @type {PointerEvent} */ event) => {
    over = at(event);
  };
  element.addEventListener("pointerdown", pressed);
  element.addEventListener("pointermove", moved);
  element.addEventListener("wheel", wheeled, { passive: false });
  element.addEventListener("dblclick", twice);
  element.addEventListener("contextmenu", context);
  /** Where the mouse is, in pixels of the board. */
  return { cursor: () => over };
}
