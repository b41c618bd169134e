"""One step of training as a program: noted while the plain code takes it, and held against it.

Two things in a step are not NumPy's calls on arrays, and happen outside of the program, each time:
an optimizer's `advance`, which gives the numbers that belong to the step, and a layer's `draw`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from scratch.batches import Batch
from scratch.compiler.numbers import Numbers, join_state
from scratch.compiler.program import Program, aligned
from scratch.compiler.tables import has_ones, to_batch, to_tables
from scratch.compiler.tracing import CannotFollow, Trace, plain
from scratch.layers.layer import Layer
from scratch.layers.masking import Mask
from scratch.losses import Loss, SequenceLoss, WeightedMean
from scratch.network import Sequential
from scratch.optimizers import Optimizer
from scratch.penalties import L2

__all__ = ["Parts", "Step", "replaced"]


@dataclass(frozen=True, eq=False)
class Parts:
    """What a step is taken with."""

    network: Sequential
    loss: Loss
    optimizer: Optimizer
    penalty: L2 | None = None

    def objects(self) -> list[Any]:
        """Return the layers and masks, the loss, the optimizers, outermost first, the penalty."""
        found: list[Any] = [*_layers(self.network), self.loss, *self.optimizers()]
        found += [self.loss.loss] if isinstance(self.loss, SequenceLoss | WeightedMean) else []
        masks = (getattr(each, "mask", None) for each in found)
        found += [mask for mask in masks if isinstance(mask, Mask)]
        return found + [self.penalty] * (self.penalty is not None)

    def optimizers(self) -> list[Any]:
        """Return the optimizer and those inside it, from the outside in."""
        chain: list[Any] = [self.optimizer]
        while inner := getattr(chain[-1], "optimizer", None):
            chain.append(inner)
        return chain

    def drawing(self) -> list[Any]:
        """Return the layers that draw numbers."""
        return [each for each in self.objects() if hasattr(each, "draw")]

    def are_own(self) -> bool:
        """Tell whether all code in a step is that of scratch, which is known to repeat."""
        methods = "forward", "backward", "backward_params", "step", "advance"
        code = [getattr(type(o), m, None) for o in self.objects() for m in methods]
        own = all(c is None or c.__module__.startswith("scratch.") for c in code)
        # a loss is measured at the end of an epoch, when masks are those of its last batch
        return own and getattr(self.loss, "mask", None) is None

    def can_be_compiled(self, batch: Batch) -> bool:
        """Tell whether a step on the batch can be noted and repeated; it is tried on a copy."""
        if not self.are_own():
            return False
        attempt = deepcopy(self)
        for layer in attempt.drawing():
            layer.draw = np.ones
        try:
            step = Step(attempt, batch)
            step.run()
        except CannotFollow:
            return False
        return step.repeats

    def take(self, batch: Batch, theta: np.ndarray, grad: np.ndarray) -> list[np.ndarray]:
        """Take a step by the plain code; return the outputs, and the penalty if there is one."""
        X, y, w = batch
        outputs = self.network.forward(X, training=True)
        self.loss.forward(outputs, y, w)
        self.network.backward_params(self.loss.backward())
        results: list[Any] = [outputs]
        if self.penalty is not None:
            results.append(self.penalty.forward(theta, len(X) if w is None else w.sum()))
            grad += self.penalty.backward()
        self.optimizer.step(theta, grad)
        return results


class Step:
    """A step on batches of n rows, which are to be put into `batch` before each, or its `tables`.

    Building it takes the first step. `results` holds the outputs, and the penalty if there is one.
    `in_stack`: the step will be that of many trainings at once.
    """

    def __init__(self, parts: Parts, batch: Batch, *, in_stack: bool = False) -> None:
        self.parts, self.has_ones = parts, has_ones(parts.network.layers[0], batch, len(batch.X))
        self.tables = [_own(a) for a in to_tables(batch, self.has_ones)]
        self.batch = to_batch(self.tables, self.has_ones)
        self.theta, self.grad = parts.network.theta, parts.network.grad
        self.numbers, g = [], self.grad
        for each in parts.optimizers():
            self.numbers.append(Numbers(each, g))
            g = each.select(g) if hasattr(each, "select") else g
        trace = Trace()
        joined = [] if in_stack else join_state(parts.optimizers()[-1].state)
        for a in (*self.tables, *joined):
            trace.watch(a)
        if self.has_ones:
            trace.padded.append((self.batch.X, self.tables[0]))
        with replaced(parts, trace.watch):
            self._fix_numbers(trace.watch)
            for layer in self.parts.drawing():
                layer.draw = _traced_draw(trace, layer, layer.draw)
            arrays = [trace.watch(a) for a in (self.theta, self.grad)]
            results = [plain(a) for a in parts.take(self.batch.map(trace.watch), *arrays)]
        self.trace, self.first_results = trace, results
        self.program = Program(trace, results)
        self.results, self.nbytes = self.program.results, self.program.nbytes
        self.is_checked, self.repeats = False, False

    def run(self) -> None:
        """Take a step on what `batch` holds now: by the plain code, if the program does not repeat.

        The first one is taken by both, and compared.
        """
        for each in self.numbers:
            each.advance()
        if not self.is_checked:
            self._check()
        elif self.repeats:
            try:
                self.program.run()
            except IndexError:  # a word that is not there, before anything has moved
                self._take_plainly()  # which says so
        else:
            self._take_plainly()

    def stacked(self, s: int, outer: Sequence[tuple[np.ndarray, np.ndarray]]) -> Program:
        """Return the program of s such steps at once, on arrays with a first axis of length s."""
        return Program(self.trace, self.first_results, stack=s, outer=outer)

    def _check(self) -> None:
        """Take the step twice, by the program and by the plain code, and compare every bit."""
        states = [*self.parts.network.state.values(), *self.parts.optimizer.state.values()]
        arrays = [self.theta, self.grad, *states]
        before = [a.copy() for a in arrays]
        drawn: dict[int, np.ndarray] = {}
        with replaced(self.parts, plain):
            for layer in self.parts.drawing():
                layer.draw = _remembered_draw(drawn, layer, layer.draw)
            self.program.run()
        arrays += self.results
        repeated = [a.tobytes() for a in arrays]
        for array, value in zip(arrays, before, strict=False):
            array[...] = value
        self._take_plainly(drawn)
        self.repeats = repeated == [a.tobytes() for a in arrays]
        self.is_checked = True

    def _take_plainly(self, drawn: Mapping[int, np.ndarray] = MappingProxyType({})) -> None:
        """Take a step by the plain code, with what layers, by their id, have drawn already."""
        with replaced(self.parts, plain):
            self._fix_numbers(lambda cell: cell[()])
            for layer in self.parts.drawing():
                if id(layer) in drawn:
                    layer.draw = _constant(drawn[id(layer)])
            results = self.parts.take(self.batch, self.theta, self.grad)
        for own, result in zip(self.results, results, strict=True):
            own[...] = result

    def _fix_numbers(self, number: Callable[[np.ndarray], Any]) -> None:
        """Let every `advance` return the numbers that the cells hold."""
        for each in self.numbers:
            each.optimizer.advance = _constant(tuple(map(number, each.cells)))


def _traced_draw(trace: Trace, layer: Any, draw: Callable[..., Any]) -> Callable[..., Any]:
    return lambda shape: trace.draw(draw(shape), lambda shape: layer.draw(shape))


def _remembered_draw(
    drawn: dict[int, np.ndarray], layer: Any, draw: Callable[..., Any]
) -> Callable[..., Any]:
    return lambda shape: drawn.setdefault(id(layer), draw(shape))


def _constant(value: Any) -> Callable[..., Any]:
    return lambda *args: value


def _own(a: np.ndarray) -> np.ndarray:
    """Return an aligned copy."""
    copy = aligned(a.shape, a.dtype)
    copy[...] = a
    return copy


def _layers(layer: Layer) -> Iterator[Layer]:
    """Yield the layer, and those that it is made of."""
    yield layer
    for inner in getattr(layer, "layers", ()):
        yield from _layers(inner)


@contextmanager
def replaced(parts: Parts, replace: Callable[[np.ndarray], np.ndarray]) -> Iterator[None]:
    """Replace the arrays in all attributes for a while; afterwards every attribute is as before.

    What has become None stays so: a mask, for example, that was used up.
    """
    objects = parts.objects()
    kept = [dict(vars(each)) for each in objects]
    for each in objects:
        for name, value in list(vars(each).items()):
            vars(each)[name] = _replace_in(value, replace)
    try:
        yield
    finally:
        for each, attributes in zip(objects, kept, strict=True):
            used_up = {name: None for name, value in vars(each).items() if value is None}
            vars(each).clear()
            vars(each).update(attributes | used_up)


def _replace_in(value: Any, replace: Callable[[np.ndarray], np.ndarray]) -> Any:
    if isinstance(value, np.ndarray):
        return replace(value)
    if isinstance(value, list):
        return [_replace_in(each, replace) for each in value]
    if isinstance(value, dict):
        return {name: _replace_in(each, replace) for name, each in value.items()}
    return value
