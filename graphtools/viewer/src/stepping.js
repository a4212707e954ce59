// Walking through a recorded run in the viewer: the position, what follows it on the screen, play, breakpoints.

import { Breakpoints } from "./breakpoints.js";
import { standIn } from "./fold.js";
import { t, word } from "./language.js";
import { Inspector } from "./panel/inspector.js";
import { Watching } from "./panel/watching.js";
import { thumbnailOf } from "./images.js";
import { Moments } from "./moment.js";
import { resultsOf } from "./results.js";
import { Timeline } from "./timeline.js";
import { Walk } from "./walk.js";
import { WalkBar } from "./walkbar.js";
import { watchedHere } from "./watched.js";
import { lastWord } from "./words.js";

/** @typedef {import("./viewer.js").Viewer} Viewer */
/** @typedef {import("./run.js").Run} Run */
/** @typedef {import("./host.js").Host} Host */

const PACES = [1, 2, 4, 8, 16, 32]; // events a second while it plays
const PLAY_S = 20; // a whole run plays in about this time, until a person chooses
const MOST_AT_FIRST = 8; // events a second that can still be followed
const MOST_NAMES = 12; // that are offered while one is typed

export class Stepping {
  /** @param {Viewer} viewer @param {Run} run @param {Host} host */
  constructor(viewer, run, host) {
    this.viewer = viewer;
    this.run = run;
    this.host = host;
    this.walk = new Walk(run);
    this.stops = new Breakpoints();
    this.moments = new Moments(viewer.model, viewer.tree, run);
    this.results = resultsOf(viewer.model, viewer.tree); // whose value stands for each item
    this.nonfinite = /** @type {Set<number>} */ (new Set());
    this.pictures = /** @type {(any | null)[]} */ ([]);
    this.canvases = /** @type {Map<number, HTMLCanvasElement | null>} */ (new Map());
    this.playing = 0;
    const wanted = Math.min(MOST_AT_FIRST, run.events.length / PLAY_S);
    this.pace = PACES.find((pace) => pace >= wanted) ?? MOST_AT_FIRST; // events a second
    this.metrics = /** @type {Promise<Record<string, any>> | null} */ (null);
    this.bar = new WalkBar(run, { move: (move) => this.move(move), goto: (index) => this.goto(index) });
    host
      .thumbnails()
      .then((pictures) => {
        this.pictures = pictures;
        this.canvases.clear();
        viewer.redraw();
      })
      .catch(() => undefined); // a graph without pictures is still a graph
  }

  /** Builds what needs the viewer's element: the timeline below the graph, the inspector beside it. */
  attach(/** @type {HTMLElement} */ body, /** @type {HTMLElement} */ root) {
    const { viewer, run, host } = this;
    this.inspector = new Inspector(body, viewer.model, viewer.tree, run, host, {
      select: (item) => viewer.reveal(item),
      toggle: (item) => viewer.folding.toggle(item),
      isOpen: (item) => viewer.folding.open.has(item),
      goto: (index) => this.goto(index),
      edit: host.edit,
      close: () => viewer.canvas.focus(),
      keep: () => viewer.keep(),
    });
    const { inspector } = this;
    const here = { model: viewer.model, run, look: (/** @type {string} */ key) => inspector.looks.tensor(key) };
    this.watching = new Watching(inspector.element, this.stops, run.events.length, {
      watch: host.watch ?? ((texts, position) => watchedHere(here, texts, position)),
      python: host.watch !== null,
      where: host.where,
      goto: (index) => this.goto(index),
      describe: (index) => this.describe(index),
      names: (start) => this.names(start),
      changed: () => this.stopsChanged(),
      keep: () => viewer.keep(),
    });
    this.timeline = new Timeline(root, run, {
      goto: (index) => this.goto(index),
      describe: (index) => this.describe(index),
      menu: (index, x, y) => viewer.menu.open(x, y, t("Event"), this.eventEntries(index)),
    });
    this.show(false);
  }

  get position() {
    return this.walk.position;
  }

  /** The item of the current event; -1 if it has none. */
  get item() {
    const { row } = this.walk.event;
    return row < 0 ? -1 : this.viewer.tree.ofNode[row];
  }

  view() {
    const { viewer, item } = this;
    const current = item < 0 ? -1 : standIn(viewer.tree, viewer.visible.open, item);
    return this.moments.at(this.position, current);
  }

  // -- moving ----------------------------------------------------------------------------------------------------------

  goto(/** @type {number} */ index) {
    this.walk.goto(index);
    this.show();
  }

