"""The two sides of an experiment that are compared level by level, phase by phase."""

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

import numpy as np

from datasets import Dataset
from experiments.harness.experiment import Experiment
from experiments.harness.phases import How, OnDemand
from experiments.registry import find_anew
from frameworks.backends import BACKENDS
from frameworks.blueprint import Blueprint
from frameworks.diverge import Side, Split
from frameworks.errors import RequestError
from frameworks.spec_values import Setting

__all__ = ["loaded_anew", "sides", "split_of"]

Loaded = tuple[Experiment, Dataset]


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

    Where a phase goes on from earlier ones, both sides start from what these come to in the first
    implementation. `anew` returns the experiment and its data as a training begins with them; None:
    as they were given.
    """
    before = OnDemand(experiment, data, how, names[0])

    def blueprint_anew(number: int) -> Blueprint:
        """Return the blueprint of a phase with specs, classes and builders of one execution."""
        assert anew is not None
        for name in names:
            BACKENDS[name].settled()
        found, own = anew()
        return found.stage(found.all_phases[number], own, before, how).blueprint

    with _little_to_collect():
        for number, phase in enumerate(experiment.all_phases):
            stage = experiment.stage(phase, data, before, how)
            split, epochs = split_of(experiment, stage.data), stage.epochs
            X, y = stage.rows
            split = replace(split, X_train=X, y_train=y)
            if steps is not None:
                epochs = -(-steps // -(-len(X) // stage.blueprint.spec.batch_size))
            a, b = (
                Side(
                    stage.blueprint,
                    name,
                    split,
                    how.dtype,
                    stage.seed,
                    epochs,
                    how.limit,
                    initial_weights=stage.weights,
                    anew=partial(blueprint_anew, number) if anew else None,
                    held_out=stage.held_out,
                )
                for name in names
            )  # fmt: skip
            yield a, b


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
