"""Compute a certificate: the losses of one training, and the recipe that made them."""

import platform
import time
from collections.abc import Callable
from dataclasses import asdict
from importlib.metadata import version
from math import floor, log10
from typing import Any, Protocol

import numpy as np

from experiments.certified import extended
from experiments.certified.lre import relative_error
from experiments.certified.problem import Problem
from experiments.certified.stored import SCHEMA
from experiments.harness.training import digest

__all__ = ["Report", "certify", "errors"]

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
    """Compute the losses, and how many of their digits can be relied on.

    The same training in float64 shows how far this network amplifies rounding: its worst error,
    scaled to the bits of the method, is what the method's own is expected to be. One digit is taken
    off, for sums in another order.
    """
    start = time.perf_counter()
    training = _certifying(problem)
    values = _run(training, problem, report)
    seconds = time.perf_counter() - start
    twins = {"float64": np.float64}
    if problem.model.method == "mpmath":
        twins["longdouble"] = np.longdouble
    worst = {
        name: max(errors(_run(extended.Training(problem, dtype), problem), values))
        for name, dtype in twins.items()
    }
    more = (training.bits - 53) * log10(2)
    digits = floor(more - log10(max(worst["float64"], 2.0**-53))) - 1
    return {
        **_recipe(problem),
        "bits": training.bits,
        "digits": min(digits, training.written),
        "worst_error": worst,
        "seconds": round(seconds, 1),
        "versions": {"python": platform.python_version()}
        | {package: version(package) for package in ("numpy", "mpmath")},
        **values,
    }


def errors(values: Values, certified: Values) -> list[float]:
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


def _recipe(problem: Problem) -> dict[str, Any]:
    """Return everything that the losses follow from."""
    data = problem.data
    orders = [digest_so_far for _, digest_so_far in problem.orders()]
    return {
        "schema": SCHEMA,
        "experiment": problem.experiment,
        "data": {"name": data.name, "source": data.source, "sha256": data.sha256},
        "spec": asdict(problem.spec),
        "seed": problem.seed,
        "digests": {
            "initial_weights": digest(*problem.weights),
            "batch_order": orders if any(orders) else [],  # of all orders so far, for each epoch
        },
        "model": problem.model._asdict(),
    }
