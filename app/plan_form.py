"""The form for a training: from what stands in the widgets to the plan, which is plain data."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import session
import streamlit as st
from permission import may_run_code
from texts import t

from graphtools.backend import Choice

SOURCES = ("digits", "random", "torchvision", "folder", "csv", "numpy", "project")
LOSSES = ("cross_entropy", "mse", "l1", "smooth_l1", "bce_with_logits", "nll", "model")
OPTIMIZERS = ("sgd", "adam", "adamw", "rmsprop", "adagrad")
SCHEDULERS = ("none", "cosine", "step", "exponential", "one_cycle", "linear")
_SOURCE_TITLES = {
    "digits": "scikit-learn's digits",
    "random": "Random data of the model's shape",
    "torchvision": "A torchvision dataset",
    "folder": "A folder of images",
    "csv": "A CSV file",
    "numpy": "A NumPy file",
    "project": "Your own Dataset",
}
_WHERE = {
    "torchvision": ("Name", "MNIST"),
    "folder": ("Folder", "path/to/images"),
    "csv": ("File", "path/to/table.csv"),
    "numpy": ("File", "path/to/arrays.npz"),
    "project": ("Dataset", "path/to/dataset.py:MyDataset"),
}


def plan_form() -> dict[str, Any]:
    """Draws the form; returns the plan that it describes."""
    data, learning, more = st.columns(3, gap="large")
    plan: dict[str, Any] = {}
    with data:
        plan["data"] = _data()
    with learning:
        plan |= _learning()
    with more:
        plan["transfer"] = _transfer()
        plan["breaks"] = _breaks()
        plan["checkpoints"] = _checkpoints()
    return {name: part for name, part in plan.items() if part not in ({}, None)}


def is_complete(plan: Mapping[str, Any]) -> bool:
    """False while the data still lack their name."""
    source = str(plan["data"]["source"])
    return bool(source) and not source.endswith(":")


def use(settings: Mapping[str, Any], at_once: bool = False) -> None:
    """Puts settings into the widgets, before these are drawn: those that a model can be trained with at once.

    What a person has chosen stays, unless `at_once` says that it is to be replaced.
    """
    data = settings.get("data", {})
    wanted = {
        "t_source": data.get("source", "digits"),
        "t_transforms": "\n".join(data.get("transforms", ())),
        "t_loss": settings.get("loss", {}).get("name", "cross_entropy"),
        "t_batch": settings.get("batch_size", 32),
    }
    before = json.loads(session.value_of("t_first", "{}"))
    for key, value in wanted.items():
        now = session.value_of(key)
        if at_once or now is None or now == before.get(key):
            session.set_value(key, value)
    session.set_value("t_first", json.dumps(wanted))


def add_transforms(transforms: list[str]) -> None:
    """Adds lines to the transforms; in a callback."""
    lines = [*str(session.value_of("t_transforms", "")).splitlines(), *transforms]
    session.set_value("t_transforms", "\n".join(line for line in lines if line.strip()))


def set_head(n_classes: int) -> None:
    """Gives the model a new head; in a callback."""
    session.set_value("t_head", n_classes)


def target_of(choice: Choice) -> str:
    """The model that a choice names, as for `graphtools trace`."""
    return choice.target


def _data() -> dict[str, Any]:
    _title(t("Data"))
    sources = SOURCES if may_run_code() else SOURCES[:3]  # a path names files of the server's machine
    source = st.selectbox(t("Data"), sources, key="t_source", format_func=lambda s: t(_SOURCE_TITLES[s]))
    where = ""
    if source in _WHERE:
        label, example = _WHERE[source]
        where = st.text_input(t(label), key=f"t_where_{source}", placeholder=example).strip()
    prefix = {"project": "", "digits": "digits", "random": "random"}.get(source, f"{source}:")
    session.set_default("t_test_share", 0.2)
    share = st.slider(t("Share kept for testing"), 0.05, 0.5, step=0.05, key="t_test_share")
    transforms = st.text_area(
        t("Transforms, one a line"), key="t_transforms", placeholder="Resize(32)\nNormalize([0.5], [0.5])", height=96
    )
    found: dict[str, Any] = {"source": prefix + where, "test_share": share}
    lines = [line.strip() for line in transforms.splitlines() if line.strip()]
    return found | ({"transforms": lines} if lines else {})


def _learning() -> dict[str, Any]:
    _title(t("Learning"))
    loss = st.selectbox(t("Loss"), LOSSES, key="t_loss", format_func=_loss_title)
    left, right = st.columns(2)
    for key, first in (("t_lr", 0.1), ("t_momentum", 0.0), ("t_decay", 0.0)):
        session.set_default(key, first)
    for key, number in (("t_epochs", 3), ("t_batch", 32), ("t_seed", 0)):
        session.set_default(key, number)
    with left:
        name = st.selectbox(t("Optimizer"), OPTIMIZERS, key="t_optimizer")
        scheduler = st.selectbox(t("Scheduler"), SCHEDULERS, key="t_scheduler", format_func=t)
        epochs = st.number_input(t("Epochs"), 1, 10_000, key="t_epochs")
        device = st.selectbox(t("Device"), ("cpu", "cuda"), key="t_device")
    with right:
        lr = st.number_input(t("Learning rate"), 0.0, key="t_lr", format="%.5g", step=0.01)
        momentum = st.number_input(
            t("Momentum"),
            0.0,
            0.999,
            key="t_momentum",
            format="%.3g",
            step=0.05,
            disabled=name not in ("sgd", "rmsprop"),
        )
        decay = st.number_input(t("Weight decay"), 0.0, 1.0, key="t_decay", format="%.5g", step=0.0001)
        whole = t("0: each example by itself, for a model without a dimension for batches")
        batch = st.number_input(t("Batch size"), 0, 65_536, key="t_batch", help=whole)
        seed = st.number_input(t("Seed"), 0, 2**31 - 1, key="t_seed")
    optimizer: dict[str, Any] = {"name": name, "lr": lr}
    if name in ("sgd", "rmsprop") and momentum:
        optimizer["momentum"] = momentum
    if decay:
        optimizer["weight_decay"] = decay
    plan = {"loss": {"name": loss}, "optimizer": optimizer, "epochs": epochs, "batch_size": batch, "seed": seed}
    if scheduler != "none":
        plan["scheduler"] = {"name": scheduler}
    return plan | {"device": device}


def _transfer() -> dict[str, Any]:
    found: dict[str, Any] = {}
    with st.expander(t("Transfer learning")):
        if may_run_code():
            weights = st.text_input(t("Weights"), key="t_weights", placeholder="DEFAULT, weights.pt, checkpoint.gtc")
            if weights.strip():
                found["weights"] = weights.strip()
        freeze = st.text_area(t("Freeze, a pattern a line"), key="t_freeze", placeholder="layer1.*\nbn1", height=68)
        session.set_default("t_head", 0)
        head = st.number_input(t("Classes of a new head (0: as it is)"), 0, 100_000, key="t_head")
        rates = st.text_area(t("Learning rate by pattern"), key="t_rates", placeholder="fc.* = 0.01", height=68)
        patterns = [line.strip() for line in freeze.splitlines() if line.strip()]
        if patterns:
            found["freeze"] = patterns
        if head:
            found["head"] = head
        pairs = [line.rpartition("=") for line in rates.splitlines() if "=" in line]
        lr = {name.strip(): _number(value) for name, _, value in pairs}
        if lr:
            found["lr"] = lr
    return found


def _loss_title(name: str) -> str:
    return t("what the model gives") if name == "model" else name


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text.strip()  # the plan says what is wrong with it


def _breaks() -> dict[str, Any]:
    found: dict[str, Any] = {}
    with st.expander(t("Stop and look"), expanded=True):
        session.set_default("t_break_nonfinite", True)
        if st.checkbox(t("at a loss or gradient that is not finite"), key="t_break_nonfinite"):
            found["nonfinite"] = True
        session.set_default("t_break_norm", 0.0)
        norm = st.number_input(t("when the gradient norm is above (0: never)"), 0.0, key="t_break_norm", format="%.5g")
        if norm:
            found["gradient_norm"] = norm
        session.set_default("t_break_rise", 0.0)
        rise = st.number_input(t("when the loss rises by (0: never)"), 0.0, key="t_break_rise", format="%.5g")
        if rise:
            found["loss_rise"] = rise
        session.set_default("t_break_step", 0)
        step = st.number_input(t("at step (0: never)"), 0, key="t_break_step")
        if step:
            found["step"] = step
    return found


def _checkpoints() -> dict[str, Any]:
    if not may_run_code():
        return {}
    with st.expander(t("Checkpoints")):
        folder = st.text_input(t("Folder"), key="t_folder", placeholder="runs/digits").strip()
        resume = st.checkbox(t("go on from the last checkpoint there"), key="t_resume", disabled=not folder)
        return {"folder": folder, **({"resume": True} if resume else {})} if folder else {}


def _title(text: str) -> None:
    st.html(f'<div class="gt"><h2>{text}</h2></div>')
