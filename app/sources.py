"""The sidebar: chooses what to open, and says what was opened."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from pathlib import Path

import session
import streamlit as st
from beside import SIDE_BY_SIDE
from lessons import example_choice, names, text
from permission import OPERATOR_SAYS, may_run_code
from settings import settings
from texts import said, t
from view import View

from graphtools.backend import Backend, Choice

KINDS = ("Example", "torchvision", "File")
MODES = ("Training step", "Forward")
VIEWS = ("Graph", SIDE_BY_SIDE, "Table")
_SIDES = (64, 96, 128, 224, 256, 299, 384, 512)


def source_chooser() -> None:
    """Draws the controls that choose a model. An example opens at once, a file only when its button is pressed."""
    tab = session.tab()
    if tab.choice.kind == "draft":
        st.html(f'<div class="gt"><p>{escape(t("Open: the draft {name}", name=tab.choice.title))}</p></div>')
        st.page_link("views/build.py", label=t("Back to building it"))
    first = {"example": KINDS[0], "torchvision": KINDS[1], "draft": KINDS[0]}.get(tab.choice.kind, KINDS[2])
    key = session.steady_key("kind", first)
    kind = st.segmented_control(t("Open"), KINDS, key=key, required=True, width="stretch", format_func=t)
    session.must_have("kind", kind)
    if kind == "torchvision":
        _torchvision()
    elif kind == "File":
        _file()
    else:
        _example()
    mode = st.segmented_control(
        t("Record"),
        MODES,
        key=session.steady_key("mode", MODES[0] if tab.choice.mode == "step" else MODES[1]),
        required=True,
        width="stretch",
        label_visibility="collapsed",
        format_func=t,
        on_change=_choose_mode,
    )
    session.must_have("mode", mode)


def _example() -> None:
    tab, language = session.tab(), settings().language
    opened = tab.choice.title if tab.choice.kind == "example" else ""
    # By `index`, and a key that changes with what is open: on the way between pages Streamlit forgets what was chosen.
    key = f"press_example {opened}"
    name = st.selectbox(
        t("Example"), names(), key=key, on_change=_choose_example, args=(key,),
        index=names().index(tab.example), format_func=lambda n: text(n, language)[0],
    )  # fmt: skip
    if opened:
        st.html(f'<div class="gt lesson"><p>{escape(text(opened, language)[1])}</p></div>')
    else:
        st.button(t("Open this example"), on_click=_choose_example, args=(key, name), width="stretch")


def _choose_example(key: str, shown: str = "") -> None:
    # On the way to another page Streamlit takes widgets that are not drawn for changed, and calls this for them.
    name = session.value_of(key) or shown
    if name in names() and session.steady_value("kind") == KINDS[0]:
        session.open_choice(example_choice(name, session.tab().choice.mode))


def _choose_mode() -> None:
    mode = session.steady_value("mode")
    if mode and session.steady_value("kind"):  # see _choose_example
        session.tab().choose_mode("step" if mode == MODES[0] else "forward")


def _torchvision() -> None:
    tab = session.tab()
    opened = tab.choice.title if tab.choice.kind == "torchvision" else ""
    key, known = f"press_torchvision {opened}", _torchvision_names()
    name = st.selectbox(
        t("Model"), known, index=known.index(opened) if opened in known else None, placeholder=t("Type to search"),
        key=key, on_change=_choose_model, args=(key,),
    )  # fmt: skip
    side = st.selectbox(
        t("Resolution"), ["usual", *map(str, _SIDES)], key="side", on_change=_choose_model, args=(key,), format_func=t
    )
    session.set_default("weights", "random")
    st.segmented_control(
        t("Weights"), ["random", "trained"], key="weights", required=True, on_change=_choose_model, args=(key,),
        format_func=t,
    )  # fmt: skip
    size = "" if side == "usual" else f", {side} × {side}"
    runs = t("It runs on one image{size}.", size=size) if name else ""
    trained = t("Trained weights are downloaded once, from pytorch.org.")
    st.caption(f"{trained if session.value_of('weights') == 'trained' else ''} {runs}")


def _choose_model(key: str) -> None:
    name, side = session.value_of(key), session.value_of("side", "usual")
    if name and session.steady_value("kind") == KINDS[1]:  # see _choose_example
        inputs = () if side == "usual" else (f"1,3,{side},{side}",)
        target = f"torchvision:{name}" + ("@DEFAULT" if session.value_of("weights") == "trained" else "")
        session.open_choice(Choice("torchvision", target, name, inputs, mode=session.tab().choice.mode))


def _file() -> None:
    allowed = may_run_code()
    uploaded = st.file_uploader(
        t("Python file or recording") if allowed else t("Recording"),
        type=["py", "gt"] if allowed else ["gt"],
        key="upload",
        max_upload_size=200,
    )
    if allowed:
        choice = session.tab().choice
        if choice.kind in ("file", "recording") and not session.is_upload(choice.target):
            session.set_default("path", choice.target)
        st.text_input(
            t("or a path on this machine"), placeholder="path/to/model.py:Net", key="path", disabled=bool(uploaded)
        )
        st.text_input(t("Input"), placeholder=t("as the file says, or 1,3,224,224"), key="input")
    ready = bool(uploaded or (allowed and session.value_of("path", "").strip()))
    label = t("Open and run") if allowed else t("Open")
    st.button(label, on_click=_run_file, disabled=not ready, type="primary", width="stretch")
    if allowed:
        words = t(
            "This executes the file, with your rights. It should define `model`, `build_model()` or one module class, "
            "and `example_input`."
        )
    else:
        words = t(
            "Files of Python are off here, because others can reach this app. Its operator can turn them on: "
            "`{name}=1`. Recordings open without running anything.",
            name=OPERATOR_SAYS,
        )
    st.caption(words)


def _run_file() -> None:
    uploaded, shape = session.value_of("upload"), session.value_of("input", "").strip()
    if uploaded is not None:
        target = session.tab().keep_upload(uploaded.name, uploaded.getvalue())
    elif may_run_code():
        target = session.value_of("path", "").strip()
    else:
        return
    session.open_file(target, (shape,) if shape else ())


def asked_by_link() -> None:
    """Draws the question whether to open the file that a link names: the link may come from anybody."""
    choice = session.tab().asked_first
    assert choice is not None
    st.html(f'<div class="gt"><h1>{escape(choice.title)}</h1></div>')
    if choice.kind == "file" and not may_run_code():
        st.write(t("The link names a file of Python, and those are off here."))
        return
    words = t("The link opens this file. A file of Python is executed, with your rights; do you trust it?")
    st.write(words if choice.kind == "file" else t("The link opens this recording."))
    st.code(choice.target, language=None)
    st.button(
        t("Open and run") if choice.kind == "file" else t("Open"),
        on_click=session.open_file,
        args=(choice.target, choice.inputs),
        type="primary",
    )


def facts() -> None:
    """Draws what was opened: sizes, inputs, loss, and what the capture has to say."""
    about = session.tab().about
    count = about["operations"]
    sizes = t("{n} operation" if count == 1 else "{n} operations", n=f"{count:,}")
    lines = [f"{sizes}, {t('{n} parameters', n=format(about['parameters'], ','))}", *map(said, about["notes"])]
    st.html('<div class="gt muted">' + "".join(f"<p>{escape(line)}</p>" for line in lines) + "</div>")
    for mistake in about["mistakes"]:
        st.html(f'<div class="gt gt-mistake" role="note"><p>{escape(said(mistake))}</p></div>')


def downloads(view: View) -> None:
    """Draws the choice of graph or table, and the downloads, each made when its button is pressed."""
    tab = session.tab()
    shown = st.segmented_control(
        t("View"),
        VIEWS,
        key=session.steady_key("view", VIEWS[0]),
        required=True,
        label_visibility="collapsed",
        format_func=t,
    )
    session.must_have("view", shown)
    name = view.title.removesuffix(".py").removesuffix(".gt")
    with st.popover(t("Download"), width="stretch"):
        for label, suffix, mime in (
            ("HTML page with all values", "html", "text/html"),
            ("Recording", "gt", "application/octet-stream"),
            ("Graph as JSON", "json", "application/json"),
            ("Graph as DOT", "dot", "text/vnd.graphviz"),
            ("Graph as Mermaid", "mmd", "text/plain"),
        ):
            st.download_button(
                t(label), _maker(view, suffix), f"{name}.{suffix}", mime, on_click="ignore", width="stretch"
            )
    printed = tab.output().strip()
    if printed:
        with st.popover(t("What it printed"), width="stretch"):
            st.code("\n".join(printed.splitlines()[-200:]), language=None)


def _maker(view: View, kind: str) -> Callable[[], bytes]:
    return lambda: Path(view.backend.ask("export", recording=view.recording, kind=kind)).read_bytes()


@st.cache_data(show_spinner=False)
def _torchvision_names() -> list[str]:
    with Backend(session.launcher(), "torchvision") as process:  # this process does not import torch
        return list(process.ask("models"))
