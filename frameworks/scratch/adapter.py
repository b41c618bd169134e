"""scratch behind the shared interface."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from functools import partial
from operator import itemgetter
from threading import Lock
from typing import Any

import numpy as np

import scratch
from frameworks.built import require_own
from frameworks.draws import Dropped, StepDraws
from frameworks.masks import require_rate
from frameworks.probe import LayerOutput, computing, kind_of
from frameworks.program import (
    Parts,
    Program,
    ProgramBuilder,
    Step,
    StepBatch,
    Watched,
    numbers_of,
    updated_in,
)
from frameworks.program_adapter import ProgramAdapter
from frameworks.recordings.trace import Facts
from frameworks.scratch.facts import optimizer_facts
from frameworks.scratch.walking import leaves, walk
from frameworks.spec import Spec
from scratch import Batch, EpochResult, compiler
from scratch.network import evaluated

__all__ = ["ScratchAdapter"]

_AHEAD = 64  # epochs of a small network that may be trained before the first is reported


class ScratchAdapter(ProgramAdapter):
    """A `scratch.Sequential` with its loss and optimizer."""

    def build(self, build: ProgramBuilder, spec: Spec) -> Parts | Program:
        parts = require_own(build, build(spec=spec), scratch.Sequential, "scratch.Sequential")
        for network in parts.networks:
            network.bind(self.dtype)
        self._rates: list[tuple[scratch.Dropout, float]] = []  # for which masks are drawn
        self._masks = Lock()  # a pass notes its masks in the layers, which threads share
        self._loss = parts.loss  # a copy with the masks of what was evaluated last
        return parts

    def get_weights(self) -> list[np.ndarray]:
        return [w.copy() for network in self.parts.networks for w in network.weights]

    def set_weights(self, weights: list[np.ndarray]) -> None:
        own = [w for network in self.parts.networks for w in network.weights]
        for w, new in zip(own, weights, strict=True):
            w[...] = new

    def get_optimizer_state(self) -> Any:
        return deepcopy([optimizer.state for optimizer in self.parts.optimizers])

    def set_optimizer_state(self, state: Any) -> None:
        for optimizer, own in zip(self.parts.optimizers, deepcopy(state), strict=True):
            optimizer.state = own

    def optimizer_facts(self) -> list[Facts]:
        return [
            facts for optimizer in self.parts.optimizers for facts in optimizer_facts(optimizer)
        ]

    def dropped(self, X: np.ndarray) -> list[Dropped]:
        steps = walk(self.parts.network, X)
        calls = [(layer, x) for layer, x, _ in steps if isinstance(layer, scratch.Dropout)]
        self._rates = [(layer, layer.rate) for layer, _ in calls]
        return [Dropped(layer.rate, x.shape[1:]) for layer, x in calls]

    def train(
        self, data: Batch, orders: Iterable[np.ndarray | None], batch_size: int
    ) -> Iterator[EpochResult]:
        if compiler.Parts(*self._trained()).are_own():  # which draws nothing by itself
            yield from self._epochs(data, orders, batch_size)
            return
        for order in orders:
            rows = slice(batch_size) if order is None else order[:batch_size]
            with self.none_drawn(partial(self._take_step_back, data.map(itemgetter(rows)))):
                results = [*self._epochs(data, [order], batch_size)]
            yield from results

    def _trained(self) -> tuple[scratch.Sequential, Any, Any]:
        (optimizer,) = self.parts.optimizers
        return self.parts.network, self.parts.loss, optimizer

    def _epochs(
        self, data: Batch, orders: Iterable[np.ndarray | None], batch_size: int
    ) -> Iterator[EpochResult]:
        masks = (lambda rows: self.stream(rows).masks) if self.stream else None
        options: Any = {"masks": masks, "count": self.threshold is not None, "ahead": _AHEAD}
        for result in scratch.iter_epochs(*self._trained(), data, orders, batch_size, **options):
            self._require_rates()
            yield result

    def _require_rates(self) -> None:
        """Raise RuntimeError if a layer has another rate than its masks are drawn for."""
        for layer, rate in self._rates:
            require_rate(layer.rate, rate)

    def _take_step_back(self, batch: Batch) -> None:
        """Take a step of a network, and undo it."""
        weights, states = self.get_weights(), (self.get_optimizer_state(), self.get_layer_state())
        self._peek(batch.X)
        try:
            scratch.train_step(*self._trained(), batch)
        finally:
            self.set_weights(weights)
            self.set_optimizer_state(states[0])
            self.set_layer_state(states[1])

    def stop(self, epoch: int, loss: float) -> bool:
        return self.parts.stopping.stop(loss, *self._learned())

    def restore_best(self) -> None:
        self.parts.stopping.restore(*self._learned())

    def _learned(self) -> list[np.ndarray]:
        network = self.parts.network
        return [network.theta, *network.state.values()]

    def run_step(self, batch: StepBatch, draws: StepDraws) -> dict[str, float]:
        if draws.masks:
            self.parts.network.use_masks(draws.masks)
        values = self.step(batch, draws.named)
        self._require_rates()
        return numbers_of(values)

    def watch_step(self, batch: StepBatch, draws: StepDraws) -> Watched:
        found: list[np.ndarray] = []
        with gradients_given(self.parts.optimizers) as given:
            values = self.run_step(batch, draws)
        for network in self.parts.networks:
            flat = given.get(id(network.flat), np.zeros_like(network.flat))
            ends = np.cumsum([w.size for w in network.weights])
            pieces = zip(np.split(flat, ends[:-1]), network.weights, strict=True)
            found += [piece.reshape(w.shape) for piece, w in pieces]
        order = updated_in(given, [[network.flat] for network in self.parts.networks])
        return Watched(values, found, order)

    def weights_of_networks(self) -> list[int]:
        return [len(network.weights) for network in self.parts.networks]

    def run_evaluation(
        self, evaluate: Step, batch: StepBatch, draws: StepDraws
    ) -> dict[str, float]:
        values = evaluate(batch, draws.named)
        return numbers_of(values)

    def outputs(self, X: np.ndarray, network: int = 0) -> np.ndarray:
        outputs, self._loss = evaluated(self.parts.networks[network], X, self.parts.loss)
        return outputs

    def probabilities(self, outputs: np.ndarray) -> np.ndarray:
        return (scratch.sigmoid if outputs.shape[1] == 1 else scratch.softmax)(outputs)

    def loss(self, outputs: np.ndarray, y: np.ndarray) -> float:
        return float(getattr(self._loss, "forward", self._loss)(outputs, y))

    def layer_outputs(
        self, X: np.ndarray, training: bool = False, network: int = 0
    ) -> list[LayerOutput]:
        if training:
            self._peek(X)
        with self._masks:
            found = [
                LayerOutput(
                    kind_of(layer),
                    type(layer).__name__,
                    a.copy(),
                    0 if isinstance(layer, scratch.Sequential) else len(layer.params),
                    None if isinstance(layer, scratch.Sequential) else x.copy(),
                )
                for layer, x, a in walk(self.parts.networks[network], X, training)
            ]
        return computing(X, found)

    def loss_and_gradients(self, batch: Batch) -> tuple[float, list[np.ndarray]]:
        if isinstance(self.parts, Program):
            return self.gradients_of_step(batch)
        self._peek(batch.X)
        network = self.parts.network
        own = {id(each): each for each in (network, *self._layers())}
        loss = deepcopy(self.parts.loss, own)  # it may count its calls
        value, gradients = network.loss_and_grad(loss, *batch, training=True)
        (optimizer,) = self.parts.optimizers
        if isinstance(optimizer, scratch.TrainOnly):  # which has no use for the others
            gradients = optimizer.only_trained(gradients)
        return value, gradients

    def _layers(self) -> list[Any]:
        return [layer for network in self.parts.networks for layer in leaves(network)]

    def _peek(self, X: np.ndarray) -> None:
        """Use the masks of the next step without consuming the draws."""
        if self.stream:
            self.parts.network.use_masks(self.stream.peek(len(X)).masks)

    def get_states(self) -> list[np.ndarray]:
        return [a.copy() for network in self.parts.networks for a in network.state.values()]

    def set_states(self, states: list[np.ndarray]) -> None:
        own = [a for network in self.parts.networks for a in network.state.values()]
        for a, new in zip(own, states, strict=True):
            a[...] = new

    def has_state(self, name: str) -> bool:
        return any(name in layer.state for layer in self._layers())

    def get_layer_state(self) -> Any:
        layers = self._layers()
        return deepcopy([(layer.state, getattr(layer, "rng", None)) for layer in layers])

    def set_layer_state(self, state: Any) -> None:
        for layer, (own, rng) in zip(self._layers(), deepcopy(state), strict=True):
            layer.state = own
            if rng is not None:
                layer.rng = rng


@contextmanager
def gradients_given(optimizers: Iterable[Any]) -> Iterator[dict[int, np.ndarray]]:
    """Note the gradient that each optimizer is given, by the identity of the θ that it updates."""
    given: dict[int, np.ndarray] = {}

    def watching(step: Any) -> Any:
        def noting(theta: np.ndarray, g: np.ndarray) -> None:
            given[id(theta)] = g.copy()
            step(theta, g)

        return noting

    optimizers = list(optimizers)
    before = [vars(optimizer).get("step") for optimizer in optimizers]
    for optimizer in optimizers:
        optimizer.step = watching(optimizer.step)
    try:
        yield given
    finally:
        for optimizer, own in zip(optimizers, before, strict=True):
            if own is None:
                del optimizer.step
            else:
                optimizer.step = own
