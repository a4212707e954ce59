"""Training: in the background, with its curves, and a way into the debugger at any step."""

from __future__ import annotations

from html import escape
from pathlib import PurePath

import session
import streamlit as st
from curves import curves
from fitting import Question, Questions
from permission import may_run_code
from plan_form import add_transforms, is_complete, plan_form, set_head, target_of, use
from sidebar import below, brand
from sources import source_chooser
from texts import said, t
from training import BROKE, DONE, FAILED, PAUSED, RUNNING, STOPPED, Training

from graphtools.backend import BackendError

_LABELS = {
    RUNNING: "Look into the next step",
    PAUSED: "Look into the next step",
    BROKE: "Look into this step",
    STOPPED: "Look into a step",
    DONE: "Look into a step",
}
_FIRST_WAIT_S = 4.0  # for which the form waits for what the model takes
_FIT_WAIT_S = 0.3  # for which it waits whether changed data fit
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
    session.write_draft_address()
    training = session.tab().training
    if training is None:
        _form()
        return
    if session.take("press_look_now"):
        _look(training)
    training.look()
    drawn = _stand_of(training)
    _progress(drawn)
    _buttons(training)  # by the page: what draws itself each second gives a download a new name each second
    _course()


def _form() -> None:
    tab = session.tab()
    st.html(f'<div class="gt"><h1>{escape(t("Train {name}", name=tab.choice.title))}</h1></div>')
    allowed = tab.choice.kind in ("example", "torchvision", "draft") or (tab.choice.kind == "file" and may_run_code())
    first = _questions().first(tab.choice, tab.limits) if allowed else None
    if first is not None and not first.done:
        with st.spinner(t("Looking at what the model takes")):
            first.wait(_FIRST_WAIT_S)
    if first is not None and first.done and not first.problem:
        use(first.answer["settings"])
    plan = plan_form()
    if not allowed:
        st.caption(t("A saved recording cannot be trained: open the model's file."))
    full = {"model": target_of(tab.choice), **plan}
    fit = None
    if first is not None and first.done and not first.problem and is_complete(plan):
        fit = _questions().fit(tab.choice, plan, tab.limits)
        fit.wait(_FIT_WAIT_S)
    is_known = first is not None and first.done  # before, what is chosen for the model may still be to come
    is_fit = first is None or not first.problem
    if fit is not None and fit.done:
        is_fit = not fit.problem and not fit.answer["fit"]["why"]
    with st.container(horizontal=True, vertical_alignment="center"):
        kind = "primary" if is_fit else "secondary"
        st.button(t("Train"), type=kind, on_click=tab.train, args=(full,), disabled=not is_known)  # type: ignore[arg-type]
        _as_file(full)
        if fit is not None and fit.done and is_fit:
            st.caption(t("The data fit the model: a step of two examples ran."), width="content")
    for question in (first, fit):
        if question is not None and not question.done:
            _looking(question)
            return
    if first is not None and first.problem:
        _refused(t("This model cannot be trained as it is."), first.problem)
    elif first is not None and fit is not None and not is_fit:
        _misfit(fit, first)


def _questions() -> Questions:
    if session.value_of("tab_questions") is None:
        session.set_value("tab_questions", Questions(session.launcher))
    return session.value_of("tab_questions")  # type: ignore[no-any-return]


def _as_file(plan: dict[str, object]) -> None:
    with st.popover(t("As a file")):
        st.caption(t("`graphtools train --config train.json` does the same from the shell."))
        st.json(plan)


@st.fragment(run_every=0.3)
def _looking(question: Question) -> None:
    """Says that it is looked whether model and data fit, until that is known."""
    if question.done:
        st.rerun()
    st.caption(t("Looking whether the data fit the model"))


def _refused(title: str, why: str) -> None:
    said = f"<p><b>{escape(title)}</b></p><p>{escape(why)}</p>"
    st.html(f'<div class="gt gt-failure" role="alert">{said}</div>')


def _misfit(fit: Question, first: Question) -> None:
    """Says why the data do not fit the model, and offers by a click what would."""
    if fit.problem:
        _refused(t("The data do not fit the model."), fit.problem)
        return
    found = fit.answer["fit"]
    why = found["why"]
    if found["classes"] > found["scores"] > 0:
        words = t("The data have {classes} classes, and the model gives {scores} scores.", **found)
        why = words
    elif found["takes"] and found["given"] and found["takes"] != found["given"]:
        why = t("The model takes {takes}, and an example of the data is {given}.", **found)
    _refused(t("The data do not fit the model."), why)
    with st.container(horizontal=True, gap="small"):
        if found["transforms"]:
            label = t("Add {transforms}", transforms=", ".join(found["transforms"]))
            st.button(label, on_click=add_transforms, args=(found["transforms"],), type="primary")
        if found["head"]:
            label = t("Give the model a new head of {n} classes", n=found["head"])
            st.button(label, on_click=set_head, args=(found["head"],), type="primary")
        if not first.answer["fit"]["why"]:
            st.button(t("Take data that fit"), on_click=use, args=(first.answer["settings"], True))