  move(/** @type {import("./walkbar.js").Move} */ move) {
    const { walk } = this;
    if (move === "play") return this.play();
    this.pause();
    if (move === "into") walk.step();
    else if (move === "back") walk.stepBack();
    else walk[move]();
    const { item, viewer } = this;
    // With its box on the screen at once, or when the layout is there.
    if (move === "into" && item >= 0) viewer.folding.openAround(item, () => item === this.item && viewer.follow(item));
    this.show();
  }

  play() {
    if (this.playing) return this.pause();
    if (this.position === this.walk.last) this.walk.goto(0);
    this.tick();
    this.show(false);
  }

  tick() {
    clearInterval(this.playing);
    this.playing = setInterval(() => {
      const moved = this.walk.step();
      if (!moved || this.walk.breakpoints.has(this.position)) this.pause();
      this.show();
    }, 1000 / this.pace);
  }

  /** Plays faster or slower, by so many steps of the scale. */
  changePace(/** @type {number} */ by) {
    const at = Math.max(0, Math.min(PACES.length - 1, PACES.indexOf(this.pace) + by));
    this.pace = PACES[at];
    if (this.playing) this.tick();
    this.viewer.chrome.tell(this.pace === 1 ? t("Plays 1 event a second") : t("Plays {n} events a second", { n: this.pace }));
  }

  /** How long the picture may take to the next event, in milliseconds. */
  get haste() {
    return this.playing ? 500 / this.pace : undefined;
  }

  pause() {
    clearInterval(this.playing);
    this.playing = 0;
    this.bar.show(this.position, false);
  }

  /** Shows the position everywhere. */
  show(tell = true) {
    const { viewer, item } = this;
    this.bar.show(this.position, this.playing !== 0);
    this.timeline?.show(this.position);
    this.timeline?.setMarks(this.walk.breakpoints, this.nonfinite);
    this.watching?.show(this.position);
    if (item >= 0) viewer.follow(item);
    else this.inspector?.show(viewer.selected, this.position);
    viewer.redraw();
    if (!tell) return;
    viewer.outline.say(
      t("{n} of {all}: {what}", {
        n: this.position + 1,
        all: this.run.events.length,
        what: this.describe(this.position),
      }),
    );
    viewer.emit("position", { position: this.position });
  }

  /** Goes to the first event that gave NaN or infinity. */
  async gotoNonfinite() {
    await this.loadMetrics();
    const first = Math.min(...this.nonfinite);
    if (Number.isFinite(first)) this.goto(first);
    else this.viewer.chrome.tell(t("Every value and gradient of this run is finite."));
  }

  async loadMetrics() {
    this.metrics ??= this.host.metrics();
    const metrics = await this.metrics;
    this.nonfinite = new Set(metrics.nonfinite ?? []);
    this.timeline?.setMarks(this.walk.breakpoints, this.nonfinite);
    return metrics;
  }

  // -- breakpoints and the menus ------------------------------------------------------------------------------------------

  /** The events at which an item is reached first: of a group, its first operation. */
  eventsOf(/** @type {number} */ item) {
    const { born } = this.moments;
    const node = this.viewer.tree.items[item]?.node ?? -1;
    const forward = Number.isFinite(born[item]) && born[item] >= 0 ? born[item] : -1;
    const backward = node >= 0 ? (this.run.backwardOf[node][0] ?? -1) : (this.moments.reached[item] ?? -1);
    return { forward, backward: Number.isFinite(backward) ? backward : -1 };
  }

  hasBreakpoint(/** @type {number} */ item) {
    if (!this.walk.breakpoints.size) return false;
    return [...this.walk.breakpoints].some((index) => {
      const { row } = this.run.events[index];
      return row >= 0 && standIn(this.viewer.tree, this.viewer.visible.open, this.viewer.tree.ofNode[row]) === item;
    });
  }

  toggleBreakpoint(/** @type {number} */ event) {
    if (event < 0) return;
    const set = this.stops.toggle(event);
    this.viewer.outline.say(
      t(set ? "Breakpoint at {n}: {what}" : "No breakpoint at {n}: {what}", {
        n: event + 1,
        what: this.describe(event),
      }),
    );
    this.stopsChanged();
  }

  setBreakpoints(/** @type {number[]} */ events) {
    this.stops.events = new Set(events.filter((event) => event >= 0 && event < this.run.events.length));
    this.stopsChanged();
  }

  /** Shows other breakpoints everywhere, and tells the host. */
  stopsChanged() {
    const { viewer, walk, watching } = this;
    walk.breakpoints = this.stops.all;
    this.timeline?.setMarks(walk.breakpoints, this.nonfinite);
    watching?.show(this.position);
    viewer.redraw();
    viewer.emit("breakpoints", { events: [...walk.breakpoints].sort((a, b) => a - b) });
    viewer.keep();
  }

