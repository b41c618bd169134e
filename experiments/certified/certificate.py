"""Compute a certificate: the losses of one training, and the recipe for them."""

import json
import platform
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from functools import partial
from importlib.metadata import version
from math import floor, log10
from typing import Any, NamedTuple, Protocol

import numpy as np

from experiments.certified import extended, multiprecision
from experiments.certified.lre import relative_error
from experiments.certified.problem import Problem
from experiments.certified.programs import PROGRAMS
from experiments.certified.stored import Certificate, Recipe
from experiments.harness.records.arrays import digest

__all__ = ["Report", "certify", "expected_digits", "recipe_of"]

Report = Callable[[int], None]  # called with the number of finished epochs


class Losses(NamedTuple):
    """The losses of a training, as decimal strings."""

    epochs: list[str]
    test: str | None  # None: there are more epochs than are computed
    trained: list[int]  # the number of epochs of each phase
    bits: int  # of a number's significand
    written: int  # digits


class Training(Protocol):
    """One way to compute: `multiprecision.Training`, or an `extended.Training` in some dtype."""

    problem: Problem
    bits: int  # of a number's significand
    written: int  # the number of digits that `write` returns

    def epochs(self) -> Iterator[Any]: ...

    def test_loss(self) -> Any: ...

    def write(self, x: Any) -> str: ...


Make = Callable[[Problem], Training]


def certify(problem: Problem, report: Report = lambda epoch: None) -> Certificate:
    """Compute the losses, the number of certified digits, and NumPy's errors."""
    start = time.process_time()
    twins: dict[str, Make] = {"float64": partial(_in_numpy, dtype=np.float64)}
    make: Make = _in_numpy
    if problem.formulas.method == "mpmath":
        make, twins["longdouble"] = multiprecision.Training, _in_numpy
    losses = _run(make, problem, report)
    seconds = time.process_time() - start
    worst = {name: _worst_error(_run(twin, problem), losses) for name, twin in twins.items()}
    packages = {package: version(package) for package in ("numpy", "mpmath")}
    return Certificate(
        **dict(recipe_of(problem)),
        bits=losses.bits,
        digits=min(expected_digits(losses.bits, worst["float64"]), losses.written),
        worst_error=worst,
        seconds=round(seconds, 1),
        versions={"python": platform.python_version()} | packages,
        trained=losses.trained if problem.experiment.phases else [],
        loss=losses.epochs,
        test_loss=losses.test,
    )


def recipe_of(problem: Problem) -> Recipe:
    """Return everything that determines the losses."""
    make = partial(_in_numpy, dtype=np.float64)
    parts = [training.problem for training in _trainings(make, problem)]  # none of them is trained
    orders = [[so_far for _, so_far in part.orders()] for part in parts]
    drawn = [w for part in parts if part.draws_weights for w in part.weights]
    several = len(parts) > 1
    data = problem.data
    values = {
        "experiment": problem.experiment.name,
        "data": {"name": data.name, "source": data.source, "sha256": data.sha256},
        "spec": asdict(problem.experiment.spec_for(data, problem.spec)),  # as a record has it
        "seed": problem.seed,
        "digests": {
            "initial_weights": digest(*drawn),
            "batch_order": orders[0] if any(orders[0]) and not several else [],
        },
        "model": problem.formulas.model_dump(),
        "phases": [
            {
                "name": part.stage.phase.name,
                "spec": asdict(part.spec),
                "model": part.formulas.model_dump(),
                "batch_order": own,
            }
            for part, own in zip(parts, orders, strict=True)
            if part.stage
        ],
    }
    return Recipe.model_validate_json(json.dumps(values))


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
    return max(relative_error(q, c) for q, c in pairs if c is not None)


def _run(make: Make, problem: Problem, report: Report = lambda epoch: None) -> Losses:
    losses: list[str] = []
    trained: list[int] = []
    for training in _trainings(make, problem):
        trained.append(0)
        for loss in training.epochs():
            losses.append(training.write(loss))
            trained[-1] += 1
            report(len(losses))
            if len(losses) == problem.first:
                return Losses(losses, None, trained, training.bits, training.written)
    test = training.write(training.test_loss())
    return Losses(losses, test, trained, training.bits, training.written)


def _trainings(make: Make, problem: Problem) -> Iterator[Training]:
    """Yield the training of each phase, to be trained before the next one is asked for."""
    before: dict[str, Any] = {}
    for phase in problem.experiment.all_phases:
        before[phase.name] = make(problem.at(phase, before))
        yield before[phase.name]


def _in_numpy(problem: Problem, dtype: type[np.floating] = np.longdouble) -> Training:
    return PROGRAMS.get(problem.formulas.algorithm, extended.NetworkTraining)(problem, dtype)