def _stand_of(training: Training) -> tuple[object, ...]:
    """What the buttons depend on."""
    return id(training), training.state, training.is_failed


@st.fragment(run_every=1.0)
def _progress(drawn: tuple[object, ...]) -> None:
    """Says how far it is; draws the page anew once the buttons, which were `drawn` for that, are others."""
    training = session.tab().training
    if training is not None:
        training.look()
    if training is None or _stand_of(training) != drawn:
        st.rerun()
        return
    _headline(training)


@st.fragment(run_every=1.0)
def _course() -> None:
    """Draws what came of it so far: messages, curves, what it printed."""
    training = session.tab().training
    if training is None:
        return
    if training.state == FAILED or training.is_failed:
        why = training.why or t("no message")
        st.html(f'<div class="gt gt-failure" role="alert"><pre>{escape(why)}</pre></div>')
    elif training.why:
        st.html(f'<div class="gt gt-note" role="status">{escape(training.why)}</div>')
    mistake = training.status.get("mistake")
    if mistake:
        st.html(f'<div class="gt gt-mistake" role="note"><p>{escape(said(f"At the loss: {mistake}"))}</p></div>')
    if training.steps:
        curves(training)
    printed = training.backend.output().strip()
    if printed:
        with st.expander(t("What it printed")):
            st.code("\n".join(printed.splitlines()[-60:]), language=None)


def _headline(training: Training) -> None:
    status = training.status
    word = "A step failed" if training.is_failed else _WORDS[training.state]
    st.html(
        f'<div class="gt"><h1>{escape(t(word))} '
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
    notes = [said(str(note)) for note in training.about.get("notes", ())]
    notes += [t("Step {step} went on as changed: {change}", step=f"{n:,}", change=name) for n, name in training.changed]
    if notes:
        st.html('<div class="gt muted">' + "".join(f"<p>{escape(note)}</p>" for note in notes) + "</div>")


def _buttons(training: Training) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        # These two keep their place and who they are: while the page is drawn anew for another state, a button that
        # moved would lose the click that is just being made.
        if training.state == RUNNING:
            st.button(t("Pause"), on_click=training.tell, args=("pause",), key="press_go")
        elif training.state in (PAUSED, BROKE, STOPPED) and not training.is_failed:
            kind = "secondary" if training.is_over else "primary"
            st.button(t("Go on"), on_click=training.tell, args=("resume",), key="press_go", type=kind)  # type: ignore[arg-type]
        if training.state in (RUNNING, PAUSED, BROKE) and not training.is_failed:
            st.button(t("Stop"), on_click=training.tell, args=("stop",), key="press_stop")
        if training.state in _LABELS:
            kind = "primary" if training.is_failed else "secondary"
            if st.button(t(_LABELS[training.state]), key="press_look", type=kind):  # type: ignore[arg-type]
                # Once the page is drawn anew, above all that draws itself each second and could come between.
                session.set_value("press_look_now", True)
                st.rerun()
        if training.state in (STOPPED, DONE):
            _with_the_trained(training)
        _as_file(training.plan)
        if training.is_over or training.is_failed:
            st.button(t("New training"), on_click=_again, type="secondary" if training.is_failed else "primary")


def _with_the_trained(training: Training) -> None:
    """Draws what can be done with a model that was trained."""
    with st.popover(t("Train on")):
        session.set_default("t_more", 1)
        more = st.number_input(t("More epochs"), 1, 10_000, key="t_more")
        st.button(t("Train on"), on_click=training.tell, args=(f"more {more}",), key="press_more", type="primary")
    name = PurePath(str(training.plan["model"]).rpartition(":")[2].replace("\\", "/")).stem
    st.download_button(
        t("Download the weights"), training.weights, f"{name}.pt", on_click="ignore", key="press_weights",
    )  # fmt: skip


def _look(training: Training) -> None:
    """Records the step and goes to the debugger with it. The training waits until it is told to go on."""
    tab = session.tab()
    try:
        with st.spinner(t("Recording the step")):
            task = training.record()
            step = task.result()["step"]
            is_trial = step is None
            title = t("A step with the trained weights") if is_trial else t("Step {step} of the training", step=step)
            tab.look_at_step(task, title, is_trial)
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
