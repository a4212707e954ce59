// y for each layer, and the way of each edge: straight down inside layers, sideways only in the gaps between them, each
// sideways piece on a track of its own. So an edge never crosses a box, however tall the boxes beside it are.

/** @typedef {import("./layers.js").Layered} Layered */
/** @typedef {import("./layers.js").Cell} Cell */
/** @typedef {import("./layers.js").Segment} Segment */

const TRACK = 9; // distance of two tracks
const LABEL_ROOM = 19; // below a box, where the shape of its value is written
const LINE_ROOM = 6; // below a layer out of which no labeled line comes
const ARROW_ROOM = 15;
const BELOW_TITLE = 30; // in a header: there lines that enter turn, and gradients a little above
const PORT_SPREAD = 14; // distance of lines that end at one box: that of lines side by side, so that they need not turn
const SAME = 0.5;

/**
 * @typedef {object} Piece The drawn part of a segment, in the group's own coordinates.
 * @property {number} key
 * @property {number} parent index of the piece it continues; -1 where it starts at a box or at the border
 * @property {number} upper cell
 * @property {number} lower cell
 * @property {boolean} tensor
 * @property {[number, number][]} points
 *
 * @typedef {{tops: number[], heights: number[], height: number, pieces: Piece[]}} Routes
 */

/**
 * @param {Layered} layered with x assigned
 * @param {{header: number, footer: number}} room above the first layer and below the last
 * @returns {Routes}
 */
export function routeEdges(layered, room) {
  const { cells, layers, segments } = layered;
  const landing = landingOffsets(layered);
  const heights = layers.map((layer) => Math.max(0, ...layer.map((cell) => cells[cell].box?.height ?? 0)));
  const perGap = /** @type {number[][]} */ (layers.map(() => []));
  segments.forEach((segment, i) => perGap[cells[segment.upper].rank].push(i));
  const startX = (/** @type {Segment} */ s) => cells[s.upper].x + s.upperPort;
  const endX = (/** @type {Segment} */ s) => cells[s.lower].x + s.lowerPort + (landing.get(s) ?? 0);

  const tops = /** @type {number[]} */ ([]);
  const trackOf = new Map(); // `${upper} ${key}` -> y of its sideways piece
  const bordered = layers[0]?.some((cell) => cells[cell].type === "in");
  let y = bordered ? 0 : room.header;
  layers.forEach((layer, rank) => {
    tops.push(y);
    y += heights[rank];
    const gap = perGap[rank].map((i) => segments[i]);
    if (!gap.length) return;
    const labeled = layer.some((cell) => cells[cell].box && !cells[cell].box?.outPorts);
    const enters = rank === 0 && bordered;
    const stub = enters ? Math.min(room.header, BELOW_TITLE) : labeled ? LABEL_ROOM : LINE_ROOM;
    const buses = assignTracks(gap, startX, endX);
    for (const bus of buses) trackOf.set(bus.name, y + stub + bus.track * TRACK);
    const tracks = Math.max(0, ...buses.map((bus) => bus.track + 1));
    const toBorder = layers[rank + 1]?.every((cell) => cells[cell].type === "out");
    const hasArrow = !layers[rank + 1]?.every((cell) => cells[cell].type === "out" || cells[cell].box?.inPorts);
    // Below the last track a line turns before its arrow; without any it just goes on. At a border there is no arrow.
    // Arrows of lines that enter straight stand in the header, beside or below the title.
    if (enters && !tracks && !toBorder) y += Math.max(room.header, ARROW_ROOM);
    else y += stub + (tracks ? (tracks - 1) * TRACK + 2 : 0) + (hasArrow ? ARROW_ROOM : LINE_ROOM);
  });
  const ends = layers.at(-1)?.some((cell) => cells[cell].type === "out") && heights.at(-1) === 0;
  if (!ends) y += room.footer;

  const top = (/** @type {Cell} */ cell) =>
    cell.box ? tops[cell.rank] + boxShift(heights[cell.rank], cell.box.height) : tops[cell.rank];
  const pieces = segments.map((segment) => {
    const [upper, lower] = [cells[segment.upper], cells[segment.lower]];
    const [x0, x1] = [startX(segment), endX(segment)];
    // A port in a layer that also holds boxes lies on the border all the same.
    const y0 = top(upper) + (upper.box?.height ?? 0);
    const y1 = lower.type === "out" ? y : top(lower);
    const track = trackOf.get(busName(segment));
    const points = /** @type {[number, number][]} */ (
      Math.abs(x1 - x0) < SAME || track === undefined
        ? [
            [x0, y0],
            [x1, y1],
          ]
        : [
            [x0, y0],
            [x0, track],
            [x1, track],
            [x1, y1],
          ]
    );
    const { key, parent, tensor } = segment;
    return { key, parent, tensor, upper: segment.upper, lower: segment.lower, points };
  });
  return { tops, heights, height: y, pieces };
}

