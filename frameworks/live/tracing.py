"""The trace of a live model: trained on given batches, from given weights, with given masks."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from frameworks.console import Advance
from frameworks.draws import Dealt, Dropped, step_masks
from frameworks.errors import RequestError
from frameworks.live.kept_beside import KeptBeside, others_moved
from frameworks.live.loops import Calls, as_one
from frameworks.live.model import LiveModel, Rows, Training
from frameworks.live.parts import WHOLE, Parts
from frameworks.live.targets import check_reconstruction
from frameworks.recordings.digests import canonical_target, digests_of
from frameworks.recordings.trace import Arrays, LayerTrace, StepTrace, Trace

__all__ = ["KEPT", "Change", "Course", "LiveSide", "Nudge", "draw_course"]

KEPT = 8  # steps whose gradients and weights are kept: enough to tell optimizers apart


@dataclass(frozen=True)
class Course:
    """What both sides do: the rows of every step, the length of an epoch, and the draws."""

    batches: Arrays
    steps_per_epoch: int
    seed: int


def draw_course(rows: int, batch_size: int, steps: int, seed: int) -> Course:
    """Draw the batches: a new order of the rows in every epoch, whole batches only.

    >>> [batch.tolist() for batch in draw_course(5, batch_size=2, steps=3, seed=0).batches]
    [[2, 4], [3, 0], [4, 1]]
    """
    per_epoch, rng = max(1, rows // batch_size), np.random.default_rng(seed)
    batches: list[np.ndarray] = []
    while len(batches) < steps:
        order = rng.permutation(rows)
        batches += [order[k * batch_size : (k + 1) * batch_size] for k in range(per_epoch)]
    return Course(tuple(batches[:steps]), per_epoch, seed)


@dataclass(frozen=True)
class Change:
    """A setting of a live model that is changed on its copy."""

    place: str
    name: str
    value: Any


Moves = Callable[[LiveModel], None]


class Nudge:
    """Moves weights at random by up to one unit in the last place: x ← x (1 + ε u), |u| ≤ 1.

    `sizes`, if given, has for each array by how much at most a step moves it besides: after the
    first call, which nudges the start.
    """

    def __init__(self, seed: int, dtype: str, sizes: Sequence[float] = ()) -> None:
        self._rng, self._eps = np.random.default_rng(seed), float(np.finfo(dtype).eps)
        self._sizes = sizes
        self._started = False

    def __call__(self, model: LiveModel) -> None:
        """Nudge every weight of a model."""
        arrays = [weight.values for weight in model.weights()]
        sizes = (self._started and self._sizes) or [0.0] * len(arrays)
        self._started = True
        moved = [self._moved(a, size) for a, size in zip(arrays, sizes, strict=True)]
        model.set_weights([new.astype(a.dtype) for a, new in zip(arrays, moved, strict=True)])

    def _moved(self, a: np.ndarray, size: float) -> np.ndarray:
        nudged = a * (1 + self._eps * self._rng.uniform(-1, 1, a.shape))
        if not size:
            return nudged
        return nudged + size * self._rng.uniform(-1, 1, a.shape)


@dataclass
class LiveSide:
    """A user's training with its data; a new copy is opened for every trace.

    `weights` and `states`, if given, are those it starts from instead of its own. `dealt` says
    which masks its calls of dropout take, `parts` which of its weights are several side by side,
    and `calls` which of its layers' calls are compared as one, if these are not all, one by one and
    in order.
    """

    training: Training
    kind: type[LiveModel]
    X: Arrays  # all rows, as given
    y: Arrays
    w: np.ndarray | None
    course: Course
    own_targets: bool = False  # given for this side alone, and so left as they are
    weights: Sequence[np.ndarray] | None = None
    states: Sequence[np.ndarray] | None = None
    dealt: Sequence[Dealt] | None = None
    parts: Parts = WHOLE
    calls: Calls | None = None
    changes: list[Change] = field(default_factory=list)
    _fitted: tuple[Arrays, Arrays] | None = None  # inputs and targets, as the model takes them

    def open(self, dtype: str) -> LiveModel:
        """Return a new copy of the model, at its start."""
        if self._fitted is None:
            X, model = self._first(dtype)
            outputs = model.outputs(self._take(X, (), 0))
            if not self.y and len(X) == 1 and self.training.step is None:
                check_reconstruction(X[0].shape, outputs[0].shape, model.loss_facts.kind)
            model.targets_as_given = self.own_targets or self.training.step is not None
            self._fitted = X, model.adapt_targets(self.y, outputs)
            self._notes = model.notes
        else:
            model = self.kind(self.training, self.rows(0), dtype)
            model.notes = list(dict.fromkeys([*self._notes, *model.notes]))
        for change in self.changes:
            model.change(change.place, change.name, change.value)
        if self.weights is not None:
            model.set_weights(self.weights)
        if self.states is not None:
            model.set_states(self.states)
        return model

    def _first(self, dtype: str) -> tuple[Arrays, LiveModel]:
        """Return the inputs as the model takes them, and the model: as they are, if it can."""
        rows = self._take(self.X, (), 0)
        moved = self.kind.adapt(self.training, rows.X)
        pairs = [(x, y) for x, y in zip(rows.X, moved, strict=True) if not np.array_equal(x, y)]
        try:
            model = self.kind(self.training, rows, dtype)
        except RequestError as error:
            if not pairs:
                raise
            try:
                model = self.kind(self.training, replace(rows, X=moved), dtype)
            except RequestError as other:
                said = f"{error}; with the channels of images elsewhere, {other}"
                raise RequestError(said) from other
            return self.kind.adapt(self.training, self.X), model
        model.notes += [
            f"rows of shape {x.shape[1:]} are taken as they are, not with their channels elsewhere"
            for x, _ in pairs
            if x.shape[1] == x.shape[-1]
        ]
        return self.X, model

    def another_trace(self, dtype: str, report: Advance) -> Trace | None:
        """Train a new copy again, its weights set back after each step; None for batches of a row.

        The second step takes half of the first one's rows, each of them twice: its gradients are
        those of another batch, at another step, at the same weights.
        """
        first = self.course.batches[0]
        if len(first) < 2:
            return None
        rows = first, first[np.arange(len(first)) // 2]
        other = replace(self, course=replace(self.course, batches=rows), _fitted=None)
        start = [each.values for each in other.open(dtype).weights()]
        return other.trace(dtype, report, lambda model: model.set_weights(start))

    def can_change(self, change: Change) -> bool:
        """Return whether a setting can be changed on a copy."""
        return self.open("float64").change(change.place, change.name, change.value)

    def rows(self, step: int) -> Rows:
        """Return the rows of a step, as the model takes them."""
        assert self._fitted is not None, "open the side first"
        return self._take(*self._fitted, step)

    def _take(self, X: Arrays, y: Arrays, step: int) -> Rows:
        i = self.course.batches[step]
        w = None if self.w is None else self.w[i]
        return Rows(tuple(x[i] for x in X), tuple(t[i] for t in y), w)

    def digests(self, model: LiveModel) -> dict[str, str]:
        """Return the SHA-256 of all data, in canonical layout, and of the batches."""
        assert self._fitted is not None, "open the side first"
        X, y = self._fitted
        inputs = model.canonical_inputs(X)
        targets = [canonical_target(t) for t in model.canonical_targets(y)]
        return digests_of(inputs, targets, self.w, self.course.batches)

    def trace(
        self, dtype: str, report: Advance, nudge: Moves | None = None, steps: int | None = None
    ) -> Trace:
        """Train a new copy, and return what it did; only the first `steps`, if given.

        `nudge`, if given, moves the weights at the start and after each step.
        """
        batches = self.course.batches[:steps]
        return _Tracer(self, self.open(dtype), replace(self.course, batches=batches), nudge).trace(
            report
        )

    def layers_as_read(self, dtype: str) -> list[LayerTrace]:
        """Return the layers of a new copy on the first batch, with what its loss does not read."""
        return _Tracer(self, self.open(dtype), self.course, None).layers(with_loss=True)[0]


class _Tracer:
    """Takes the trace of one opened model."""

    def __init__(
        self, side: LiveSide, model: LiveModel, course: Course, nudge: Moves | None
    ) -> None:
        self.side, self.model, self.course, self.nudge = side, model, course, nudge
        self.dropped: list[Dropped] = model.dropped(side.rows(0))
        self.kept = KeptBeside(model)

    def trace(self, report: Advance) -> Trace:
        model, first, side = self.model, self.side.rows(0), self.side
        if self.nudge is not None:
            self.nudge(model)
        weights, states = model.weights(), model.states()
        layers, outputs = self.layers()
        loss, gradients = model.loss_and_gradients(first)
        shorter = self._shorter(first) if self.nudge is None else (None, None)
        steps = list(self._steps(report))
        kept = self.kept.judged()
        model.end()
        trace = Trace(
            framework=model.framework,
            dtype=model.dtype,
            versions=model.versions,
            layers=layers,
            weights=weights,
            states=states,
            loss=model.loss_facts,
            optimizer=model.optimizer_facts,
            schedule=model.schedule_facts,
            outputs=outputs,
            first_loss=loss,
            shorter_loss=shorter[0],
            shorter_gradients=shorter[1],
            gradients=gradients,
            steps=steps,
            final_weights=[each.values for each in model.weights()],
            final_states=[each.values for each in model.states()],
            final_outputs=model.outputs(first),
            inputs=model.canonical_inputs(first.X),
            targets=tuple(canonical_target(t) for t in model.canonical_targets(first.y)),
            digests=side.digests(model),
            notes=tuple(dict.fromkeys([*model.notes, *model.remarks(), *others_moved(kept)])),
            batches=self.course.batches,
            steps_per_epoch=self.course.steps_per_epoch,
            kept=kept,
            seed=self.course.seed if self.dropped else None,
        )
        return side.parts.trace(trace)

    def layers(self, with_loss: bool = False) -> tuple[list[LayerTrace], Arrays]:
        """Return the layers of the first step, and the outputs; perhaps with what is not read."""
        self._hand(0)
        layers, outputs = self.model.trace_layers(self.side.rows(0), with_loss)
        layers, calls = self.side.parts.layers(layers), self.side.calls
        if calls is None:
            return layers, outputs
        if len(layers) != sum(map(len, calls)):
            name = self.side.training.name or self.model.framework
            raise RequestError(
                f"{name} calls other functions in {self.model.dtype} than in the dtype that is "
                "compared, so that its rounding cannot be measured: let it do the same in both"
            )
        return as_one(layers, calls), outputs

    def _hand(self, step: int, without: int = 0) -> None:
        """Hand over the masks of a step, those of its last rows left out."""
        course, model = self.course, self.model
        rows = len(course.batches[step]) - without
        masks = step_masks(course.seed, step, rows, self.dropped, model.dtype, self.side.dealt)
        model.hand_masks(masks)

    def _shorter(self, first: Rows) -> tuple[float | None, list[np.ndarray] | None]:
        """Return loss and gradients without the last row, as of an epoch's last batch.

        None where one row alone were left, or where the model takes no other number of rows.
        """
        w = None if first.w is None else first.w[:-1]
        rows = Rows(tuple(x[:-1] for x in first.X), tuple(y[:-1] for y in first.y), w)
        if len(rows.X[0]) < 2:
            return None, None
        self._hand(0, without=1)
        try:
            return self.model.of_fewer_rows(rows)
        except RequestError as error:
            self.model.notes.append(f"a shorter batch is not compared: {error}")
            return None, None
        finally:
            self._hand(0)

    def _steps(self, report: Advance) -> Iterator[StepTrace]:
        course, model = self.course, self.model
        start, still = [each.values for each in model.weights()], True
        for step in range(len(course.batches)):
            report(f"{model.framework}: steps", step, len(course.batches))
            rows, kept, gradients = self.side.rows(step), step < KEPT, None
            if step:
                self._hand(step)
            if kept:
                gradients = model.loss_and_gradients(rows)[1]
            loss = model.step(rows)
            if (step + 1) % course.steps_per_epoch == 0:
                model.end_epoch()
            self.kept.note()
            if self.nudge is not None:
                self.nudge(model)
                self.kept.note()
            after = [each.values for each in model.weights()] if kept or still else None
            still = still and after is not None and all(map(np.array_equal, after, start))
            if not kept:  # it is known, too, how long gradients add up before anything moves
                after = start if still else None
            states = [each.values for each in model.states()] if kept else None
            yield StepTrace(loss, gradients, after, states or None)
