"""The loops in NumPy and in pure Python: scratch without its own training loop."""

import numpy as np

from experiments.harness.bench.loop import Arrays
from frameworks import Builder, Parts, Spec
from scratch import Adam
from scratch.optimizers.optimizer import Wrapper

__all__ = ["PythonLoop", "ScratchLoop"]


class ScratchLoop:
    """A `scratch.Sequential`, step by step.

    `paper_epsilon`: Adam adds its ε after the bias correction, as PyTorch does unless told
    otherwise.
    """

    def __init__(
        self,
        build: Builder,
        X: np.ndarray,
        y: np.ndarray,
        spec: Spec,
        *,
        paper_epsilon: bool = False,
    ) -> None:
        self.X, self.y, self.batch_size = X, y, spec.batch_size
        self.parts = build()
        self.parts.network.bind(X.dtype)
        adam = self.parts.optimizer
        while isinstance(adam, Wrapper):  # on a schedule, for example
            adam = adam.optimizer
        if paper_epsilon and isinstance(adam, Adam):
            adam.epsilon_hat = False

    def train(self, weights: Arrays, orders: Arrays) -> float:
        """See `Loop.train`."""
        network, loss, optimizer = self.parts[:3]
        network.set_weights(weights)
        optimizer.state = {}
        total = correct = 0.0
        for order in orders:
            for start in range(0, len(order), self.batch_size):
                rows = order[start : start + self.batch_size]
                batch, targets = self.X[rows], self.y[rows]
                outputs = network.forward(batch)
                total += loss.forward(outputs, targets) * len(rows)
                correct += np.count_nonzero(_classes(outputs, self.parts) == targets)
                network.backward_params(loss.backward())
                optimizer.step(network.theta, network.grad)
        return float(total / (len(orders) * len(self.X)))


def _classes(outputs: np.ndarray, parts: Parts) -> np.ndarray:
    if outputs.shape[1] == 1:
        return outputs > (0.0 if parts.logits else 0.5)
    return outputs.argmax(1)


class PythonLoop:
    """A `scratch.NeuronNetwork`, step by step."""

    def __init__(self, build: Builder, X: np.ndarray, y: np.ndarray, spec: Spec) -> None:
        self.X, self.y, self.batch_size = X.tolist(), y.tolist(), spec.batch_size
        self.parts = build()

    def train(self, weights: Arrays, orders: Arrays) -> float:
        """See `Loop.train`."""
        network, learning_rate = self.parts.network, self.parts.optimizer
        network.weights = [w.tolist() for w in weights]
        total = correct = 0.0
        for order in orders:
            for start in range(0, len(order), self.batch_size):
                rows = order[start : start + self.batch_size].tolist()
                labels = [self.y[i] for i in rows]
                loss, outputs = network.step([self.X[i] for i in rows], labels, learning_rate)
                total += loss * len(rows)
                pairs = zip(outputs, labels, strict=True)
                correct += sum((a > 0.5) == label for (a,), (label,) in pairs)
        return total / (len(orders) * len(self.X))