/** How far a box stands below the top of its layer: centered, but a small one beside a tall one stays near its inputs. */
export function boxShift(/** @type {number} */ layerHeight, /** @type {number} */ height) {
  return Math.min((layerHeight - height) / 2, 6);
}

/** Where lines end at a closed box: the straight one in the middle, others beside it in the order they come from. */
function landingOffsets(/** @type {Layered} */ { cells, segments }) {
  const at = new Map();
  for (const segment of segments) {
    const box = cells[segment.lower].box;
    if (!box || box.inPorts) continue;
    if (!at.has(segment.lower)) at.set(segment.lower, []);
    at.get(segment.lower).push(segment);
  }
  const offsets = /** @type {Map<Segment, number>} */ (new Map());
  for (const [lower, list] of at) {
    if (list.length < 2) continue;
    const x = (/** @type {Segment} */ s) => cells[s.upper].x + s.upperPort;
    list.sort((/** @type {Segment} */ a, /** @type {Segment} */ b) => x(a) - x(b));
    const straight = list.findIndex((/** @type {Segment} */ s) => Math.abs(x(s) - cells[lower].x) < SAME);
    const middle = straight >= 0 ? straight : (list.length - 1) / 2;
    const reach = Math.max(middle, list.length - 1 - middle);
    const step = Math.min(PORT_SPREAD, (cells[lower].width / 2 - 12) / reach);
    list.forEach((/** @type {Segment} */ s, /** @type {number} */ i) =>
      offsets.set(s, Math.round((i - middle) * step)),
    );
  }
  return offsets;
}

function busName(/** @type {Segment} */ segment) {
  return `${segment.upper} ${segment.key}`;
}

/**
 * A track for each value that goes sideways in a gap. Two that overlap get different ones, in the order that crosses
 * less; a line must not come down on top of another that starts at the same x.
 * @param {Segment[]} gap
 * @param {(s: Segment) => number} startX
 * @param {(s: Segment) => number} endX
 */
function assignTracks(gap, startX, endX) {
  const found = new Map();
  for (const segment of gap) {
    const [x0, x1] = [startX(segment), endX(segment)];
    if (Math.abs(x0 - x1) < SAME) continue;
    const name = busName(segment);
    if (!found.has(name)) found.set(name, { name, start: x0, ends: [], low: x0, high: x0, track: 0, wins: 0 });
    const bus = found.get(name);
    bus.ends.push(x1);
    bus.low = Math.min(bus.low, x1);
    bus.high = Math.max(bus.high, x1);
  }
  const buses = [...found.values()];
  const touch = (/** @type {any} */ a, /** @type {any} */ b) => a.low < b.high + TRACK && b.low < a.high + TRACK;
  for (let i = 0; i < buses.length; i++) {
    for (let j = i + 1; j < buses.length; j++) {
      const [a, b] = [buses[i], buses[j]];
      if (!touch(a, b)) continue;
      const difference = crossings(b, a) - crossings(a, b);
      a.wins += Math.sign(difference);
      b.wins -= Math.sign(difference);
    }
  }
  buses.sort((a, b) => b.wins - a.wins || a.start - b.start);
  buses.forEach((bus, i) => {
    for (let j = 0; j < i; j++) if (touch(bus, buses[j])) bus.track = Math.max(bus.track, buses[j].track + 1);
  });
  return buses;
}

/** Crossings if `a` runs above `b`; a line on top of another counts as many. */
function crossings(/** @type {any} */ a, /** @type {any} */ b) {
  let count = 0;
  if (b.start > a.low && b.start < a.high) count++;
  for (const end of a.ends) {
    if (end > b.low && end < b.high) count++;
    if (Math.abs(end - b.start) < 4) count += 50;
  }
  return count;
}
