"""One experiment's work: rows, weights and orders, the same for all that is timed."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from experiments.harness.workers.cell import Cell
from experiments.harness.workers.training import load_data
from experiments.registry import page
from frameworks import Spec
from frameworks.draws import Draws
from frameworks.peers import Arrays

__all__ = ["Work", "load_work", "size"]

_EPOCHS = 4  # at least, so that the first epoch, in which `fit` warms up, is a small part


@dataclass(frozen=True)
class Work:
    """What is trained on."""

    X: np.ndarray
    labels: np.ndarray  # (n,), for `fit`
    classes: np.ndarray
    y: np.ndarray  # the same labels as a loss takes them
    weights: Arrays
    orders: Arrays
    spec: Spec

    @property
    def steps_per_epoch(self) -> int:
        """Steps of an epoch; the last may have fewer rows."""
        return -(-len(self.X) // self.spec.batch_size)


def size(rows: int, batch_size: int, steps: int) -> tuple[int, int]:
    """Return on how many of the rows, and for how many epochs, to train for about `steps` steps.

    >>> size(60_000, 32, 100)  # 25 steps an epoch
    (800, 4)
    >>> size(95, 10, 11)  # two steps an epoch
    (20, 6)
    >>> size(121, 121, 1_000)
    (121, 1000)
    """
    rows = min(rows, max(steps // _EPOCHS, 1) * batch_size)
    return rows, -(-steps // -(-rows // batch_size))


@lru_cache(maxsize=1)
def load_work(cell: Cell, steps: int) -> Work:
    """Load the data and draw what `fit` draws, one epoch more than `steps` take."""
    experiment = page(cell.experiment)
    data, spec = load_data(cell.experiment, cell.policy, cell.data_dir), experiment.SPEC
    rows, epochs = size(len(data.X_train), spec.batch_size, steps)
    X, labels = data.X_train[:rows].astype(cell.dtype), data.y_train[:rows]
    draws = Draws(cell.seed)
    weights = experiment.initial_weights(spec, draws.weights)
    orders = draws.orders(rows, spec.batch_size, epochs + 1, spec.shuffle)
    return Work(
        X=X,
        labels=labels,
        classes=np.arange(len(data.class_names)),
        y=labels if spec.outputs > 1 else labels[:, np.newaxis].astype(X.dtype),
        weights=[w.astype(cell.dtype) for w in weights],
        orders=[np.arange(rows) if order is None else order for order in orders],
        spec=spec,
    )
