"""Compute a certificate: the losses of one training, and the recipe that made them."""

import platform
import time
from collections.abc import Callable
from importlib.metadata import version
from math import floor, log10
from typing import Any, Protocol

import numpy as np

from experiments.certified import extended
from experiments.certified.lre import relative_error
from experiments.certified.problem import Problem
from experiments.certified.stored import SCHEMA

__all__ = ["Report", "certify", "expected_digits"]

Values = dict[str, Any]  # {"loss": [...], "test_loss": ...}, written in digits
Report = Callable[[int], None]  # called with the number of epochs that are done


class Training(Protocol):
    """One way to compute: `multiprecision.Training`, or `extended.Training` in some type."""

    bits: int  # of a number's significand
    written: int  # digits that `write` gives

    def epoch(self, order: np.ndarray) -> Any: ...

    def test_loss(self) -> Any: ...

    def write(self, x: Any) -> str: ...


def certify(problem: Problem, report: Report = lambda epoch: None) -> dict[str, Any]:
    """Compute the losses, how many of their digits are certified, and what NumPy comes to."""
    start = time.process_time()
    training = _certifying(problem)
    values = _run(training, problem, report)
    seconds = time.process_time() - start
    twins: dict[str, type[np.floating]] = {"float64": np.float64}
    if problem.model.method == "mpmath":
        twins["longdouble"] = np.longdouble
    worst = {
        name: max(_errors(_run(extended.Training(problem, dtype), problem), values))
        for name, dtype in twins.items()
    }
    return {
        "schema": SCHEMA,
        **problem.recipe(),
        "bits": training.bits,
        "digits": min(expected_digits(training.bits, worst["float64"]), training.written),
        "worst_error": worst,
        "seconds": round(seconds, 1),
        "versions": {"python": platform.python_version()}
        | {package: version(package) for package in ("numpy", "mpmath")},
        **values,
    }


def expected_digits(bits: int, float64_error: float) -> int:
    """Return how many digits are right in `bits` bits, where float64's worst error is known.

    It shows how far this training amplifies rounding, and with each bit more the error is half as
    large. One digit is taken off, for the luck of one order of summation.

    >>> expected_digits(64, 1e-15)
    17
    """
    return floor((bits - 53) * log10(2) - log10(max(float64_error, 2.0**-53))) - 1


def _errors(values: Values, certified: Values) -> list[float]:
    """Return the relative errors of the losses, and last that of the test loss."""
    pairs = zip(values["loss"], certified["loss"], strict=True)
    return [
        *(relative_error(q, c) for q, c in pairs),
        relative_error(values["test_loss"], certified["test_loss"]),
    ]


def _certifying(problem: Problem) -> Training:
    """Return the training in the method that the problem is certified with."""
    if problem.model.method == "mpmath":
        from experiments.certified import multiprecision

        return multiprecision.Training(problem)
    return extended.Training(problem)


def _run(training: Training, problem: Problem, report: Report = lambda epoch: None) -> Values:
    losses = []
    for order, _ in problem.orders():
        losses.append(training.write(training.epoch(order)))
        report(len(losses))
    return {"loss": losses, "test_loss": training.write(training.test_loss())}
