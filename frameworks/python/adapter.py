"""The neuron in pure Python behind the shared interface."""

from collections.abc import Iterable, Iterator
from functools import partial
from operator import itemgetter
from typing import Any

import numpy as np

from frameworks.adapter import Adapter
from frameworks.built import require_own
from frameworks.classifier import LockstepClassifier
from frameworks.probe import LayerOutput
from frameworks.program import Parts, Program, ProgramBuilder
from frameworks.regressor import LockstepRegressor
from frameworks.spec import Spec
from scratch import Batch, EpochResult, NeuronNetwork, count_correct

__all__ = ["PythonAdapter", "PythonClassifier", "PythonRegressor"]


class PythonAdapter(Adapter):
    """A `scratch.NeuronNetwork` with its own loss; its optimizer is just a learning rate.

    Python's floats are float64, so float32 is refused.
    """

    def build(self, build: ProgramBuilder, spec: Spec) -> Parts:
        if self.dtype != "float64":
            raise ValueError(f"dtype must be 'float64' in pure Python, got {self.dtype!r}")
        parts = build(spec=spec)
        if isinstance(parts, Program):
            raise TypeError("build must return Parts in pure Python, which runs no programs")
        return require_own(build, parts, NeuronNetwork, "scratch.NeuronNetwork")

    def get_weights(self) -> list[np.ndarray]:
        return [np.array(w) for w in self.parts.network.weights]

    def set_weights(self, weights: list[np.ndarray]) -> None:
        self.parts.network.weights = [w.tolist() for w in weights]

    def get_optimizer_state(self) -> Any:
        return None

    def set_optimizer_state(self, state: Any) -> None:
        pass

    def train(
        self, data: Batch, orders: Iterable[np.ndarray | None], batch_size: int
    ) -> Iterator[EpochResult]:
        if type(self.parts.network) is NeuronNetwork:  # which draws nothing
            yield from self._epochs(data, orders, batch_size)
            return
        for order in orders:
            rows = slice(batch_size) if order is None else order[:batch_size]
            first = data.map(itemgetter(rows))
            with self.none_drawn(partial(self.loss_and_gradients, first)):
                results = [*self._epochs(data, [order], batch_size)]
            yield from results

    def _epochs(
        self, data: Batch, orders: Iterable[np.ndarray | None], batch_size: int
    ) -> Iterator[EpochResult]:
        network, learning_rate = self.parts.network, self.parts.optimizers[0]
        X, y = data.X.tolist(), data.y.tolist()
        w = None if data.w is None else data.w.tolist()
        threshold = self.threshold
        for order in orders:
            rows = range(len(X)) if order is None else order.tolist()
            total = correct = 0.0
            for start in range(0, len(X), batch_size):
                batch = rows[start : start + batch_size]
                X_i, y_i = [X[i] for i in batch], [y[i] for i in batch]
                w_i = None if w is None else [w[i] for i in batch]
                loss, outputs = network.step(X_i, y_i, learning_rate, w_i)
                total += loss * len(batch)
                if threshold is not None:
                    correct += count_correct(np.array(outputs), np.array(y_i), threshold)
            yield EpochResult(total / len(X), None if threshold is None else correct / len(X))

    def outputs(self, X: np.ndarray, network: int = 0) -> np.ndarray:
        return np.array(self.parts.network.predict(X.tolist()))

    def probabilities(self, outputs: np.ndarray) -> np.ndarray:
        raise NotImplementedError("a NeuronNetwork ends in its own sigmoid")

    def loss(self, outputs: np.ndarray, y: np.ndarray) -> float:
        return self.parts.network.loss(outputs.tolist(), y.tolist())

    def layer_outputs(
        self, X: np.ndarray, training: bool = False, network: int = 0
    ) -> list[LayerOutput]:
        rows, found = X.tolist(), []
        for layer in self.parts.network.layers:  # a neuron's sum and its sigmoid are one step
            rows = [[neuron.forward(x) for neuron in layer] for x in rows]
            weights = 1 if layer[0].b is None else 2
            found.append(LayerOutput("dense", "neurons", None, weights))
            found.append(LayerOutput("sigmoid", "neurons", np.array(rows)))
        return found

    def loss_and_gradients(self, batch: Batch) -> tuple[float, list[np.ndarray]]:
        network = self.parts.network
        w = None if batch.w is None else batch.w.tolist()
        loss, outputs = network.step(batch.X.tolist(), batch.y.tolist(), 0.0, w)
        divisor = np.size(outputs) if network.mean else 2  # neurons hold the gradient of a sum
        gradients = []
        for layer in network.layers:
            gradients.append(np.array([neuron.dw for neuron in layer]).T / divisor)
            if layer[0].b is not None:
                gradients.append(np.array([neuron.db for neuron in layer]) / divisor)
        return loss, gradients


def _needs_a_builder(spec: Spec) -> Parts:
    raise ValueError("build must be a builder for PythonClassifier, which has no default network")


class PythonRegressor(LockstepRegressor):
    """The neuron as a scikit-learn regressor; it needs a builder, and dtype "float64"."""

    _adapter_class = PythonAdapter
    _default_build = staticmethod(_needs_a_builder)


class PythonClassifier(LockstepClassifier):
    """The neuron as a scikit-learn classifier; it needs a builder, and dtype "float64"."""

    _adapter_class = PythonAdapter
    _default_build = staticmethod(_needs_a_builder)
