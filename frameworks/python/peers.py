"""The plain loop in pure Python."""

from frameworks.peers import Arrays
from frameworks.program import Builder
from frameworks.spec import Spec
from frameworks.task import Task
from scratch import Batch

__all__ = ["PythonLoop"]


class PythonLoop:
    """A `scratch.NeuronNetwork`, step by step."""

    def __init__(self, build: Builder, data: Batch, spec: Spec, task: Task) -> None:
        self.X, self.y, self.batch_size = data.X.tolist(), data.y.tolist(), spec.batch_size
        self.parts = build(spec=spec)
        self.threshold = task.threshold(self.parts.logits)

    def train(self, weights: Arrays, orders: Arrays) -> float:
        """See `Loop.train`."""
        network, learning_rate = self.parts.network, self.parts.optimizer
        network.weights = [w.tolist() for w in weights]
        total = correct = 0.0
        for order in orders:
            for start in range(0, len(order), self.batch_size):
                rows = order[start : start + self.batch_size].tolist()
                targets = [self.y[i] for i in rows]
                loss, outputs = network.step([self.X[i] for i in rows], targets, learning_rate)
                total += loss * len(rows)
                if self.threshold is not None:
                    pairs = zip(outputs, targets, strict=True)
                    correct += sum((a > self.threshold) == label for (a,), (label,) in pairs)
        return total / (len(orders) * len(self.X))
