"""Time one variant on one experiment, in a worker, and see that it did the work."""

import time
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from math import isfinite
from typing import Any

import numpy as np

from experiments.harness.bench.variants import VARIANTS, Variant
from experiments.harness.bench.work import Work, load_work
from experiments.harness.workers.cell import Cell
from experiments.registry import page
from frameworks.agreement.distances import relative_error
from frameworks.backends import IMPLEMENTATIONS
from frameworks.peers import Loop, Unavailable
from frameworks.scratch.peers import ScratchLoop

__all__ = ["time_product", "time_variant"]

Timing = dict[str, Any]
Train = Callable[[Cell, Variant, int], float]  # trains for so many steps; the mean loss

# The mean loss of a training may be this far from scratch's, relatively. In float32 training may
# amplify rounding to more: then float64 shows whether the work is the same (see `_check`).
_LIMITS = {"float64": 1e-9, "float32": 1e-4}


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
    start = time.perf_counter()
    history = _fit(cell, variant, steps)
    fit = time.perf_counter() - start
    _check(cell, variant, steps, _mean_loss(history), _loss_of_fit)

    start = time.perf_counter()
    loss = _loss_of_loop(cell, variant, steps)
    plain = time.perf_counter() - start
    _check(cell, variant, steps, loss, _loss_of_loop)
    train = sum(epoch["seconds"] for epoch in history[1:])
    done = (len(history) - 1) * work.steps_per_epoch
    return {"train": train, "steps": done, "whole": fit, "fit": fit, "plain": plain, "loss": loss}


def _fit(cell: Cell, variant: Variant, steps: int) -> list[dict[str, float]]:
    """Return the history of `fit`."""
    work = load_work(cell, steps)
    classifier = IMPLEMENTATIONS[variant.implementation].make(
        page(cell.experiment),
        epochs=len(work.orders),
        batch_size=work.spec.batch_size,
        dtype=cell.dtype,
        random_state=cell.seed,
    )
    return list(classifier.iter_fit(work.X, work.labels, classes=work.classes))


def _mean_loss(history: list[dict[str, float]]) -> float:
    return float(np.mean([epoch["loss"] for epoch in history]))


def _loss_of_fit(cell: Cell, variant: Variant, steps: int) -> float:
    return _mean_loss(_fit(cell, variant, steps))


def _loss_of_loop(cell: Cell, variant: Variant, steps: int) -> float:
    work = load_work(cell, steps)
    return _make_loop(variant, cell, work).train(work.weights, work.orders)


def _time_loop(cell: Cell, variant: Variant, steps: int) -> Timing:
    """Time a peer's loop, which is built once and kept."""
    work = load_work(cell, steps)
    start = time.perf_counter()
    loop = _kept_loop(variant, cell, steps)
    built = time.perf_counter()
    loss = loop.train(work.weights, work.orders)
    end = time.perf_counter()
    if not variant.own_draws:  # else it looks by itself whether the work was the same
        _check(cell, variant, steps, loss, _loss_of_loop)
    done = len(work.orders) * work.steps_per_epoch
    return {"train": end - built, "steps": done, "whole": end - start, "loss": loss}


@cache
def _kept_loop(variant: Variant, cell: Cell, steps: int) -> Loop:
    return _make_loop(variant, cell, load_work(cell, steps))


def _make_loop(variant: Variant, cell: Cell, work: Work) -> Loop:
    build = getattr(page(cell.experiment), f"build_{variant.implementation}")
    return variant.loop(build, work.X, work.y, work.spec)


def _check(cell: Cell, variant: Variant, steps: int, loss: float, train: Train) -> None:
    """Raise ValueError unless the mean loss that `train` came to is that of scratch."""
    expected = _reference(cell, steps, variant.stock_epsilon)
    same = relative_error(loss, expected) < _LIMITS[cell.dtype]
    if not same and cell.dtype == "float32" and isfinite(loss):
        same = _is_same_in_float64(cell, variant, steps, train)
    if not same:
        raise ValueError(
            f"other work was timed: a mean training loss of {loss}, where scratch has {expected}"
        )


@cache
def _is_same_in_float64(cell: Cell, variant: Variant, steps: int, train: Train) -> bool:
    """Tell whether `train` comes to scratch's mean loss where rounding hides nothing."""
    exact = replace(cell, dtype="float64")
    expected = _reference(exact, steps, variant.stock_epsilon)
    return relative_error(train(exact, variant, steps), expected) < _LIMITS["float64"]


@cache
def _reference(cell: Cell, steps: int, stock_epsilon: bool) -> float:
    """Return the mean loss of scratch's plain loop, Adam's ε where the others have it."""
    work, build = load_work(cell, steps), page(cell.experiment).build_scratch
    loop = ScratchLoop(build, work.X, work.y, work.spec, paper_epsilon=stock_epsilon)
    return loop.train(work.weights, work.orders)


def time_product(n: int, dtype: str) -> float:
    """Return the seconds of NumPy's product of two n x n matrices, after a smaller one."""
    a, out = np.random.default_rng(0).random((n, n)).astype(dtype), np.empty((n, n), dtype)
    np.matmul(a[:256], a, out=out[:256])
    start = time.perf_counter()
    np.matmul(a, a, out=out)
    return time.perf_counter() - start
