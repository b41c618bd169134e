"""One comparison: both sides are opened, matched, given the same start, traced and judged."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from importlib import import_module
from os import PathLike
from typing import Any

import numpy as np

from frameworks.console import Advance
from frameworks.errors import RequestError
from frameworks.live.data import Data
from frameworks.live.judging import Judge, Judged
from frameworks.live.levels import Pair, limits_of
from frameworks.live.matching import Matching, Network, hand_over, match
from frameworks.live.model import LiveModel, Training
from frameworks.live.noise import Noise, measure_noise
from frameworks.live.report import Report
from frameworks.live.tracing import Course, LiveSide, draw_course
from frameworks.recordings import check_same_data, read_trace
from frameworks.recordings.trace import Trace

__all__ = ["Comparison", "Request", "kind_of_training", "name_of_side", "open_side"]

Given = Training | str | PathLike[str]

# The module and class of each framework's live model, by the package of the model's base class.
_LIVE = {
    "keras": ("frameworks.keras.live", "KerasLive"),
    "torch": ("frameworks.pytorch.live", "PyTorchLive"),
    "scratch": ("frameworks.scratch.live", "ScratchLive"),
}


@dataclass(frozen=True)
class Request:
    """How two trainings are to be compared; see `frameworks.live.entry.diverge`."""

    steps: int = 200
    batch_size: int = 32
    dtype: str = "float64"
    seed: int = 0
    weights: str | None = "a"
    mapping: Mapping[str, str] | None = None
    limits: Mapping[str, float] | None = None
    ignore: Collection[str] = ()
    losses_equal: bool = False

    def check(self, rows: int) -> None:
        """Raise RequestError for what cannot be carried out on so many rows."""
        for name in ("steps", "batch_size"):
            value = getattr(self, name)
            if not isinstance(value, int | np.integer) or value < 1:
                raise RequestError(f"{name} must be an integer of at least 1, got {value!r}")
        if rows < self.batch_size:
            raise RequestError(
                f"X has {rows} rows, fewer than a batch of {self.batch_size}; give a smaller "
                "batch_size"
            )
        if self.dtype not in ("float64", "float32"):
            raise RequestError(f"dtype must be 'float64' or 'float32', got {self.dtype!r}")
        if self.weights not in ("a", "b", None):
            raise RequestError(f"weights must be 'a', 'b' or None, got {self.weights!r}")
        limits_of(self.limits)


def kind_of_training(training: Training) -> type[LiveModel]:
    """Return the live model of a training's framework, which is loaded."""
    for cls in type(training.model).__mro__:
        found = _LIVE.get(cls.__module__.partition(".")[0])
        if found is not None:
            module, name = found
            kind: type[LiveModel] = getattr(import_module(module), name)
            return kind
    raise RequestError(
        "a model must be a keras.Model, a torch.nn.Module or a scratch.Sequential, got "
        f"{type(training.model).__name__}"
    )


def open_side(given: Any, side: int, data: Data, course: Course, dtype: str) -> LiveSide:
    """Return a live side; RequestError for what is no training."""
    if not isinstance(given, Training):
        given = Training(given)
    kind = kind_of_training(given)
    X, y = (tuple(_in_dtype(a, dtype) for a in each[side]) for each in (data.X, data.y))
    return LiveSide(given, kind, X, y, data.w, course)


def _in_dtype(a: np.ndarray, dtype: str) -> np.ndarray:
    return a.astype(dtype) if a.dtype.kind == "f" else a


def name_of_side(side: LiveSide | Trace) -> str:
    """Return what the user calls a side, or its framework."""
    if isinstance(side, Trace):
        return side.framework
    return side.training.name or side.kind.framework


