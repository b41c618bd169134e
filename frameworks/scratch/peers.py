"""What scratch is timed against: a plain loop over its steps, and scikit-learn."""

import numpy as np

from frameworks import Builder, Parts, Spec
from frameworks.peers import Arrays
from frameworks.scratch.sklearn_peer import SklearnFit
from scratch import Adam
from scratch.optimizers.optimizer import Wrapper

__all__ = ["ScratchLoop", "SklearnFit"]


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
                network.backward(loss.backward())
                optimizer.step(network.theta, network.grad)
        return float(total / (len(orders) * len(self.X)))


def _classes(outputs: np.ndarray, parts: Parts) -> np.ndarray:
    if outputs.shape[1] == 1:
        return outputs > (0.0 if parts.logits else 0.5)
    return outputs.argmax(1)
