"""Several trainings of one network in one pass: see `scratch.iter_seeds`.

They begin with other weights and see the rows in other orders; each is, bit for bit, what `fit`
makes of it alone.
"""

import time
from collections.abc import Iterator, Sequence
from typing import Any

from frameworks.estimator import LockstepEstimator
from frameworks.program import Program
from frameworks.training import measured
from scratch import Batch, iter_seeds
from scratch.compiler import CannotFollow, Parts, StackedEpochs

__all__ = ["fit_together"]

_MOST = 100  # in one pass; more would gain nothing, and be lost together where it is interrupted
_MOST_BYTES = 2**28  # that they may take, beside the data
_MOST_BYTES_A_STEP = 2**18  # of one; with more, arithmetic costs more than what all would share


def fit_together(
    estimators: Sequence[LockstepEstimator], X: Any, y: Any, classes: Any = None
) -> Iterator[list[dict[str, float]]]:
    """Train equal estimators with different seeds at once; see `frameworks.training.FitTogether`.

    Up to 100 are trained, and only as many as fit into 256 MiB: each takes the memory of a step,
    and eight times that of its parameters and of an epoch's outputs and targets. Raises
    CannotFollow for a network that has to be trained alone (with dropout, for example) or might as
    well be: where a step works in more than 256 KiB, stacked arrays only leave the cache.
    """
    if estimators[0].early_stopping or estimators[0].callbacks or estimators[0].verbose:
        raise CannotFollow("each epoch of each training has to be looked at")
    first, batch = estimators[0], _begin(estimators[0], X, y, classes)
    size = first.batch_size
    fit = _MOST_BYTES // _bytes(first, batch, size)
    trained = estimators[: min(max(fit, 1), _MOST)]
    for each in trained[1:]:
        _begin(each, X, y, classes)
    orders = zip(*(each._orders(batch, each.epochs) for each in trained), strict=True)
    parts = [each._adapter.parts for each in trained]
    networks, optimizers = [each.network for each in parts], [each.optimizers[0] for each in parts]
    count, now = first._adapter.threshold is not None, time.perf_counter()
    arguments = networks, parts[0].loss, optimizers, batch, orders, size
    for results in iter_seeds(*arguments, count=count):
        before, now = now, time.perf_counter()
        records = [measured(result) for result in results]
        for each, record in zip(trained, records, strict=True):
            each._note(record, (now - before) / len(trained))
        yield records


def _begin(estimator: LockstepEstimator, X: Any, y: Any, classes: Any) -> Batch:
    """Give an estimator its first weights; return the rows, which are the same for all."""
    batch = estimator._prepare(X, y, None, classes, first=True)
    estimator._start(None)
    return batch


def _bytes(estimator: LockstepEstimator, batch: Batch, size: int) -> int:
    """Return how much memory a training takes; CannotFollow where none can be stacked."""
    parts = estimator._adapter.parts
    if isinstance(parts, Program):
        raise CannotFollow("a program's own step is not stacked")
    if parts.augment is not None or parts.stopping is not None:
        raise CannotFollow("each epoch of each training has rows, or an end, of its own")
    step = StackedEpochs([Parts(*parts[:3])], batch, size).note_step(slice(size))
    if step.nbytes > _MOST_BYTES_A_STEP:
        raise CannotFollow("nothing is gained by stacking steps that take so much memory")
    outputs = step.first_results[0]
    epoch = outputs.nbytes // len(outputs) * len(batch.X) + batch.y.nbytes
    return step.nbytes + step.batch.X.nbytes + 8 * (step.theta.nbytes + epoch)
