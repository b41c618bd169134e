"""The two sides of an experiment that are compared level by level, phase by phase."""

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from itertools import combinations

import numpy as np

from datasets import Dataset
from experiments.harness.experiment import Experiment
from experiments.harness.phases import Before, How, OnDemand, Phase, Stage
from experiments.registry import find_anew
from frameworks.agreement.limits import FLOAT64
from frameworks.agreement.noise_floor import FACTOR, TRAININGS
from frameworks.agreement.variants import nudges
from frameworks.backends import BACKENDS
from frameworks.blueprint import Blueprint
from frameworks.diverge import Side, Split
from frameworks.diverge.differences import difference
from frameworks.errors import RequestError
from frameworks.spec_values import Setting

__all__ = ["loaded_anew", "sides", "split_of"]

Loaded = tuple[Experiment, Dataset]

# Relative: how far apart what earlier phases hand on may be, of trainings that agree.
_ROUNDED = {"float64": FLOAT64.weight, "float32": 1e-2}


def loaded_anew(
    experiment: Experiment, setting: Setting, data: Dataset, data_dir: str | None
) -> Loaded:
    """Execute the page of a user's own experiment anew, and its `load`; return what they come to.

    So each training begins as in `run`: what the page keeps at its top is of no other. Those of
    trainings that are over are collected: a page refers to itself.
    """
    gc.collect()
    page = experiment.source
    if not experiment.is_current:
        raise RequestError(f"{page}: was changed meanwhile; repeat the command")
    try:
        found = find_anew(str(page)).changed(setting)
    except RequestError as error:
        raise RequestError(
            f"{error}; diverge executes a page anew for each training: let it skip what "
            "can be done only once in a process"
        ) from error
    return found, found.load_data(data.source, data_dir)


def sides(
    experiment: Experiment,
    data: Dataset,
    how: How,
    names: list[str],
    steps: int | None,
    anew: Callable[[], Loaded] | None = None,
) -> Iterator[tuple[Side, Side]]:
    """Yield both sides of each phase of an experiment, which most have but one of.

    Where a phase goes on from earlier ones, each implementation goes on from its own, as in `run`;
    where what these hand on differs by rounding alone, both go on from the first one's: by 1e-9 at
    most, 1e-2 in float32, or no more than scratch, nudged in the last place. `anew` returns the
    experiment and its data as a training begins with them; None: as they were given.
    """
    befores = [OnDemand(experiment, data, how, name) for name in names]
    nudged: list[Before] = []
    if "scratch" in experiment.blueprint.builders:
        nudged = [OnDemand(experiment, data, how, "scratch", mode) for mode in nudges(TRAININGS)]

    def blueprint_anew(number: int, before: Before) -> Blueprint:
        """Return the blueprint of a phase with specs, classes and builders of one execution."""
        assert anew is not None
        for name in names:
            BACKENDS[name].settled()
        found, own = anew()
        return found.stage(found.all_phases[number], own, before, how).blueprint

    with _little_to_collect():
        for number, phase in enumerate(experiment.all_phases):
            own = _stages(experiment, phase, data, befores, how)
            beside = partial(_stages, experiment, phase, data, nudged, how)
            alike = _begin_alike(own[0], own[1], how.dtype, beside)
            a, b = (
                _side(experiment, stage, name, how, steps,
                      partial(blueprint_anew, number, before) if anew else None)
                for stage, name, before in zip(
                    [own[0], own[0]] if alike else own, names, befores, strict=True
                )
            )  # fmt: skip
            yield a, b


def _side(
    experiment: Experiment,
    stage: Stage,
    name: str,
    how: How,
    steps: int | None,
    anew: Callable[[], Blueprint] | None,
) -> Side:
    """Return an implementation's side of a phase, of so many steps or of all its epochs."""
    X, y = stage.rows
    epochs = stage.epochs
    if steps is not None:
        epochs = -(-steps // -(-len(X) // stage.blueprint.spec.batch_size))
    return Side(
        stage.blueprint,
        name,
        replace(split_of(experiment, stage.data), X_train=X, y_train=y),
        how.dtype,
        stage.seed,
        epochs,
        how.limit,
        initial_weights=stage.weights,
        anew=anew,
        held_out=stage.held_out,
    )


def _stages(
    experiment: Experiment, phase: Phase, data: Dataset, befores: Sequence[Before], how: How
) -> list[Stage]:
    return [experiment.stage(phase, data, before, how) for before in befores]


def _begin_alike(a: Stage, b: Stage, dtype: str, nudged: Callable[[], list[Stage]]) -> bool:
    """Return whether two stages start from the same rows and weights, but for rounding.

    Whole numbers, such as labels, are never rounded. Of what is farther apart, `nudged` tells how
    far rounding alone moves it.
    """
    ours, theirs = _begins_with(a), _begins_with(b)
    if len(ours) != len(theirs):
        return False
    apart = [difference("", x, y, None).error for x, y in zip(ours, theirs, strict=True)]
    limits = [_ROUNDED[dtype] if x.dtype.kind == "f" else 0.0 for x in ours]
    if all(error <= limit for error, limit in zip(apart, limits, strict=True)):
        return True
    pairs = combinations(map(_begins_with, nudged()), 2)
    floors = [
        [difference("", x, y, None).error for x, y in zip(*each, strict=True)] for each in pairs
    ]
    largest = [FACTOR * max(each) for each in zip(*floors, strict=True)]
    return bool(largest) and all(
        error <= max(limit, floor) < np.inf
        for error, limit, floor in zip(apart, limits, largest, strict=True)
    )


def _begins_with(stage: Stage) -> list[np.ndarray]:
    data = stage.data
    return [data.X_train, data.y_train, data.X_test, data.y_test, *(stage.weights or [])]


@contextmanager
def _little_to_collect() -> Iterator[None]:
    """Let a collection pass over what is there by now, such as the frameworks: it takes seconds."""
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def split_of(experiment: Experiment, data: Dataset) -> Split:
    """Return the rows of a data set, as implementations are compared on them."""
    answers = experiment.task.has_answers
    return Split(
        data.X_train,
        data.y_train,
        data.X_test,
        data.y_test,
        classes=np.arange(len(data.class_names)) if answers else None,
        name=data.name,
        source=data.source,
    )
