"""The plain loop in pure Python."""

import numpy as np

from frameworks import Builder, Spec
from frameworks.peers import Arrays

__all__ = ["PythonLoop"]


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
