"""The plain PyTorch loop, a step at a time: paused, looked into, saved and resumed without changing a bit of it."""

from __future__ import annotations

import copy
import math
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from graphtools.capture.ends import End, end_of, take_over
from graphtools.capture.program import Program
from graphtools.errors import EditError, LoadError
from graphtools.learning.batches import loader_of
from graphtools.learning.breaking import broken
from graphtools.learning.checkpoints import SUFFIX, checkpoints_in, keep_last, save_checkpoint
from graphtools.learning.data import Data
from graphtools.learning.losses import accuracy, called, first_tensor, main_output
from graphtools.learning.measuring import Share
from graphtools.learning.optimizers import gradient_norm, make_optimizer, make_scheduler, update_ratio
from graphtools.learning.plan import MODEL, OWN, RANDOM, Plan
from graphtools.learning.preparing import data_of, device_of, loss_of, prepared, to_device, with_example
from graphtools.learning.randomness import random_state, set_random_state
from graphtools.learning.resuming import go_on, state_of
from graphtools.learning.testing import tested
from graphtools.learning.transfer import frozen_norms
from graphtools.loading import Loaded, load_model
from graphtools.mistakes import loss_mistake
from graphtools.projects import Project
from graphtools.projects.running import split_batch
from graphtools.recording import Recording
from graphtools.structure import replace_leaves
from graphtools.training import training_step

_NORMS_SHARE = 0.004  # of the time, for the norms of all parameters: 15 ms of a resnet18, as often as every 4 s
_NORMS_GAP_S = 0.01  # at least, between two steps of which they are measured
_ACCURACY_SHARE = 0.002  # of the time, for accuracies of batches: of large models they are known of each step
_FIRST_S = 0.02  # seconds at the start in which each of the two is measured more often: some hundred small steps
_MEMORY = 0.9  # how much of the running mean of the loss a step keeps

Step = dict[str, float | int | None]


@dataclass(slots=True)
class _Looked:
    """The step that was recorded last: its program, what follows a step as it was before this one, and which of its
    runs the training stands on, the original or a branch. `end` is what the original left, None if it failed."""

    program: Program
    follows: dict[str, Any]
    original: Recording
    end: End | None = None
    stands_on: Recording | None = None
    metrics: Step = field(default_factory=dict)


