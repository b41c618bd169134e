"""Time one variant on one experiment, in a worker, and see that it did the work."""

import time
from functools import cache, partial
from itertools import combinations
from math import isfinite
from typing import Any

import numpy as np

from experiments.harness.agreement import relative_error
from experiments.harness.bench.loop import Loop, Unavailable
from experiments.harness.bench.scratch_loops import ScratchLoop
from experiments.harness.bench.variants import VARIANTS, Variant
from experiments.harness.bench.work import Work, load_work
from experiments.harness.cell import Cell
from experiments.harness.implementations import IMPLEMENTATIONS
from experiments.harness.nudge import nudged
from experiments.registry import page

__all__ = ["time_product", "time_variant"]

Timing = dict[str, Any]

# The mean loss of a training may be this far from scratch's, relatively: the rounding of a sum. In
# float32 training may amplify it to more, which is then measured (see `_rounding`).
_LIMITS = {"float64": 1e-9, "float32": 1e-4}
_NUDGED = 4  # trainings


def time_variant(cell: Cell, name: str, steps: int) -> Timing:
    """Train for about so many steps, and an epoch more; return what it took.

    "train" are the seconds of "steps" steps, without building, compiling and warming up; "whole"
    those of all "trained" steps with whatever came before. `fit` also has "fit", and "plain": the
    seconds of the plain loop that does the same. {"unavailable": reason} if it cannot be had.
    Raises ValueError if what was timed was other work than scratch's.
    """
    variant, work = VARIANTS[name], load_work(cell, steps)
    try:
        timing = (_time_loop if variant.peer else _time_fit)(cell, variant, steps)
    except Unavailable as reason:
        return {"unavailable": str(reason)}
    trained = len(work.orders) * work.steps_per_epoch
    return timing | {"trained": trained, "rows_per_step": len(work.X) / work.steps_per_epoch}


def _time_fit(cell: Cell, variant: Variant, steps: int) -> Timing:
    """Time `fit`, and right after it the plain loop."""
    work = load_work(cell, steps)
    classifier = IMPLEMENTATIONS[variant.implementation].make(
        page(cell.experiment),
        epochs=len(work.orders),
        batch_size=work.spec.batch_size,
        dtype=cell.dtype,
        random_state=cell.seed,
    )
    start = time.perf_counter()
    history = list(classifier.iter_fit(work.X, work.labels, classes=work.classes))
    fit = time.perf_counter() - start
    loss = float(np.mean([epoch["loss"] for epoch in history]))
    _check(cell, steps, variant, loss)

    start = time.perf_counter()
    loss = _make_loop(variant, cell, work).train(work.weights, work.orders)
    plain = time.perf_counter() - start
    _check(cell, steps, variant, loss)
    train = sum(epoch["seconds"] for epoch in history[1:])
    done = (len(history) - 1) * work.steps_per_epoch
    return {"train": train, "steps": done, "whole": fit, "fit": fit, "plain": plain, "loss": loss}


def _time_loop(cell: Cell, variant: Variant, steps: int) -> Timing:
    """Time a peer's loop, which is built once and kept."""
    work = load_work(cell, steps)
    start = time.perf_counter()
    loop = _kept_loop(variant, cell, steps)
    built = time.perf_counter()
    loss = loop.train(work.weights, work.orders)
    end = time.perf_counter()
    if not variant.own_draws:  # else it looks by itself whether the work was the same
        _check(cell, steps, variant, loss)
    done = len(work.orders) * work.steps_per_epoch
    return {"train": end - built, "steps": done, "whole": end - start, "loss": loss}


@cache
def _kept_loop(variant: Variant, cell: Cell, steps: int) -> Loop:
    return _make_loop(variant, cell, load_work(cell, steps))


def _make_loop(variant: Variant, cell: Cell, work: Work) -> Loop:
    build = getattr(page(cell.experiment), f"build_{variant.implementation}")
    return variant.loop(build, work.X, work.y, work.spec)


def _check(cell: Cell, steps: int, variant: Variant, loss: float) -> None:
    """Raise ValueError unless the mean loss is that of scratch's plain loop, but for rounding."""
    expected = _reference(cell, steps, variant.stock_epsilon)
    error = relative_error(loss, expected)
    if error < _LIMITS[cell.dtype]:
        return
    amplified = cell.dtype == "float32" and isfinite(error)
    if amplified and error <= _rounding(cell, steps, variant.stock_epsilon):
        return
    raise ValueError(
        f"other work was timed: a mean training loss of {loss}, where scratch has {expected}"
    )


@cache
def _reference(cell: Cell, steps: int, stock_epsilon: bool, nudge: int = 0) -> float:
    """Return the mean loss of scratch's plain loop, Adam's ε where the others have it.

    `nudge`: which of the trainings with every result nudged in its last place; 0 is none of them.
    """
    work, build = load_work(cell, steps), page(cell.experiment).build_scratch
    if nudge:
        build = partial(nudged(build, (cell.seed, nudge)), work.spec)
    loop = ScratchLoop(build, work.X, work.y, work.spec, paper_epsilon=stock_epsilon)
    return loop.train(work.weights, work.orders)


def _rounding(cell: Cell, steps: int, stock_epsilon: bool) -> float:
    """Return how far apart rounding alone drives the mean losses of trainings of this work."""
    losses = [_reference(cell, steps, stock_epsilon, nudge) for nudge in range(_NUDGED + 1)]
    return max(relative_error(a, b) for a, b in combinations(losses, 2))


def time_product(n: int, dtype: str) -> float:
    """Return the seconds of NumPy's product of two n x n matrices, after a smaller one."""
    a, out = np.random.default_rng(0).random((n, n)).astype(dtype), np.empty((n, n), dtype)
    np.matmul(a[:256], a, out=out[:256])
    start = time.perf_counter()
    np.matmul(a, a, out=out)
    return time.perf_counter() - start
