"""The builder: a draft that is drawn by hand, with its code, and the way into the debugger and into training."""

from __future__ import annotations

import importlib.util
from html import escape
from pathlib import Path

import drafts
import session
import streamlit as st
from building import Building
from editor_component import editor
from permission import may_run_code
from sidebar import below, brand
from sources import MODES
from texts import t

from graphtools.backend import BackendError, Choice

_HAS_ONNX = all(importlib.util.find_spec(name) for name in ("onnx", "onnxscript"))
FIRST_WAIT_S = 1.0  # for which a page stays as it is while a draft opens
_EXPORTS = (
    ("Python code", "py", "text/x-python"),
    ("Changes as a patch", "diff", "text/x-diff"),
    ("Draft as JSON", "json", "application/json"),
    ("torch.export program", "pt2", "application/octet-stream"),
    ("ONNX", "onnx", "application/octet-stream"),
)


def page() -> None:
    """Draws the page."""
    building = session.tab().building or session.open_draft(session.first_draft())
    with st.sidebar:
        brand()
        _chooser(building)
        rest = st.container()
    session.write_draft_address()
    wish = session.take("wish")
    with rest:
        _exports(building)
        below()
    if building.taken:
        _taken(building)
    elif not building.ready(FIRST_WAIT_S):
        _opening()
    elif building.problem is not None:
        _problem(building, t("{name} could not be opened", name=building.title), str(building.problem))
    elif building.death:
        _problem(building, t("The process ended"), building.death)
    elif wish in ("run", "train"):
        _leave(building, wish)
    else:
        editor(building.revision)


def _chooser(building: Building) -> None:
    """Draws what opens drafts."""
    now = building.file
    files = drafts.known(session.draft_folder())
    if now not in files:
        files = [now, *files]
    # By `index`, and a key that changes with what is open: its value is that until another is chosen.
    chosen = st.selectbox(
        t("Draft"), files, index=files.index(now), format_func=lambda file: file.stem, key=f"press_draft {now}"
    )
    if chosen is not None and chosen != now:
        session.open_draft(chosen)
        st.rerun()
    with st.container(horizontal=True, gap="small"):
        st.button(t("New"), on_click=_new, width="stretch")
        can = session.tab().choice.kind != "recording"
        st.button(t("From the model"), on_click=_from_model, width="stretch", help=_from_model_help(), disabled=not can)
    with st.popover(t("Open a file"), width="stretch"):
        uploaded = st.file_uploader(t("Draft"), type=["json"], key="upload_draft", max_upload_size=50)
        st.button(t("Open"), on_click=_open_upload, disabled=uploaded is None, type="primary", width="stretch")
        st.caption(t("A draft is data: opening it imports only torch and torchvision."))
    with st.popover(t("Rename or delete"), width="stretch"):
        name = st.text_input(t("Name"), value=now.stem, key=f"press_name {now}")
        st.button(t("Rename"), on_click=session.rename_draft, args=(name,), width="stretch")
        st.button(t("Delete {name}", name=now.stem), on_click=session.delete_draft, width="stretch")


def _from_model_help() -> str:
    if session.tab().choice.kind == "recording":
        return t("A saved recording has no model to build on: open the model's file in the debugger.")
    return t("A copy of {name}, which is open in the debugger, with its weights", name=session.tab().choice.title)


def _new() -> None:
    session.open_draft(drafts.free_file(session.draft_folder(), "draft"))


def _from_model() -> None:
    choice = session.tab().choice
    if choice.kind == "recording" or (choice.runs_user_code and not may_run_code()):
        return
    file = drafts.free_file(session.draft_folder(), choice.title.removesuffix(".py"))
    session.open_draft(file, choice.target, choice.inputs)


def _open_upload() -> None:
    uploaded = session.value_of("upload_draft")
    if uploaded is None:
        return
    file = drafts.free_file(session.draft_folder(), uploaded.name)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(drafts.from_elsewhere(uploaded.getvalue()))
    session.open_draft(file, is_ours=False)


def _exports(building: Building) -> None:
    popover = st.popover(t("Download"), width="stretch", on_change="rerun", key="press_download")
    with popover:
        st.caption(t("It is saved as you go, in {file}. Take a copy here.", file=str(building.file)))
        if not popover.open or not building.is_open or building.opening is not None:
            return
        problems = building.ask("picture")["problems"]
        if problems:
            why = problems[0]["message"]
            st.caption(t("Only the draft itself can be taken until this is mended: {why}", why=why))
        elif not _HAS_ONNX:
            st.caption(t("ONNX needs two packages: `pip install onnx onnxscript`."))
        for label, kind, mime in _EXPORTS:
            st.download_button(
                t(label), _maker(building, kind), f"{building.title}.{kind}", mime, on_click="ignore", width="stretch",
                key=f"press_export_{kind}",
                disabled=bool(problems and kind != "json") or (kind == "onnx" and not _HAS_ONNX),
            )  # fmt: skip


def _maker(building: Building, kind: str):  # type: ignore[no-untyped-def]
    def make() -> bytes:
        return Path(building.ask("export", kind=kind)).read_bytes()

    return make


def _leave(building: Building, wish: str) -> None:
    """Opens the draft as a model: in the debugger, or where it is trained."""
    try:
        picture = building.ask("picture")
        building.ask("export", kind="json")
    except BackendError as error:
        _problem(building, t("It did not run"), str(error))
        return
    if picture["problems"]:  # the editor has told, unless this one came in the same moment
        editor(building.revision)
        return
    session.set_steady("mode", MODES[0])
    choice = Choice("draft", str(building.file), building.title, may_run_source=building.may_run)
    session.tab().choose(choice, again=True)
    st.switch_page("views/debug.py" if wish == "run" else "views/train.py")


@st.fragment(run_every=0.4)
def _opening() -> None:
    building = session.tab().building
    task = building.opening if building is not None else None
    if building is None or task is None or task.done:
        st.rerun()
        return
    doing = t(task.progress.get("doing") or "Starting a process for the model")
    with st.container(key="opening", horizontal_alignment="center", gap="small"):
        st.html(
            f'<div class="gt gt-progress" role="status"><h1>{escape(building.title)}</h1>'
            f"<p>{escape(doing)} · {int(task.seconds)} s</p><div class=bar></div></div>"
        )
        st.button(t("Stop"), on_click=task.cancel)


def _taken(building: Building) -> None:
    said = t("Its last changes are saved. Here it can be opened again; the other tab then gives it up.")
    st.html(
        f'<div class="gt"><h1>{escape(t("{name} is open in another tab", name=building.title))}</h1>'
        f"<p>{escape(said)}</p></div>"
    )
    st.button(t("Open it here"), on_click=session.reopen_draft, type="primary")


def _problem(building: Building, title: str, why: str) -> None:
    st.html(
        f'<div class="gt gt-failure" role="alert"><h1>{escape(title)}</h1><pre>{escape(why)}</pre></div>'
        f'<div class="gt muted"><p>{escape(t("The draft is saved as it was after the last change."))}</p></div>'
    )
    st.button(t("Try again"), on_click=session.reopen_draft, type="primary")


page()
