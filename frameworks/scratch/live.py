"""A live `scratch.Sequential` with its loss and optimizer, as comparisons see it."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from typing import Any

import numpy as np

import scratch
from frameworks.diverge.layers import parts_of
from frameworks.draws import Dropped
from frameworks.errors import RequestError
from frameworks.live.model import LiveModel, Rows, Training
from frameworks.probe import kind_of
from frameworks.recordings.trace import Arrays, LayerTrace, Weight
from frameworks.scratch.facts import layer_facts, loss_facts, optimizer_facts, set_fact
from frameworks.scratch.walking import leaves, walk

__all__ = ["ScratchLive"]


class ScratchLive(LiveModel):
    """A copy of a network in NumPy. Its layers are called dense, dense_1, ... in order."""

    framework = "scratch"
    schedule_facts = None

    def __init__(self, training: Training, rows: Rows, dtype: str) -> None:
        _require(training)
        self.dtype, self.notes = dtype, []
        parts = deepcopy((training.model, training.loss, training.optimizer))
        self.network, self.loss, self.optimizer = parts
        self.network.bind(dtype)
        self._masks: Sequence[np.ndarray] | None = None
        self._leaves = [each for each in leaves(self.network) if not hasattr(each, "original")]
        self._paths = _names(self._leaves)
        try:
            self.outputs(rows)
        except Exception as error:  # NumPy's, of any kind
            shape, why = rows.X[0].shape[1:], str(error).partition("\n")[0]
            raise RequestError(
                f"the scratch network fails on rows of shape {shape}: {why}"
            ) from error
        self.takes_labels = isinstance(self.loss, scratch.CategoricalCrossEntropy) or None
        self.versions = {"numpy": np.__version__}
        self._read_facts()

    def _read_facts(self) -> None:
        self.loss_facts = loss_facts(self.loss, logits=None)
        self.optimizer_facts = optimizer_facts(self.optimizer)

    @classmethod
    def adapt(cls, training: Training, X: Arrays) -> Arrays:
        convolutions = [a for a in leaves(training.model) if isinstance(a, scratch.Conv2D)]
        if not convolutions:
            return X
        channels = convolutions[0].params[0].shape[2]
        return tuple(_channels_last(x, channels) if x.ndim == 4 else x for x in X)

    def leaves_target(self, position: int) -> bool:
        """Return False: a loss of scratch refuses targets of another shape than its outputs'."""
        return False

    def weights(self) -> list[Weight]:
        return [
            Weight(f"{path}.{part.replace(' ', '_')}", p.copy())
            for path, layer in zip(self._paths, self._leaves, strict=True)
            for part, p in zip(_parts(layer), layer.params, strict=True)
        ]

    def set_weights(self, arrays: Sequence[np.ndarray]) -> None:
        self.network.set_weights(arrays)

    def states(self) -> list[Weight]:
        return [
            Weight(f"{path}.{name}", a.copy(), trainable=False)
            for path, layer in zip(self._paths, self._leaves, strict=True)
            for name, a in layer.state.items()
        ]

    def set_states(self, arrays: Sequence[np.ndarray]) -> None:
        for own, new in zip(self.network.state.values(), arrays, strict=True):
            own[...] = new

    def dropped(self, rows: Rows) -> list[Dropped]:
        return [
            Dropped(layer.rate, x.shape[1:])
            for layer, x, _ in walk(self.network, self._input(rows))
            if isinstance(layer, scratch.Dropout)
        ]

    def hand_masks(self, masks: Sequence[np.ndarray] | None) -> None:
        self._masks = masks

    def trace_layers(self, rows: Rows, with_loss: bool = False) -> tuple[list[LayerTrace], Arrays]:
        x = self._input(rows)
        evaluated = self._walk(x, training=False)
        with self._undisturbed():
            self._use_masks(x)
            trained = self._walk(x, training=True)
        layers = [self._trace(*each) for each in zip(evaluated, trained, strict=True)]
        return layers, (evaluated[-1][2],)

    def _walk(self, x: np.ndarray, training: bool) -> list[tuple[Any, np.ndarray, np.ndarray]]:
        return [(each, i.copy(), o.copy()) for each, i, o in walk(self.network, x, training)]

    def _trace(
        self, one: tuple[Any, np.ndarray, np.ndarray], other: tuple[Any, np.ndarray, np.ndarray]
    ) -> LayerTrace:
        layer, x, a = one
        own = getattr(layer, "original", layer)
        known = any(own is each for each in self._leaves)
        path = self._paths[self._index(own)] if known else type(layer).__name__.lower()
        weights, states = self._positions(own) if known else ((), ())
        facts = layer_facts(layer, x.shape[1:])
        moves = facts.kind == "rearrangement"
        return LayerTrace(path, facts, weights, states, (x,), a, (other[1],), other[2], moves)

    def _index(self, layer: Any) -> int:
        return next(i for i, each in enumerate(self._leaves) if each is layer)

    def _positions(self, layer: Any) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Return the positions of a layer's weights and states among all."""
        before = self._leaves[: self._index(layer)]
        start = sum(len(each.params) for each in before)
        states = sum(len(each.state) for each in before)
        return (
            tuple(range(start, start + len(layer.params))),
            tuple(range(states, states + len(layer.state))),
        )

    def outputs(self, rows: Rows) -> Arrays:
        return (self.network.predict(self._input(rows)),)

    def loss_and_gradients(self, rows: Rows) -> tuple[float, list[np.ndarray]]:
        X = self._input(rows)
        self._use_masks(X)
        network, loss = deepcopy((self.network, self.loss))  # which may count their calls
        return network.loss_and_grad(loss, X, *self._targets(rows), training=True)

    def step(self, rows: Rows) -> float:
        X = self._input(rows)
        self._use_masks(X)
        batch = scratch.Batch(X, *self._targets(rows))
        return scratch.train_step(self.network, self.loss, self.optimizer, batch)[0]

    def end_epoch(self) -> None:
        """Do nothing: schedules count the steps themselves."""

    def change(self, place: str, name: str, value: Any) -> bool:
        layers = dict(zip(self._paths, self._leaves, strict=True))
        thing = {"loss": self.loss, "optimizer": self.optimizer, **layers}.get(place)
        changed = thing is not None and set_fact(thing, name, value)
        self._read_facts()
        return changed

    def _input(self, rows: Rows) -> np.ndarray:
        (x,) = rows.X
        return x.astype(self.dtype) if x.dtype.kind == "f" else x

    def _targets(self, rows: Rows) -> tuple[np.ndarray, np.ndarray | None]:
        (y,) = rows.y or rows.X
        return (y.astype(self.dtype) if y.dtype.kind == "f" else y), rows.w

    def _use_masks(self, x: np.ndarray) -> None:
        """Give every dropout its mask, or one that drops nothing."""
        masks = self._masks
        if masks is None:
            drops = [d for d in walk(self.network, x) if isinstance(d[0], scratch.Dropout)]
            masks = [np.ones(i.shape, self.dtype) for _, i, _ in drops]
        self.network.use_masks([m.astype(self.dtype) for m in masks])

    @contextmanager
    def _undisturbed(self) -> Iterator[None]:
        """Restore the states that training mode changes."""
        before = [a.values for a in self.states()]
        try:
            yield
        finally:
            self.set_states(before)


def _require(training: Training) -> None:
    for name in ("loss", "optimizer"):
        if getattr(training, name) is None:
            raise RequestError(
                f"the scratch side has no {name}: give Training(network, {name}=...)"
            )
    if training.step is not None or training.scheduler is not None:
        raise RequestError("a scratch network takes no step or scheduler of its own: see Scheduled")


def _names(layers: Sequence[Any]) -> list[str]:
    counts: Counter[str] = Counter()
    names = []
    for layer in layers:
        kind = kind_of(layer).replace(" ", "_")
        names.append(f"{kind}_{counts[kind]}" if counts[kind] else kind)
        counts[kind] += 1
    return names


def _parts(layer: Any) -> list[str]:
    return parts_of(kind_of(layer), len(layer.params))


def _channels_last(x: np.ndarray, channels: int) -> np.ndarray:
    if x.shape[1] == channels and x.shape[-1] != channels:
        return np.ascontiguousarray(np.moveaxis(x, 1, -1))
    return x
