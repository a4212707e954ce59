"""The sidebar: chooses what to open, and says what was opened."""

from __future__ import annotations

from html import escape

import session
import streamlit as st
from opening import Choice, Opened, example_choice, example_text, example_titles

KINDS = ("Example", "torchvision", "File")
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


def _example() -> None:
    titles = _titles()
    chosen = session.session().choice
    names = list(titles)
    st.session_state.setdefault("example", names[0])
    name = st.selectbox(
        "Example", names, key="example", on_change=_choose_example, format_func=lambda name: titles[name]
    )
    if chosen.kind == "example":
        st.html(f'<div class="gt lesson"><p>{escape(_lesson(name))}</p></div>')
    else:
        st.button("Open this example", on_click=_choose_example, width="stretch")


def _choose_example() -> None:
    session.choose(example_choice(session.value_of("example")))


def _torchvision() -> None:
    names = _torchvision_names()
    name = st.selectbox(
        "Model", names, index=None, placeholder="Type to search", key="torchvision", on_change=_choose_model
    )
    side = st.selectbox("Resolution", ["usual", *map(str, _SIDES)], key="side", on_change=_choose_model)
    size = "" if side == "usual" else f", {side} × {side}"
    runs = f" The model runs once, on one image{size}." if name else ""
    st.html(f'<div class="gt muted"><p>Random weights: nothing is downloaded.{runs}</p></div>')


def _choose_model() -> None:
    name, side = session.value_of("torchvision"), session.value_of("side", "usual")
    if name:
        inputs = () if side == "usual" else (f"1,3,{side},{side}",)
        session.choose(Choice("torchvision", f"torchvision:{name}", name, inputs))


def _file() -> None:
    uploaded = st.file_uploader("Python file", type="py", key="upload", max_upload_size=5)
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
    """Draws what was opened: inputs, sizes, and what the capture has to say."""
    graph = opened.graph
    if graph is None:
        return
    lines = [f"{len(graph.operations):,} operations, {graph.n_parameters:,} parameters"]
    lines += [f"Input: {opened.inputs_note.replace('`', '')}"] if opened.inputs_note else []
    lines.append(f"Run once in evaluation mode, in {graph.capture.duration_s or opened.opened_s:.2g} s")
    lines += list(graph.capture.notes)
    st.html('<div class="gt muted">' + "".join(f"<p>{escape(line)}</p>" for line in lines) + "</div>")


def downloads(opened: Opened) -> None:
    """Draws the downloads, each made when its button is pressed."""
    graph, name = opened.graph, opened.choice.title.removesuffix(".py")
    if graph is None:
        return
    st.download_button("HTML page", lambda: graph.to_html(), f"{name}.html", "text/html", on_click="ignore")
    st.download_button("JSON", lambda: graph.to_json(), f"{name}.json", "application/json", on_click="ignore")
    st.download_button("DOT", lambda: graph.to_dot(), f"{name}.dot", "text/vnd.graphviz", on_click="ignore")
    st.download_button("Mermaid", lambda: graph.to_mermaid(), f"{name}.mmd", "text/plain", on_click="ignore")


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