  /** Operations and parameters whose names begin so, for the list under the field. */
  names(/** @type {string} */ start) {
    if (!start) return [];
    const all = [...this.viewer.model.nodes.map((node) => node.name), ...this.run.parameters.map((one) => one.name)];
    return [...new Set(all)].filter((name) => name.startsWith(start) && name !== start).slice(0, MOST_NAMES);
  }

  /** What can be done with a box. @returns {import("./menu.js").Entry[]} */
  entries(/** @type {number} */ item) {
    const { viewer, walk } = this;
    const { forward, backward } = this.eventsOf(item);
    const broken = walk.breakpoints.has(forward);
    const { node } = viewer.tree.items[item];
    const group = node < 0;
    const all = [
      forward >= 0 && { text: t("Run to here"), act: () => this.goto(forward) },
      backward >= 0 && { text: t("Run to its gradient"), act: () => this.goto(backward) },
      forward >= 0 && {
        text: broken ? t("Remove breakpoint") : t("Break here"),
        key: "B",
        act: () => this.toggleBreakpoint(forward),
      },
      backward >= 0 && {
        text: walk.breakpoints.has(backward) ? t("Remove breakpoint on its gradient") : t("Break at its gradient"),
        act: () => this.toggleBreakpoint(backward),
      },
      !group && this.canWatch(item) && { text: t("Watch"), key: "W", act: () => this.watch(item) },
      !group && this.run.grads.has(node) && { text: t("Watch its gradient"), act: () => this.watch(item, ".grad") },
      !group && { text: t("Explain"), act: () => this.open(item, "why") },
      !group && this.host.edit !== null && { text: t("Edit…"), act: () => this.open(item, "edit") },
    ];
    return /** @type {import("./menu.js").Entry[]} */ (all.filter(Boolean));
  }

  /** @returns {import("./menu.js").Entry[]} */
  eventEntries(/** @type {number} */ index) {
    const set = this.walk.breakpoints.has(index);
    return [
      { text: t("Go here"), act: () => this.goto(index) },
      { text: set ? t("Remove breakpoint") : t("Break here"), act: () => this.toggleBreakpoint(index) },
      { text: t("First NaN or infinity"), key: "N", act: () => void this.gotoNonfinite() },
    ];
  }

  canWatch(/** @type {number} */ item) {
    const { node } = this.viewer.tree.items[item] ?? { node: -1 };
    return node >= 0 && this.viewer.model.nodes[node].kind !== "output";
  }

  /** Watches what an operation gives, or with ".grad" the gradient that arrives there. */
  watch(/** @type {number} */ item, suffix = "") {
    if (!this.canWatch(item)) return;
    this.watching?.add(this.viewer.model.nodes[this.viewer.tree.items[item].node].name + suffix);
  }

  open(/** @type {number} */ item, /** @type {string} */ tab) {
    this.viewer.select(item);
    this.inspector?.chooseTab(tab);
  }

  // -- pictures and words ---------------------------------------------------------------------------------------------------

  /** The small picture of what an item gave; null before it ran and where there is none. */
  thumbnail(/** @type {number} */ item) {
    const node = this.results[item];
    if (node < 0 || this.run.forwardOf[node] > this.position) return null;
    let found = this.canvases.get(node);
    if (found === undefined) this.canvases.set(node, (found = thumbnailOf(this.pictures[node])));
    return found;
  }

  describe(/** @type {number} */ index) {
    const event = this.run.events[index];
    const { frames, parameters } = this.run;
    const node = event.row >= 0 ? this.viewer.model.nodes[event.row] : null;
    const scope = node ? node.scope : frames[event.frame].scope;
    const isOwn = node && (event.own || event.phase !== "forward");
    const what = event.parameter >= 0 ? parameters[event.parameter].name : lastWord(isOwn ? node.target : event.name);
    const words = {
      forward: word("forward: {what}"),
      backward: word("backward: gradient of {what}"),
      update: word("update: update of {what}"),
    }[event.phase];
    const said = t(words, { what: what || event.name });
    return event.parameter >= 0 || !scope ? said : t("{what} in {scope}", { what: said, scope });
  }

  setTheme(/** @type {import("./theme.js").Theme} */ theme) {
    this.timeline?.setTheme(theme);
    this.inspector?.setTheme(theme);
  }

  destroy() {
    this.pause();
    this.timeline?.destroy();
    this.watching?.destroy();
    this.inspector?.destroy();
  }
}
