"""Time one implementation on one experiment, in a worker: `fit`, and the plain loop right after."""

import time
from typing import Any

import numpy as np

from experiments.harness.agreement import relative_error
from experiments.harness.cell import Cell
from experiments.harness.implementations import IMPLEMENTATIONS
from experiments.harness.plain_loops import PLAIN_LOOPS
from experiments.harness.training import load_data
from experiments.registry import page
from frameworks.draws import Draws

__all__ = ["time_cell"]


def time_cell(cell: Cell, steps: int) -> dict[str, Any]:
    """Train for about so many steps, whole epochs, both ways; return what it took.

    Seconds "fit" and "plain" are of the whole, "train" is without building and compiling.

    Raises ValueError if the two did not end at the same loss: then they were not the same work.
    """
    data, spec = load_data(cell.experiment, cell.policy, cell.data_dir), page(cell.experiment).SPEC
    X = data.X_train[: cell.limit].astype(cell.dtype)
    y = data.y_train[: cell.limit]
    steps_per_epoch = -(-len(X) // spec.batch_size)
    epochs = -(-steps // steps_per_epoch)
    classifier = IMPLEMENTATIONS[cell.implementation].make(
        page(cell.experiment),
        epochs=epochs,
        batch_size=spec.batch_size,
        dtype=cell.dtype,
        random_state=cell.seed,
    )
    start = time.perf_counter()
    classifier.fit(X, y)
    fit = time.perf_counter() - start

    draws = Draws(cell.seed)
    orders = [
        np.arange(len(X)) if order is None else order
        for order in draws.orders(len(X), spec.batch_size, epochs, spec.shuffle)
    ]
    start = time.perf_counter()
    targets = y if spec.outputs > 1 else y[:, np.newaxis].astype(X.dtype)
    loss = PLAIN_LOOPS[cell.implementation](
        classifier.build, classifier.initial_weights_, X, targets, orders, spec.batch_size
    )
    plain = time.perf_counter() - start

    # The same losses of the batches, summed another way: 800 of them in float32 cost 5e-5 at worst.
    limit = 1e-9 if cell.dtype == "float64" else 1e-4
    if not relative_error(loss, classifier.history_[-1]["loss"]) < limit:
        raise ValueError(f"the plain loop ended at {loss}, fit at {classifier.history_[-1]}")
    train = classifier.seconds_["fit"]
    return {"fit": fit, "plain": plain, "train": train, "steps": epochs * steps_per_epoch}
