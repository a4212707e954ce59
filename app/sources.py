"""The sidebar: chooses what to open, and says what was opened."""

from __future__ import annotations

import tempfile
from html import escape
from pathlib import Path

import session
import streamlit as st
from opening import Choice, Opened, example_choice, example_text, example_titles

import graphtools as gt

KINDS = ("Example", "torchvision", "File")
MODES = ("Training step", "Forward")
_SIDES = (64, 96, 128, 224, 256, 299, 384, 512)


def source_chooser() -> None:
    """Draws the controls that choose a model. An example opens at once, a file only when its button is pressed."""
    st.html('<div class="gt-brand">graphtools</div>')
    kind = st.segmented_control("Open", KINDS, default=KINDS[0], key="kind", required=True, width="stretch")
    if kind == "torchvision":
        _torchvision()
    elif kind == "File":
        _file()
    else:
        _example()
    session.set_default("mode", MODES[0])
    st.segmented_control(
        "Record",
        MODES,
        key="mode",
        required=True,
        width="stretch",
        label_visibility="collapsed",
        on_change=_choose_mode,
    )


def _example() -> None:
    titles = _titles()
    chosen = session.session().choice
    names = list(titles)
    session.set_default("example", names[0])
    name = st.selectbox(
        "Example", names, key="example", on_change=_choose_example, format_func=lambda name: titles[name]
    )
    if chosen.kind == "example":
        st.html(f'<div class="gt lesson"><p>{escape(_lesson(name))}</p></div>')
    else:
        st.button("Open this example", on_click=_choose_example, width="stretch")


def _choose_example() -> None:
    session.choose(example_choice(session.value_of("example"), session.session().mode))


def _choose_mode() -> None:
    session.choose_mode("step" if session.value_of("mode") == MODES[0] else "forward")


def _torchvision() -> None:
    names = _torchvision_names()
    name = st.selectbox(
        "Model", names, index=None, placeholder="Type to search", key="torchvision", on_change=_choose_model
    )
    side = st.selectbox("Resolution", ["usual", *map(str, _SIDES)], key="side", on_change=_choose_model)
    size = "" if side == "usual" else f", {side} × {side}"
    runs = f" It runs on one image{size}." if name else ""
    st.html(f'<div class="gt muted"><p>Random weights: nothing is downloaded.{runs}</p></div>')


def _choose_model() -> None:
    name, side = session.value_of("torchvision"), session.value_of("side", "usual")
    if name:
        inputs = () if side == "usual" else (f"1,3,{side},{side}",)
        session.choose(Choice("torchvision", f"torchvision:{name}", name, inputs, mode=session.session().mode))


def _file() -> None:
    uploaded = st.file_uploader("Python file or recording", type=["py", "gt"], key="upload", max_upload_size=200)
    path = st.text_input(
        "or a path on this machine", placeholder="path/to/model.py:Net", key="path", disabled=bool(uploaded)
    )
    st.text_input("Input", placeholder="as the file says, or 1,3,224,224", key="input")
    ready = bool(uploaded or path.strip())
    st.button("Open and run", on_click=_run_file, disabled=not ready, type="primary", width="stretch")
    st.html(
        '<div class="gt muted"><p>This executes the file, with your rights, in this app. It should define '
        "<code>model</code>, <code>build_model()</code> or one module class, and <code>example_input</code>.</p></div>"
    )


def _run_file() -> None:
    uploaded, shape = session.value_of("upload"), session.value_of("input", "").strip()
    if uploaded is not None:
        target = session.keep_upload(uploaded.name, uploaded.getvalue())
    else:
        target = session.value_of("path", "").strip()
    session.choose_file(target, (shape,) if shape else ())


def facts(opened: Opened) -> None:
    """Draws what was opened: sizes, inputs, loss, and what the capture has to say."""
    graph = opened.graph
    if graph is None:
        return
    count = len(graph.operations)
    sizes = f"{count:,} operation{'' if count == 1 else 's'}, {graph.n_parameters:,} parameters"
    lines = [sizes, *opened.notes]
    lines += list(graph.capture.notes)
    st.html('<div class="gt muted">' + "".join(f"<p>{escape(line)}</p>" for line in lines) + "</div>")


def downloads(recording: gt.Recording, title: str) -> None:
    """Draws the choice of graph or table, and the downloads, each made when its button is pressed."""
    st.segmented_control(
        "View", ["Graph", "Table"], default="Graph", key="view", required=True, label_visibility="collapsed"
    )
    graph, name = recording.graph, title.removesuffix(".py").removesuffix(".gt")
    with st.popover("Download", width="stretch"):
        for label, make, suffix, mime in (
            ("HTML page with all values", lambda: str(recording.to_html()), "html", "text/html"),
            ("Recording", lambda: _saved(recording), "gt", "application/octet-stream"),
            ("Graph as JSON", graph.to_json, "json", "application/json"),
            ("Graph as DOT", graph.to_dot, "dot", "text/vnd.graphviz"),
            ("Graph as Mermaid", graph.to_mermaid, "mmd", "text/plain"),
        ):
            st.download_button(label, make, f"{name}.{suffix}", mime, on_click="ignore", width="stretch")


def _saved(recording: gt.Recording) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "recording.gt"
        recording.save(path)
        return path.read_bytes()


@st.cache_data(show_spinner=False)
def _titles() -> dict[str, str]:
    return example_titles()


@st.cache_data(show_spinner=False)
def _lesson(name: str) -> str:
    return example_text(name)[1]


@st.cache_data(show_spinner=False)
def _torchvision_names() -> list[str]:
    from torchvision.models import list_models

    return list_models()
