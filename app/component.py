"""The Streamlit host of the graph picture: mounts the viewer's ES module and reports what was clicked.

Two components share the work, because Streamlit sends a component again whenever its data change. The store holds the
viewer and the graph, which change once for each model opened; the picture holds the selection, a few bytes for each step.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import streamlit as st
from session import triggered

from graphtools.graph import Graph, enclosing_scopes
from graphtools.payload import graph_payload
from graphtools.viewer.page import bundle

_PREPARE = """
const host = (globalThis.graphtoolsHost ??= { graphs: new Map(), waiting: new Set() });
"""

# The module is loaded from a blob, so that the viewer is the same file that the HTML page and notebooks use.
_STORE = """
const source = %s;
host.viewer ??= import(URL.createObjectURL(new Blob([source], { type: "text/javascript" })));

export default function ({ data }) {
  if (!data) return;
  host.graphs.clear(); // one graph is open at a time
  host.graphs.set(data.revision, data.payload);
  for (const wake of [...host.waiting]) wake();
}
"""

_PICTURE = """
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
  const old = parent.querySelector(".graph");
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
  parent.querySelector(".graph").dataset.ready = next.selected ?? "";
}

export default function ({ parentElement, data, setTriggerValue }) {
  if (!data) return;
  show(parentElement, data, (name) => setTriggerValue("select", name)).catch((error) => {
    parentElement.querySelector(".graph").textContent = `The graph could not be shown: ${error.message}`;
  });
  return () => {
    const state = mounts.get(parentElement);
    if (!state) return;
    state.gone = true;
    state.mounted?.destroy();
    mounts.delete(parentElement);
  };
}
"""

# The app has its own inspector beside the graph, and follows Streamlit's theme.
_VIEWER_STYLE = ".card, .bar button[title^=Theme], .banner { display: none !important; }"

_HTML = '<div class="graph"></div>'
_CSS = """
.graph {
  height: calc(100vh - var(--graph-top, 210px)); min-height: 380px; overflow: hidden;
  border: 1px solid var(--st-border-color, #8884); border-radius: 7px;
}
"""

_store = st.components.v2.component("graphtools_store", js=_PREPARE + _STORE % json.dumps(bundle()))
_picture = st.components.v2.component("graphtools_picture", html=_HTML, css=_CSS, js=_PREPARE + _PICTURE)


@dataclass(frozen=True, slots=True)
class View:
    """What the picture shows of a graph.

    `moved` and `folded` grow with each step and each choice of a depth, so that a rerun for another reason leaves the
    picture as the person has arranged it. With `follow` the modules around the selection open; else the closed module
    that holds it is ringed. At `depth` 1 the model's own parts are closed, at 2 those inside them, and so on; None is the
    viewer's own choice of what is open.
    """

    selected: str | None
    around: tuple[str, ...]
    moved: int
    depth: int | None
    folded: int
    follow: bool
    dark: bool


def graph_picture(graph: Graph, revision: str, view: View, on_select: Callable[[str], None]) -> None:
    """Draws `graph`, which `revision` names. `on_select` gets the node, or the scope of the module, that is clicked."""
    with st.container(key="graph_store"):
        _store(key="graph_store_component", data={"revision": revision, "payload": _payload(graph, revision)})
    data: dict[str, Any] = {
        "revision": revision,
        "selected": view.selected,
        "around": list(view.around),
        "moved": view.moved,
        "depth": view.depth,
        "folded": view.folded,
        "follow": view.follow,
        "scopes": _scopes(graph, revision),
        "theme": "dark" if view.dark else "light",
        "style": _VIEWER_STYLE,
    }

    def clicked() -> None:
        name = triggered("graph_picture", "select")
        if isinstance(name, str):
            on_select(name)

    _picture(key="graph_picture", data=data, on_select_change=clicked)


@st.cache_data(scope="session", max_entries=2, show_spinner=False)
def _scopes(_graph: Graph, revision: str) -> list[str]:
    scopes = {scope for node in _graph.operations for scope in enclosing_scopes(node.scope)} - {""}
    return sorted(scopes, key=lambda scope: scope.count("."))


@st.cache_data(scope="session", max_entries=2, show_spinner=False)
def _payload(_graph: Graph, revision: str) -> dict[str, Any]:
    return graph_payload(_graph)
