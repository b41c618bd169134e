"""What scratch is timed against: a plain loop over its steps, scikit-learn, and plain JAX."""

from frameworks.peers import Arrays
from frameworks.program import Builder
from frameworks.scratch.jax_peer import JaxLoop
from frameworks.scratch.sklearn_peer import SklearnFit
from frameworks.spec import Spec
from frameworks.task import Task
from scratch import Adam, Batch, count_correct
from scratch.optimizers.optimizer import Wrapper

__all__ = ["JaxLoop", "ScratchLoop", "SklearnFit"]


class ScratchLoop:
    """A `scratch.Sequential`, step by step.

    `paper_epsilon`: Adam adds its ε after the bias correction, as PyTorch does by default.
    """

    def __init__(
        self, build: Builder, data: Batch, spec: Spec, task: Task, *, paper_epsilon: bool = False
    ) -> None:
        self.data, self.batch_size, self.parts = data, spec.batch_size, build(spec=spec)
        self.threshold = task.threshold(self.parts.logits)
        self.parts.network.bind(data.X.dtype)
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
                X, y = self.data.X[rows], self.data.y[rows]
                outputs = network.forward(X, training=True)
                total += loss.forward(outputs, y) * len(rows)
                if self.threshold is not None:
                    correct += count_correct(outputs, y, self.threshold)
                network.backward_params(loss.backward())
                optimizer.step(network.theta, network.grad)
        return float(total / (len(orders) * len(self.data.X)))