class Trainer:
    """A training by a plan. Each `step` is `zero_grad`, forward, loss, backward, `step` of the optimizer, in this
    order: the parameters are those of the loop that a person would write with the same seed, bit for bit on a CPU.

    `why` says which condition of the plan has stopped it; the step that it is about has not changed a parameter yet,
    and is the next one to run or to record. Metrics: `loss` of each step; `accuracy` of the batch if targets
    are class numbers, as often as takes 0.2 per cent of the time; `gradient_norm` and `update_ratio` (‖change‖ /
    ‖parameters‖) as often as takes 0.4; both more often at first, until each took 20 ms. `seconds` is how long the
    steps took, without what came before.
    `trouble` says why the checkpoint after the last step could not be written, else ""; the step counts in any case.
    """

    def __init__(
        self, plan: Plan, model: nn.Module | None = None, data: Data | None = None, loaded: Loaded | None = None
    ) -> None:
        """Loads the model, unless it was `loaded` already, and the data. Raises LoadError, PlanError and what the
        model's file raises."""
        self.plan = plan
        self.notes: list[str] = []
        self.project: Project | None = None
        self.device = device_of(plan.device)
        self.loaded = loaded
        if model is None:
            self.loaded = loaded = loaded or load_model(plan.model, device="cpu", seed=plan.seed)
            self.notes += loaded.notes
            if not isinstance(loaded.model, nn.Module):
                raise LoadError(f"{plan.model} is a function and has no parameters to train")
            model, self.project = loaded.model, loaded.project
            if plan.data.source == RANDOM and not loaded.args:
                with_example(loaded)
        self.model = prepared(model, plan, self.device, self.notes)
        self.data = data or data_of(plan, self.model, self.loaded)
        self.notes.append(f"data: {self.data.note}")
        self.loss_fn = loss_of(plan, self.project, self.device, self.notes)
        self.optimizer = make_optimizer(plan, self.model)
        self.generator = torch.Generator().manual_seed(plan.seed)
        # An example of a project may be a batch already.
        is_whole = plan.batch_size == 0 or (self.project is not None and self.project.batch_size == 0)
        self._is_plain = plan.data.source != OWN and plan.loss.name not in (OWN, MODEL)
        self._batch_size = None if is_whole else plan.batch_size
        self.loader = loader_of(self.data.train, self._batch_size, self.data.collate, generator=self.generator)
        self.n_batches = len(self.loader)
        if not self.n_batches:
            raise LoadError("there are no examples to train on")
        self._rates = [group["lr"] for group in self.optimizer.param_groups]
        self.notes.append(f"optimizer: {type(self.optimizer).__name__}, lr {self._rates[0]:g}")
        self.scheduler = make_scheduler(plan, self.optimizer, self.n_batches)
        self.epoch, self.batch, self.n_steps = 0, 0, 0
        self.why = ""
        self._batches: Iterator[Any] | None = None
        self._epoch_start = self.generator.get_state()
        self._held: tuple[Any, dict[str, Any]] | None = None
        self._looked: _Looked | None = None
        self._passed = False  # the condition has been looked at; the step runs in any case
        self._mean_loss: float | None = None
        self._losses = (0.0, 0)  # of the epoch so far: their sum and number
        self._frozen_norms = frozen_norms(self.model)
        self.seconds = 0.0
        self.trouble = ""
        self.mistake: str | None = None  # at the loss, as the first step shows it; see graphtools.mistakes
        self._norms = Share(_NORMS_SHARE, _FIRST_S, _NORMS_GAP_S)
        self._accuracies = Share(_ACCURACY_SHARE, _FIRST_S)
        # Looked up at every step, so found out once.
        breaks = plan.breaks
        self._breaks_on_gradients = breaks.nonfinite or breaks.gradient_norm > 0
        self._can_break = bool(self._breaks_on_gradients or breaks.loss_rise or breaks.step)
        self._place_scheduler()
        self._steps_before = self._n_added = 0
        self._begin_folder()

    # -- running ----------------------------------------------------------------------------------------------------

    @property
    def is_done(self) -> bool:
        """True once all epochs are over."""
        return self.epoch >= self.plan.epochs

    @property
    def n_all_steps(self) -> int:
        """The steps of the whole training."""
        return self.plan.epochs * self.n_batches

    @property
    def seconds_left(self) -> float | None:
        """An estimate, by the steps since the start; None before there is one."""
        done = self.n_steps - self._steps_before
        return self.seconds / done * (self.n_all_steps - self.n_steps) if done > 3 else None

    def step(self) -> Step | None:
        """Runs the next step; returns its metrics. None if a condition of the plan holds for it: then `why` says which,
        the step is undone, and the next call runs it. Raises what the model raises: the step can be run again then, and
        of it only the random numbers and the buffers have moved on, and not even these where the plan has conditions.
        """
        self._looked = None
        began = time.monotonic()
        batch, before = self._next()
        is_measured = began >= self._norms.next
        try:
            self.optimizer.zero_grad()
            loss, output, target = self._loss(batch)
            loss.backward()  # type: ignore[no-untyped-call]
            norm, measuring = None, 0.0
            if is_measured or self._breaks_on_gradients:
                started = time.monotonic()
                norm = gradient_norm(self.model)
                measuring = time.monotonic() - started
            self.why = self._condition(loss, norm) if self._can_break and not self._passed else ""
        except BaseException:
            self._undo(batch, before)
            raise
        if self.why:
            self._undo(batch, before)
            self._passed = True
            return None
        if not is_measured:
            self.optimizer.step()
            metrics = self._metrics(loss, norm)
        else:
            started = time.monotonic()
            trained = [p for group in self.optimizer.param_groups for p in group["params"] if p.grad is not None]
            old = [p.detach().clone() for p in trained]
            measuring += time.monotonic() - started
            self.optimizer.step()
            started = time.monotonic()
            metrics = self._metrics(loss, norm)
            metrics["update_ratio"] = update_ratio(trained, old)
            ended = time.monotonic()
            self._norms.took(measuring + ended - started, ended)
        started = time.monotonic()
        if started >= self._accuracies.next:
            metrics["accuracy"] = accuracy(self.plan.loss.name, output, target)
            if self.mistake is None:
                self.mistake = loss_mistake(self.loss_fn, output, target)
            ended = time.monotonic()
            self._accuracies.took(ended - started, ended)
        self._advance(metrics)
        self.seconds += time.monotonic() - began
        return metrics

    def record_step(self) -> tuple[Recording, Step]:
        """Runs the next step recorded: the recording, and its metrics. The training goes on from there as if it had not
        been looked at, bit for bit, or from a branch of it, see `go_on_from`. Raises what the model raises, with the
        run so far as its `recording`, and the step undone.
        """
        self._looked = None
        batch, before = self._next(can_undo=True)
        follows = self._what_follows()
        seen: list[torch.Tensor] = []

        def loss_fn(given: Any, target: torch.Tensor) -> torch.Tensor:
            output = self._output(given)
            loss = self.loss_fn(output, target)
            seen[:] = [loss, first_tensor(output), target]
            return loss

        def told() -> tuple[torch.Tensor, ...]:
            found = tuple(tensor.detach() for tensor in seen)
            seen.clear()  # with it goes the autograd graph
            return found

        try:
            recording = training_step(self.model, batch, loss_fn, self.optimizer)
        except BaseException as error:
            self._undo(batch, before)
            so_far = getattr(error, "recording", None)
            if isinstance(so_far, Recording) and so_far._program is not None:
                so_far._program.told = told
                self._looked = _Looked(so_far._program, follows, so_far)
            raise
        program = recording._program
        program.told = told
        end = end_of(program)
        metrics = self._metrics_of(end.told)
        self.why = ""
        self._advance(metrics)
        self._looked = _Looked(program, follows, recording, end, recording, metrics)
        return recording, metrics

    def go_on_from(self, branch: Recording) -> Step:
        """Has the step that was recorded last count as one of its branches, made by `graphtools.edit`: the metrics.

        Parameters, buffers, optimizer state and random numbers are then those that the branch left; what follows a
        step (scheduler, test at the end of an epoch, checkpoint) is done again. So the training is, bit for bit, the
        loop in which a person made this change by hand at this step. A step that failed can go on from a branch that
        does not. Given the recording itself, it goes back to that. Possible until the next step runs; raises EditError
        otherwise, and for a branch that failed.
        """
        looked = self._looked
        if looked is None or branch._program is not looked.program:
            raise EditError(
                "the training can only go on from a branch of the step that it has recorded last, before another one "
                "runs: record the next step, change it, and go on from that"
            )
        if branch.failure is not None or (branch is not looked.original and branch._end is None):
            kind = branch.failure.type if branch.failure else "an error"
            raise EditError(f"the changed step stopped early, with {kind}: there is no end of it to go on from")
        if branch is looked.stands_on:
            return looked.metrics
        if looked.stands_on is looked.original and looked.end is not None:
            looked.end = looked.end.copied()  # so far it is what lives, which is about to be overwritten
        end = looked.end if branch is looked.original else branch._end
        assert end is not None  # a failed original was refused above
        take_over(looked.program, end)
        self._put_back(looked.follows)
        self._held, self.why = None, ""
        metrics = self._metrics_of(end.told)
        self._advance(metrics)
        looked.stands_on, looked.metrics = branch, metrics
        self._looked = looked
        return metrics

    def _what_follows(self) -> dict[str, Any]:
        """What changes after a step, as it is now."""
        names = ("epoch", "batch", "n_steps", "_mean_loss", "_losses", "_epoch_start")
        scheduler = None if self.scheduler is None else copy.deepcopy(self.scheduler.state_dict())
        return {"own": {name: getattr(self, name) for name in names}, "scheduler": scheduler}

    def _put_back(self, follows: dict[str, Any]) -> None:
        vars(self).update(follows["own"])
        if self.scheduler is not None:
            self.scheduler.load_state_dict(copy.deepcopy(follows["scheduler"]))

    def _metrics_of(self, told: tuple[torch.Tensor, ...]) -> Step:
        loss, output, target = told
        found = self._metrics(loss, gradient_norm(self.model))
        found["accuracy"] = accuracy(self.plan.loss.name, output, target)
        return found

    def evaluate(self) -> dict[str, float | None]:
        """Mean loss, and accuracy of class numbers, over the test set, in eval mode. Leaves random numbers alone."""
        return tested(self)

    def train_on(self, epochs: int) -> None:
        """Adds epochs to the plan. A schedule with an end (cosine, linear, one_cycle) begins anew for them, from the
        plan's learning rate; a rate that sinks step by step goes on sinking."""
        wanted = self.plan.scheduler.name
        self.plan = replace(self.plan, epochs=self.plan.epochs + epochs)
        self._n_added += epochs
        if wanted not in ("cosine", "linear", "one_cycle"):
            return
        for group, rate in zip(self.optimizer.param_groups, self._rates, strict=True):
            group["lr"] = group["initial_lr"] = rate
        left = replace(self.plan, epochs=self.plan.epochs - self.epoch)
        self.scheduler = make_scheduler(left, self.optimizer, self.n_batches)
        self._place_scheduler()

    def _place_scheduler(self) -> None:
        is_each_step = self.plan.scheduler.name == "one_cycle"
        self._steps_scheduler = self.scheduler if is_each_step else None
        self._epochs_scheduler = None if is_each_step else self.scheduler

    def record_trial(self) -> Recording:
        """A step with the present weights that counts for nothing: recorded on copies of the model and the optimizer,
        of the first examples of the data. Raises as `record_step` does."""
        model, optimizer = copy.deepcopy((self.model, self.optimizer))
        kept = random_state()
        try:
            loader = loader_of(self.data.train, self._batch_size, self.data.collate)
            batch = self._moved(next(iter(loader)))
            model.train()
            for norm in frozen_norms(model):
                norm.eval()
            loss_fn = self.loss_fn

            def loss_of_output(given: Any, target: torch.Tensor) -> torch.Tensor:
                return loss_fn(self._output(given), target)

            return training_step(model, batch, loss_of_output, optimizer)
        finally:
            set_random_state(kept)

    def _next(self, can_undo: bool = False) -> tuple[Any, dict[str, Any]]:
        """The next batch, on the device; and what a step changes besides the parameters, as it was before."""
        if self._held is not None:
            (batch, before), self._held = self._held, None
            return batch, before
        # What a break needs to undo a step costs a little; where nothing can break in, it is not kept.
        drawn = random_state() if can_undo or self._can_break else None
        if self._batches is None:
            self._epoch_start = self.generator.get_state()
            self._batches = iter(self.loader)
            self.model.train()
            for norm in self._frozen_norms:
                norm.eval()
        batch = self._moved(next(self._batches))
        if drawn is None:
            return batch, {}
        buffers = {name: buffer.clone() for name, buffer in self.model.named_buffers()}
        return batch, {"buffers": buffers, "random": random_state(), "drawn": drawn}

    def _undo(self, batch: Any, before: dict[str, Any]) -> None:
        if not before:
            self._held = batch, before
            return
        with torch.no_grad():
            for name, buffer in self.model.named_buffers():
                if name in before["buffers"]:
                    buffer.copy_(before["buffers"][name])
        set_random_state(before["random"])
        self._held = batch, before

    def _moved(self, batch: Any) -> tuple[Any, Any]:
        if self._is_plain and type(batch) is list and len(batch) == 2:  # what nearly all data give, without a detour
            x, y = batch
            if type(x) is torch.Tensor and type(y) is torch.Tensor and x.device == y.device == self.device:
                return x, y
        if self.plan.data.source == OWN:
            inputs, target = split_batch(batch)
            move = partial(to_device, device=self.device)
            return replace_leaves(inputs, move), move(target)
        if not isinstance(batch, tuple | list) or len(batch) != 2:
            raise LoadError(f"an example must be (input, target); this Dataset gives {type(batch).__name__}")
        x, y = (to_device(each, self.device) for each in batch)
        return ((x, y) if self.plan.loss.name == MODEL else x), y

    def _loss(self, batch: tuple[Any, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        x, target = batch
        if self._is_plain and type(x) is torch.Tensor:
            output = self.model(x)
            if type(output) is torch.Tensor:
                return self.loss_fn(output, target), output, target
            output = self._output(output)
            return self.loss_fn(output, target), first_tensor(output), target
        output = self._output(called(self.model, x))
        return self.loss_fn(output, target), first_tensor(output), target

    def _output(self, given: Any) -> Any:
        """What the loss is of: for a project's own loss all that the model gives, else its main result."""
        return given if self.plan.loss.name == OWN else main_output(given)

    def _condition(self, loss: torch.Tensor, norm: float | None) -> str:
        return broken(self.plan.breaks, self.n_steps + 1, float(loss.detach()), norm, self._mean_loss)

    def _metrics(self, loss: torch.Tensor, norm: float | None) -> Step:
        value = loss.item()
        if math.isfinite(value):
            self._mean_loss = value if self._mean_loss is None else _MEMORY * self._mean_loss + (1 - _MEMORY) * value
        return {"step": self.n_steps + 1, "loss": value, "accuracy": None, "gradient_norm": norm}

    def _advance(self, metrics: Step) -> None:
        self.n_steps, self.batch, self._passed = self.n_steps + 1, self.batch + 1, False
        if self._steps_scheduler is not None:
            self._steps_scheduler.step()
        total, count = self._losses
        self._losses = (total + (metrics["loss"] or 0.0), count + 1)
        metrics["lr"] = self.optimizer.param_groups[0]["lr"]
        if self.batch == self.n_batches:
            if self._batches is not None:
                next(self._batches, None)  # at its end a loop over a loader draws from the generator once more
            self.epoch, self.batch, self._batches = self.epoch + 1, 0, None
            self._epoch_start = self.generator.get_state()
            if self._epochs_scheduler is not None:
                self._epochs_scheduler.step()
            tested = self.evaluate()
            total, count = self._losses
            self._losses = (0.0, 0)
            metrics.update({"epoch": self.epoch, "train_loss": total / count, **tested})
        checkpoints, self.trouble = self.plan.checkpoints, ""
        if checkpoints.folder and (self.n_steps % checkpoints.every == 0 or self.is_done):
            try:
                self.save()
            except OSError as error:
                self.trouble = f"the checkpoint could not be written: {error}"

    # -- checkpoints ------------------------------------------------------------------------------------------------

    def save(self, path: str | os.PathLike[str] | None = None) -> Path:
        """Writes a checkpoint: to `path`, or into the plan's folder, where the last few are kept. Raises OSError."""
        folder = Path(self.plan.checkpoints.folder or ".")
        if path is None:
            folder.mkdir(parents=True, exist_ok=True)
        file = Path(path) if path is not None else folder / f"step-{self.n_steps:08d}{SUFFIX}"
        save_checkpoint(file, state_of(self))
        if path is None:
            keep_last(folder, self.plan.checkpoints.keep)
        return file

    def _begin_folder(self) -> None:
        """Goes on from the last checkpoint in the plan's folder, or makes sure that there are none to mix them with."""
        plan = self.plan.checkpoints
        found = checkpoints_in(plan.folder) if plan.folder else []
        if found and not plan.resume:
            raise LoadError(
                f"{plan.folder} holds the checkpoints of another training, the last one {found[-1].name}: go on from "
                "it (resume), or name another folder"
            )
        if found:
            self.load(found[-1])
        elif plan.resume and plan.folder:
            self.notes.append(f"no checkpoint in {plan.folder} yet: it begins anew")

    def load(self, path: str | os.PathLike[str]) -> None:
        """Goes on from a checkpoint of the same model and data. Raises FormatError, LoadError."""
        go_on(self, path)
