"""Training: in the background, with its curves, and a way into the debugger at any step."""

from __future__ import annotations

from html import escape

import session
import streamlit as st
from curves import curves
from permission import may_run_code
from plan_form import plan_form, target_of
from sidebar import below, brand
from sources import source_chooser
from texts import t
from training import BROKE, DONE, FAILED, PAUSED, RUNNING, STOPPED, Training

from graphtools.backend import BackendError

_WORDS = {
    "starting": "Starting",
    RUNNING: "Training",
    PAUSED: "Paused",
    STOPPED: "Stopped",
    DONE: "Done",
    BROKE: "Stopped to look",
    FAILED: "Failed",
}


def page() -> None:
    """Draws the page."""
    with st.sidebar:
        brand()
        source_chooser()
        below()
    training = session.tab().training
    if training is None:
        _form()
    else:
        _watch()


def _form() -> None:
    tab = session.tab()
    st.html(f'<div class="gt"><h1>{escape(t("Train {name}", name=tab.choice.title))}</h1></div>')
    plan = plan_form()
    allowed = tab.choice.kind in ("example", "torchvision", "draft") or (tab.choice.kind == "file" and may_run_code())
    if not allowed:
        st.caption(t("A saved recording cannot be trained: open the model's file."))
    full = {"model": target_of(tab.choice), **plan}
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(t("Train"), type="primary", on_click=tab.train, args=(full,), disabled=not allowed)
        with st.popover(t("As a file")):
            st.caption(t("`graphtools train --config train.json` does the same from the shell."))
            st.json(full)


@st.fragment(run_every=1.0)
def _watch() -> None:
    tab = session.tab()
    training = tab.training
    if training is None:
        st.rerun()
        return
    training.look()
    _headline(training)
    _buttons(training)
    if training.state == FAILED:
        said = training.why or t("no message")
        st.html(f'<div class="gt gt-failure" role="alert"><pre>{escape(said)}</pre></div>')
    elif training.why:
        st.html(f'<div class="gt gt-note" role="status">{escape(training.why)}</div>')
    if training.steps:
        curves(training)
    printed = training.backend.output().strip()
    if printed:
        with st.expander(t("What it printed")):
            st.code("\n".join(printed.splitlines()[-60:]), language=None)


def _headline(training: Training) -> None:
    status = training.status
    st.html(
        f'<div class="gt"><h1>{escape(t(_WORDS[training.state]))} '
        f"<span>{escape(str(training.plan['model']).rpartition('/')[2])}</span></h1></div>"
    )
    total = int(status.get("steps", 0))
    if total:
        done = int(status.get("step", 0))
        text = t(
            "epoch {epoch} of {epochs}, step {step} of {steps}",
            epoch=status.get("epoch", 0),
            epochs=status.get("epochs", 0),
            step=f"{done:,}",
            steps=f"{total:,}",
        )
        left = status.get("seconds_left")
        if left is not None and training.state == RUNNING:
            text += " · " + t("{seconds} s left", seconds=round(left))
        last = training.epochs[-1] if training.epochs else {}
        if last.get("test_accuracy") is not None:
            text += " · " + t("test accuracy {percent} %", percent=f"{100 * last['test_accuracy']:.1f}")
        elif last.get("test_loss") is not None:
            text += " · " + t("test loss {loss}", loss=f"{last['test_loss']:.4g}")
        st.progress(min(1.0, done / total), text=text)
    notes = [str(note) for note in training.about.get("notes", ())]
    notes += [t("Step {step} went on as changed: {change}", step=f"{n:,}", change=name) for n, name in training.changed]
    if notes:
        st.html('<div class="gt muted">' + "".join(f"<p>{escape(note)}</p>" for note in notes) + "</div>")


def _buttons(training: Training) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        if training.state == RUNNING:
            st.button(t("Pause"), on_click=training.tell, args=("pause",))
        elif training.state in (PAUSED, BROKE):
            st.button(t("Go on"), on_click=training.tell, args=("resume",), type="primary")
        if training.state in (RUNNING, PAUSED, BROKE):
            label = t("Look into this step") if training.state == BROKE else t("Look into the next step")
            if st.button(label, key="press_look"):
                _look(training)
            st.button(t("Stop"), on_click=training.tell, args=("stop",))
        if training.is_over:
            st.button(t("New training"), on_click=_again, type="primary")


def _look(training: Training) -> None:
    """Records the step and goes to the debugger with it. The training waits until it is told to go on."""
    tab = session.tab()
    try:
        with st.spinner(t("Recording the step")):
            task = training.record()
            title = t("Step {step} of the training", step=task.result()["step"])
            tab.look_at_step(task, title)
    except BackendError as error:
        st.html(f'<div class="gt gt-failure" role="alert"><pre>{escape(str(error))}</pre></div>')
        return
    st.switch_page("views/debug.py")


def _again() -> None:
    tab = session.tab()
    if tab.training is not None:
        tab.training.close()
    tab.training = None


page()