@dataclass
class Comparison:
    """Two sides, live or recorded, with the data and the request."""

    given: tuple[Given, Given]
    data: Data
    request: Request
    report: Advance
    notes: list[str] = field(default_factory=list)

    def run(self) -> Report:
        """Compare, and report."""
        pair = Pair(*self.traces(), self.names, self.matching)
        judged = self.judge(pair)
        return self.as_report(pair, judged)

    @cached_property
    def sides(self) -> tuple[LiveSide | Trace, LiveSide | Trace]:
        """Both sides; a live one follows a recorded one."""
        recorded = [read_trace(each) if isinstance(each, str | PathLike) else None
                    for each in self.given]  # fmt: skip
        first = next((each for each in recorded if each is not None), None)
        course = self._course(first)
        sides = [
            trace or open_side(each, k, self.data, course, self.request.dtype)
            for k, (each, trace) in enumerate(zip(self.given, recorded, strict=True))
        ]
        return sides[0], sides[1]

    def _course(self, recorded: Trace | None) -> Course:
        request, rows = self.request, self.data.rows
        if recorded is None:
            return draw_course(rows, request.batch_size, request.steps, request.seed)
        per_epoch = recorded.steps_per_epoch or len(recorded.batches)
        return Course(recorded.batches, per_epoch, recorded.seed or 0)

    @cached_property
    def names(self) -> tuple[str, str]:
        """The names of both sides, told apart if they are the same."""
        a, b = (name_of_side(side) for side in self.sides)
        return (a, b) if a != b else (f"the first {a}", f"the second {b}")

    @cached_property
    def networks(self) -> tuple[Network, Network]:
        """Both networks, with their own weights."""
        found = [
            self._network(side, name) for side, name in zip(self.sides, self.names, strict=True)
        ]
        return found[0], found[1]

    def _network(self, side: LiveSide | Trace, name: str) -> Network:
        if isinstance(side, Trace):
            return Network.of(name, side)
        self.report(f"{name}: layers", 0, None)
        model = side.open(self.request.dtype)
        layers, _ = model.trace_layers(side.rows(0))
        return Network(name, layers, model.weights(), model.states())

    @cached_property
    def matching(self) -> Matching:
        """What corresponds."""
        return match(*self.networks, self.request.mapping)

    def traces(self) -> tuple[Trace, Trace]:
        """Train both sides from the same weights, and return what they did."""
        self._share_weights()
        first, second = (self._trace(side) for side in self.sides)
        for trace, side in ((first, self.sides[1]), (second, self.sides[0])):
            if trace in self.sides and isinstance(side, LiveSide):
                live = second if trace is first else first
                check_same_data(trace, live.digests, self.data.rows)
        return first, second

    def _trace(self, side: LiveSide | Trace) -> Trace:
        return side if isinstance(side, Trace) else side.trace(self.request.dtype, self.report)

    def _share_weights(self) -> None:
        """Give one side the weights and states of the other, in the places that correspond."""
        a, b = self.networks
        own = [[each.values for each in x.weights] for x in (a, b)]
        states = [[each.values for each in x.states] for x in (a, b)]
        done, back = self.matching, self.matching.swapped
        source = self.request.weights
        if isinstance(self.sides[1], Trace):
            source = "b"
        if source == "a":
            own[1] = hand_over(done, own[0], own[1])
            states[1] = _copied(done.states, states[0], states[1])
        elif source == "b":
            own[0] = hand_over(back, own[1], own[0])
            states[0] = _copied(back.states, states[1], states[0])
        for side, weights, learned in zip(self.sides, own, states, strict=True):
            if isinstance(side, LiveSide):
                side.weights, side.states = weights, learned

    def judge(self, pair: Pair) -> Judged:
        """Compare two traces level by level."""
        request = self.request
        return Judge(
            pair=pair,
            limits=limits_of(request.limits),
            ignored=frozenset(request.ignore),
            exact=self._exact(),
            noise=self._noise(),
            losses_equal=request.losses_equal,
        ).judge()

    def _exact(self) -> tuple[Trace, Trace] | None:
        """Return both sides in float64, for their rounding errors on the first batch."""
        a, b = self.sides
        if self.request.dtype == "float64" or isinstance(a, Trace) or isinstance(b, Trace):
            return None
        return a.trace("float64", self.report, steps=1), b.trace("float64", self.report, steps=1)

    def _noise(self) -> Callable[[], Noise | None]:
        """Return a function that measures the noise of a live side when it is first called."""

        @cache
        def measure() -> Noise | None:
            for k, side in enumerate(self.sides):
                if isinstance(side, LiveSide):
                    own = self.matching.own(k)
                    return measure_noise(side, own, self.request.dtype, self.report)
            return None

        return measure

    def as_report(self, pair: Pair, judged: Judged) -> Report:
        """Return the report on two traces."""
        found, request = judged.found, self.request
        return Report(
            names=self.names,
            steps=min(len(pair.a.steps), len(pair.b.steps)),
            batch_size=len(pair.a.batches[0]) if pair.a.batches else request.batch_size,
            dtype=pair.a.dtype,
            seed=request.seed,
            levels=judged.levels,
            level=judged.level,
            place="" if found is None else found.place,
            difference=None if found is None else found.found,
            between=found is not None and found.between,
            notes=[*self._layer_notes(pair), *self.matching.notes, *judged.notes],
        )

    def _layer_notes(self, pair: Pair) -> list[str]:
        """Name the layers that only one side has, and what each side does otherwise."""
        notes = []
        for name, trace, positions in zip(
            self.names, (pair.a, pair.b), self.matching.only, strict=True
        ):
            if positions:
                kinds = ", ".join(_described(trace, k) for k in positions)
                notes.append(f"layers only in {name}: {kinds}")
            notes += [f"{name}: {note}" for note in trace.notes]
        return notes


def _described(trace: Trace, position: int) -> str:
    layer = trace.layers[position]
    return f"{layer.path} ({layer.facts.kind})" if layer.path else layer.facts.kind


def _copied(
    pairs: list[tuple[int, int]], source: list[np.ndarray], target: list[np.ndarray]
) -> list[np.ndarray]:
    found = list(target)
    for i, j in pairs:
        found[j] = source[i]
    return found
