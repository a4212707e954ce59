// Shows the graph that store.js holds, and tells Python what was clicked.

const host = (globalThis.graphtoolsHost ??= { graphs: new Map(), waiting: new Set() });
const mounts = new WeakMap(); // Streamlit calls this again on every rerun; the viewer stays

async function show(parent, wanted, report) {
  const state = mounts.get(parent) ?? {};
  mounts.set(parent, state);
  state.wanted = wanted;
  state.report = report;
  if (state.busy) return;
  state.busy = true;
  try {
    while (state.shown !== state.wanted) {
      const next = state.wanted;
      if (!(await ready(next.revision, state))) continue; // something else was asked for while the graph was on its way
      await update(parent, state, next);
      state.shown = next;
    }
  } finally {
    state.busy = false;
  }
}

async function ready(revision, state) {
  while (!host.viewer || !host.graphs.has(revision)) {
    await new Promise((resolve) => {
      const wake = () => { host.waiting.delete(wake); resolve(); };
      host.waiting.add(wake);
      setTimeout(wake, 100);
    });
    if (state.gone || state.wanted.revision !== revision) return false;
  }
  return true;
}

async function mountInto(parent, state, next) {
  const { mount } = await host.viewer;
  state.mounted?.destroy();
  const old = parent.querySelector(".graph-host");
  const el = old.cloneNode(false); // a fresh element: the viewer's shadow root stays on the old one
  old.replaceWith(el);
  state.mounted = mount(el, host.graphs.get(next.revision), { theme: next.theme });
  el.graphtools = state.mounted;
  const style = document.createElement("style");
  style.textContent = next.style;
  el.shadowRoot.append(style);
  state.mounted.on("select", (detail) => {
    if (!state.selecting && detail) state.report(detail.name);
  });
  state.drawn = next;
}

function select(state, { selected, follow, around }) {
  const visible = follow ? selected : [selected, ...around].find((name) => state.mounted.rectOf(name));
  state.selecting = true; // what Python asked for must not come back as a click
  try {
    state.mounted.select(visible ?? null);
  } finally {
    state.selecting = false;
  }
}

// Outer modules first, so that those inside a closed one need no layout of their own.
function foldTo(mounted, scopes, depth) {
  for (const scope of scopes) {
    const box = mounted.rectOf(scope);
    const open = scope.split(".").length < depth;
    if (box && box.open !== open) mounted.setOpen(scope, open);
  }
}

async function update(parent, state, next) {
  const before = state.drawn;
  if (!before || before.revision !== next.revision || before.theme !== next.theme) {
    state.drawn = next;
    await mountInto(parent, state, next);
    if (next.depth !== null) foldTo(state.mounted, next.scopes, next.depth);
    if (next.selected) select(state, next);
  } else {
    if (next.folded !== before.folded && next.depth !== null) foldTo(state.mounted, next.scopes, next.depth);
    if (next.moved !== before.moved && next.selected) select(state, next);
    state.drawn = next;
  }
  parent.querySelector(".graph-host").dataset.ready = next.selected ?? "";
}

export default function ({ parentElement, data, setTriggerValue }) {
  if (!data) return;
  show(parentElement, data, (name) => setTriggerValue("select", name)).catch((error) => {
    parentElement.querySelector(".graph-host").textContent = `The graph could not be shown: ${error.message}`;
  });
  return () => {
    const state = mounts.get(parentElement);
    if (!state) return;
    state.gone = true;
    state.mounted?.destroy();
    mounts.delete(parentElement);
  };
}
