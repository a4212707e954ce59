// What drawing.py calls in its page: our viewer, vis-network and Cytoscape, timed the same way.

const frame = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
function host() {
  for (const old of document.querySelectorAll(".host")) old.remove();
  const el = document.body.appendChild(document.createElement("div"));
  el.className = "host";
  return el;
}
const all = (tree) => new Set(tree.items.filter((item) => item.node < 0).map((item) => item.index));
const mean = (list) => list.reduce((a, b) => a + b, 0) / list.length;
const worst = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length * 0.95)];

/** Waits until a layout that a worker makes is there. */
async function settled() {
  while (viewer.folding.busy) await new Promise((done) => setTimeout(done));
}

async function firstPaint(text) {
  const el = host();
  const started = performance.now();
  window.viewer = new Viewer(el, JSON.parse(text), {});
  const mounted = performance.now() - started;
  await frame();
  return { ms: performance.now() - started, mounted, boxes: viewer.scene.boxes.length };
}

const PRESS_MS = 100; // from the press of a button to its release

/**
 * Opens and closes, or closes and opens, groups from all over the present view: from the call alone, or, if they are
 * `pressed`, when the mouse's button goes up.
 */
async function toggles(most, pressed = false) {
  const found = [];
  let frozen = 0; // the longest time for which the page did nothing else
  const every = viewer.scene.boxes.filter((box) => box.group).map((box) => box.item);
  const groups = every.filter((_, i) => i % Math.ceil(every.length / most) === 0);
  for (const item of groups) {
    const first = !viewer.folding.open.has(item);
    for (const open of [first, !first]) {
      if (pressed) {
        viewer.folding.expect(item);
        await new Promise((done) => setTimeout(done, PRESS_MS));
      }
      const started = performance.now();
      viewer.folding.setOpen(item, open);
      const blocked = performance.now() - started;
      await settled();
      viewer.draw();
      frozen = Math.max(frozen, blocked);
      found.push(performance.now() - started);
      await frame();
      await frame(); // what is put off until after a frame is no part of the next toggle
    }
  }
  return { n: found.length, mean: mean(found), worst: Math.max(...found), frozen, boxes: viewer.scene.boxes.length };
}

// What callbacks of animation frames take counts as drawing, too: Cytoscape draws in them.
let inFrames = 0;
const request = window.requestAnimationFrame.bind(window);
window.requestAnimationFrame = (callback) =>
  request((now) => {
    const before = performance.now();
    callback(now);
    inFrames += performance.now() - before;
  });

async function pan(move, draw, frames = 60) {
  const spent = [];
  for (let i = 0; i < frames; i++) {
    inFrames = 0;
    const before = performance.now();
    move(i % 20 < 10 ? 12 : -12);
    draw();
    const own = performance.now() - before;
    await frame();
    spent.push(own + inFrames);
  }
  return { mean: mean(spent), worst: worst(spent) };
}

async function ours(text) {
  const el = host();
  window.viewer = new Viewer(el, JSON.parse(text), {});
  viewer.folding.changeAll(all(viewer.tree));
  await settled();
  const { boxes, lines } = viewer.scene;
  const started = performance.now();
  viewer.folding.changeAll(all(viewer.tree));
  await settled();
  viewer.draw();
  await frame();
  const first = performance.now() - started;
  const move = (by) => viewer.camera.pan(by, by);
  viewer.camera.set(viewer.camera.fitting({ x: 0, y: 0, width: viewer.scene.width, height: viewer.scene.height }));
  const whole = await pan(move, () => viewer.draw());
  const box = boxes[Math.floor(boxes.length / 2)];
  viewer.camera.set({ x: box.x - 400, y: box.y - 300, scale: 1 });
  const near = await pan(move, () => viewer.draw());
  viewer.camera.set({ x: box.x - 1200, y: box.y - 3000, scale: 0.2 });
  const middle = await pan(move, () => viewer.draw());
  window.drawing = {
    boxes: boxes
      .filter((b) => !b.open)
      .map((b) => ({
        id: String(b.item),
        x: b.x + b.width / 2,
        y: b.y + b.height / 2,
        w: b.width,
        h: b.height,
        label: b.words.title,
      })),
    edges: viewer.scene.edges.map((e, i) => ({ id: `e${i}`, from: String(e.from), to: String(e.to) })),
    width: viewer.scene.width,
    height: viewer.scene.height,
    center: [box.x, box.y],
  };
  return { boxes: drawing.boxes.length, lines: lines.length, first, whole, middle, near };
}

async function vis() {
  const { boxes, edges, width, height, center } = drawing;
  const el = host();
  const started = performance.now();
  const network = new Network(
    el,
    {
      nodes: boxes.map(({ id, x, y, w, label }) => ({ id, x, y, label, shape: "box", widthConstraint: w })),
      edges: edges.map(({ id, from, to }) => ({ id, from, to, arrows: "to" })),
    },
    { physics: false, edges: { smooth: false } },
  );
  network.redraw();
  await frame();
  const first = performance.now() - started;
  const move =
    (scale, [x, y]) =>
    (by) =>
      network.moveTo({ position: { x: x + by, y: y + by }, scale });
  const whole = await pan(move(Math.min(1400 / width, 900 / height), [width / 2, height / 2]), () => network.redraw());
  const middle = await pan(move(0.2, center), () => network.redraw());
  const near = await pan(move(1, center), () => network.redraw());
  network.destroy();
  return { boxes: boxes.length, lines: edges.length, first, whole, middle, near };
}

async function cyto() {
  const { boxes, edges, width, height, center } = drawing;
  const el = host();
  const started = performance.now();
  const cy = cytoscape({
    container: el,
    elements: [
      ...boxes.map(({ id, x, y, w, h, label }) => ({ data: { id, label, w, h }, position: { x, y } })),
      ...edges.map(({ id, from, to }) => ({ data: { id, source: from, target: to } })),
    ],
    layout: { name: "preset" },
    style: [
      {
        selector: "node",
        style: {
          shape: "round-rectangle",
          width: "data(w)",
          height: "data(h)",
          label: "data(label)",
          "text-valign": "center",
        },
      },
      { selector: "edge", style: { "curve-style": "straight", "target-arrow-shape": "triangle" } },
    ],
  });
  cy.fit();
  cy.forceRender();
  await frame();
  const first = performance.now() - started;
  const move = (by) => cy.panBy({ x: by, y: by });
  const whole = await pan(move, () => cy.forceRender());
  const look = (scale) => cy.viewport({ zoom: scale, pan: { x: 700 - center[0] * scale, y: 450 - center[1] * scale } });
  look(0.2);
  const middle = await pan(move, () => cy.forceRender());
  look(1);
  const near = await pan(move, () => cy.forceRender());
  cy.destroy();
  return { boxes: boxes.length, lines: edges.length, first, whole, middle, near };
}

/** Opens groups in reading order as long as no more than `most` boxes show. */
async function openUpTo(most) {
  const { items } = viewer.tree;
  const open = new Set([0]);
  let shown = items[0].children.length;
  for (const { index, node, parent, children } of items) {
    if (node >= 0 || open.has(index) || !open.has(parent) || shown + children.length > most) continue;
    open.add(index);
    shown += children.length - 1;
  }
  const started = performance.now();
  viewer.folding.changeAll(open);
  const frozen = performance.now() - started;
  await settled();
  viewer.draw();
  return { frozen, ms: performance.now() - started, boxes: viewer.scene.boxes.length };
}
