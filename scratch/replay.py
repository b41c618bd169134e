"""Training steps of small networks, recorded once and repeated: fast, and bit for bit the same.

`scratch.training.train_step` is the step to read. For a network of a few hundred parameters most of
its time goes into Python, not into arithmetic; there `train` takes it from here: the same calls of
NumPy in the same order, noted while the layers' own code ran (see `scratch.recording`). No layer is
written twice, and there is nothing to keep in step with the layers.

The outputs of an epoch are kept and measured at its end, all rows at once.
"""

import numpy as np

from scratch.batches import Batch
from scratch.layers import Dense, LeakyReLU, ReLU, Sigmoid, Softmax, Tanh
from scratch.losses import (
    BinaryCrossEntropy,
    HalfSquaredError,
    Loss,
    MeanSquaredError,
    SumSquaredError,
)
from scratch.network import Sequential
from scratch.optimizers import Optimizer
from scratch.optimizers.prepared import prepare_step
from scratch.recording import Recording

__all__ = ["Replay", "can_replay"]

# What consists of ufuncs on arrays that stay where they are. A subclass may do anything else.
_LAYERS = {Dense, LeakyReLU, ReLU, Sigmoid, Softmax, Tanh}
_MEANS, _SUMS = {BinaryCrossEntropy, MeanSquaredError}, {HalfSquaredError, SumSquaredError}
_MOST_PARAMETERS = 10_000  # beyond, the arithmetic outweighs what is saved


def can_replay(network: Sequential, loss: Loss, n: int, batch_size: int) -> bool:
    """Tell whether `Replay` can train on n rows in batches.

    A sum is replayed on a single batch only: over several, the epoch's loss is not that of all rows
    at once.
    """
    losses = _MEANS | _SUMS if n <= batch_size else _MEANS
    return (
        type(network) is Sequential
        and network.theta.size <= _MOST_PARAMETERS
        and all(type(layer) in _LAYERS for layer in network.layers)
        and type(loss) in losses
        and getattr(loss, "v", None) is None  # class weights are looked up row by row
    )


class Replay:
    """A training of one network on the same rows, in batches of one size."""

    def __init__(
        self, network: Sequential, loss: Loss, optimizer: Optimizer, data: Batch, batch_size: int
    ) -> None:
        self.network, self.loss, self.optimizer = network, loss, optimizer
        self.data, self.batch_size = data, batch_size
        self.theta: np.ndarray | None = None  # nothing is prepared yet

    def train_epoch(self, order: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        """Take one step on each batch of the rows, in the given order.

        Return the outputs (n, k), each from before the step on its batch, and the targets in the
        same order.
        """
        if self.theta is not self.network.theta or self.state is not self.optimizer.state:
            self._prepare()  # `bind` has moved the parameters, or the state is another training's
        X, y, _ = self.data
        if order is None:
            if len(X) <= self.batch_size:
                return self._train_whole(), y
            order = np.arange(len(X))
        outputs = []
        for start in range(0, len(X), self.batch_size):
            rows = order[start : start + self.batch_size]
            gradient = self._gradient(len(rows))
            X.take(rows, axis=0, out=gradient.X, mode="clip")  # other modes copy `out` first
            y.take(rows, axis=0, out=gradient.y, mode="clip")
            outputs.append(gradient.compute().copy())
            self.step()
        return np.concatenate(outputs), y.take(order, axis=0)

    def _train_whole(self) -> np.ndarray:
        """Take the one step on all rows, which the gradient holds from the first time on."""
        outputs = self._gradient(len(self.data.X)).compute()
        self.step()
        return outputs

    def _prepare(self) -> None:
        """Find the arrays that the training works on."""
        self.theta = self.network.theta
        self.step = prepare_step(self.optimizer, self.network.theta, self.network.grad)
        self.state = self.optimizer.state
        self.gradients: dict[int, _Gradient] = {}  # of batches of so many rows

    def _gradient(self, n: int) -> "_Gradient":
        """Return the gradient of n rows."""
        kept = self.gradients.get(n)
        if kept is None:
            X, y, _ = self.data
            kept = self.gradients[n] = _Gradient(self.network, self.loss, X[:n], y[:n])
        return kept


class _Gradient:
    """dL/dθ for the rows in X and y: computed the first time, then recorded, then repeated.

    A training of a single step is not worth a recording.
    """

    def __init__(self, network: Sequential, loss: Loss, X: np.ndarray, y: np.ndarray) -> None:
        self.network, self.loss = network, loss
        self.X, self.y = X.copy(), y.copy()
        self.times = 0
        self.recording: Recording | None = None

    def compute(self) -> np.ndarray:
        """Set the network's `grad`, and return its outputs."""
        if self.recording is not None:
            self.recording.repeat()
            return self.recording.results[0]
        self.times += 1
        if self.times == 2:
            self.recording = Recording(self._differentiate, self.X, self.y)
        return self._differentiate(self.X, self.y)[0]  # leaves no noted array in a layer

    def _differentiate(self, X: np.ndarray, y: np.ndarray) -> list[np.ndarray]:
        """Return the outputs and dL/dθ, by the layers' own code."""
        outputs = self.network.forward(X)
        self.loss.forward(outputs, y)
        self.network.backward(self.loss.backward())
        return [outputs, self.network.grad]
