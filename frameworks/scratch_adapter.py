"""scratch behind the shared interface."""

from collections.abc import Iterable, Iterator
from copy import deepcopy
from typing import Any

import numpy as np

import scratch
from frameworks.adapter import Adapter
from frameworks.classifier import LockstepClassifier
from frameworks.dense import build_scratch
from frameworks.probe import LayerOutput, computing, kind_of
from frameworks.spec import Builder, Parts, Spec
from scratch import Batch, EpochResult

__all__ = ["ScratchAdapter", "ScratchClassifier"]


class ScratchAdapter(Adapter):
    """A `scratch.Sequential` with its loss and optimizer."""

    def build(self, build: Builder, spec: Spec) -> Parts:
        parts = build(spec=spec)
        parts.network.bind(self.dtype)
        return parts

    def get_weights(self) -> list[np.ndarray]:
        return [w.copy() for w in self.parts.network.weights]

    def set_weights(self, weights: list[np.ndarray]) -> None:
        self.parts.network.set_weights(weights)

    def get_optimizer_state(self) -> Any:
        return deepcopy(self.parts.optimizer.state)

    def set_optimizer_state(self, state: Any) -> None:
        self.parts.optimizer.state = deepcopy(state)

    def train(
        self, data: Batch, orders: Iterable[np.ndarray | None], batch_size: int
    ) -> Iterator[EpochResult]:
        network, loss, optimizer = self.parts[:3]
        return scratch.iter_epochs(network, loss, optimizer, data, orders, batch_size)

    def outputs(self, X: np.ndarray) -> np.ndarray:
        return self.parts.network.predict(X)

    def probabilities(self, outputs: np.ndarray) -> np.ndarray:
        return (scratch.sigmoid if outputs.shape[1] == 1 else scratch.softmax)(outputs)

    def loss(self, outputs: np.ndarray, y: np.ndarray) -> float:
        return float(self.parts.loss.forward(outputs, y))

    def layer_outputs(self, X: np.ndarray, training: bool = False) -> list[LayerOutput]:
        network, found, x = self.parts.network, [], X
        for layer in network.layers:
            x = layer.forward(x, training)
            kind, name = kind_of(layer), type(layer).__name__
            found.append(LayerOutput(kind, name, x.copy(), len(layer.params)))
        return computing(X, found)

    def loss_and_gradients(self, batch: Batch) -> tuple[float, list[np.ndarray]]:
        return self.parts.network.loss_and_grad(self.parts.loss, *batch, training=True)

    def get_layer_state(self) -> Any:
        layers = self.parts.network.layers
        return deepcopy([(layer.state, getattr(layer, "rng", None)) for layer in layers])

    def set_layer_state(self, state: Any) -> None:
        for layer, (own, rng) in zip(self.parts.network.layers, deepcopy(state), strict=True):
            layer.state = own
            if rng is not None:
                layer.rng = rng


class ScratchClassifier(LockstepClassifier):
    """The NumPy reference as a scikit-learn classifier; parameters as in `LockstepClassifier`.

    >>> X, y = [[0.0], [1.0], [2.0], [3.0]], ["low", "low", "high", "high"]
    >>> classifier = ScratchClassifier(epochs=200, learning_rate=0.1, random_state=0).fit(X, y)
    >>> classifier.predict([[-1.0], [4.0]]).tolist()
    ['low', 'high']
    """

    _adapter_class = ScratchAdapter
    _default_build = staticmethod(build_scratch)
