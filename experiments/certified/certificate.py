"""Compute a certificate: the losses of one training, and the recipe for them."""

import platform
import time
from collections.abc import Callable
from importlib.metadata import version
from math import floor, log10
from typing import Any, NamedTuple, Protocol

import numpy as np

from experiments.certified import extended, multiprecision
from experiments.certified.lre import relative_error
from experiments.certified.problem import Problem
from experiments.certified.stored import Certificate

__all__ = ["Report", "certify", "expected_digits"]

Report = Callable[[int], None]  # called with the number of finished epochs


class Losses(NamedTuple):
    """The losses of a training, as decimal strings."""

    epochs: list[str]
    test: str


class Training(Protocol):
    """One way to compute: `multiprecision.Training`, or `extended.Training` in some dtype."""

    bits: int  # of a number's significand
    written: int  # the number of digits that `write` returns

    def epoch(self, order: np.ndarray) -> Any: ...

    def test_loss(self) -> Any: ...

    def write(self, x: Any) -> str: ...


def certify(problem: Problem, report: Report = lambda epoch: None) -> Certificate:
    """Compute the losses, the number of certified digits, and NumPy's errors."""
    start = time.process_time()
    twins: dict[str, type[np.floating]] = {"float64": np.float64}
    if problem.formulas.method == "mpmath":
        training: Training = multiprecision.Training(problem)
        twins["longdouble"] = np.longdouble
    else:
        training = extended.Training(problem)
    losses = _run(training, problem, report)
    seconds = time.process_time() - start
    worst = {
        name: _worst_error(_run(extended.Training(problem, dtype), problem), losses)
        for name, dtype in twins.items()
    }
    packages = {package: version(package) for package in ("numpy", "mpmath")}
    return Certificate(
        **dict(problem.recipe()),
        bits=training.bits,
        digits=min(expected_digits(training.bits, worst["float64"]), training.written),
        worst_error=worst,
        seconds=round(seconds, 1),
        versions={"python": platform.python_version()} | packages,
        loss=losses.epochs,
        test_loss=losses.test,
    )


def expected_digits(bits: int, float64_error: float) -> int:
    """Return the number of correct digits in `bits` bits, given float64's worst error.

    That error shows how much this training amplifies rounding; each additional bit halves it. One
    digit is subtracted, in case one order of summation was lucky.

    >>> expected_digits(64, 1e-15)
    17
    """
    return floor((bits - 53) * log10(2) - log10(max(float64_error, 2.0**-53))) - 1


def _worst_error(losses: Losses, certified: Losses) -> float:
    """Return the largest relative error of an epoch's loss or of the test loss."""
    pairs = zip([*losses.epochs, losses.test], [*certified.epochs, certified.test], strict=True)
    return max(relative_error(q, c) for q, c in pairs)


def _run(training: Training, problem: Problem, report: Report = lambda epoch: None) -> Losses:
    losses = []
    for order, _ in problem.orders():
        losses.append(training.write(training.epoch(order)))
        report(len(losses))
    return Losses(losses, training.write(training.test_loss()))
