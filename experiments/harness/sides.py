"""The two sides of an experiment that are compared level by level, phase by phase."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from datasets import Dataset
from experiments.harness.experiment import Experiment
from experiments.harness.phases import How, OnDemand
from experiments.registry import find_anew
from frameworks.diverge import Side, Split
from frameworks.errors import RequestError
from frameworks.program import Parts, Program, ProgramBuilder, name_of
from frameworks.validation import spec_of

__all__ = ["each_anew", "sides", "split_of"]


def each_anew(experiment: Experiment, data: Dataset, data_dir: str | None) -> Experiment:
    """Return a user's own experiment with builders that execute its page anew, and its `load`.

    So each training begins as in `run`: what the page keeps at its top is of no other.
    """
    if not experiment.is_users:
        return experiment
    page = experiment.source

    def anew(build: ProgramBuilder) -> ProgramBuilder:
        name = name_of(build)

        def built(spec: object = spec_of(build)) -> Parts | Program:
            if not experiment.is_current:
                raise RequestError(f"{page}: was changed meanwhile; repeat the command")
            try:
                found = find_anew(str(page))
            except RequestError as error:
                raise RequestError(
                    f"{error}; diverge executes a page anew for each training: let it skip what "
                    "can be done only once in a process"
                ) from error
            found.load_data(data.source, data_dir)  # it may leave something at the page's top
            return found.blueprint.builders[name.removeprefix("build_")](spec=spec)

        built.__name__ = name
        return built

    return replace(experiment, builders=tuple(map(anew, experiment.builders)))


def sides(
    experiment: Experiment, data: Dataset, how: How, names: list[str], steps: int | None
) -> Iterator[tuple[Side, Side]]:
    """Yield both sides of each phase of an experiment, which most have but one of.

    Where a phase goes on from earlier ones, both sides start from what these come to in the first
    implementation. Rows that are held out are left out; no training stops early.
    """
    before = OnDemand(experiment, data, how, names[0])
    for phase in experiment.all_phases:
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
            )
            for name in names
        )  # fmt: skip
        yield a, b


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
