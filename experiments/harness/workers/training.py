"""Train one cell: what a worker process does, from the data to the record."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from functools import lru_cache
from math import isfinite
from typing import TYPE_CHECKING, Any

import numpy as np

from datasets import Dataset, Policy, Samples
from experiments.harness.cell import Cell, Job
from experiments.harness.experiment import Experiment
from experiments.harness.phases import Course, Stage
from experiments.harness.records.arrays import Arrays, digest, digest_by_name
from experiments.harness.records.models import (
    Digests,
    Head,
    History,
    PhaseFigures,
    Record,
    Seconds,
    TestFigures,
)
from experiments.harness.workers.probing import probe
from frameworks.backends import BACKENDS
from frameworks.errors import RequestError
from frameworks.task import FEATURES, GENERATION, Task

if TYPE_CHECKING:  # it loads scikit-learn, which the command itself does without
    from frameworks.training import FitTogether

__all__ = [
    *("Report", "confusion_matrix", "digest_of_rows", "finish", "load_data"),
    *("train_job", "train_together"),
]

Report = Callable[[int, float], None]  # told the number of an epoch, from 1 on, and its loss

_GRID = 81  # points along each axis of the plane; no pixel is larger than a plotted point


@lru_cache(maxsize=1)  # the next seed wants the same
def load_data(experiment: Experiment, policy: Policy, data_dir: str | None) -> Dataset:
    """Load an experiment's data as the run decided."""
    return experiment.load_data(policy, data_dir)


def train_job(
    job: Job,
    data: Dataset,
    seconds_import: float,
    report: Report = lambda epoch, loss: None,
) -> tuple[Record, Arrays]:
    """Train and test; return the record, and the arrays that go beside it.

    `report(epoch, loss)` is called as epochs are finished.
    """
    cell, experiment = job.cell, job.cell.find()
    course = Course(experiment, data, cell)
    for epoch, record in enumerate(course.train(), 1):
        stage, estimator = course.stages[-1], course.estimators[-1]
        begun = experiment.is_users and len(estimator.history_) == 1
        if begun and cell.mode == "lockstep":  # a judge's outputs are nudged
            _check_measurable(experiment, stage, estimator)
        report(epoch, record["loss"])
    return _tested(job, course, {"import": seconds_import})


def train_together(
    jobs: Sequence[Job], data: Dataset, seconds_import: float, report: Report
) -> Iterator[tuple[Record, Arrays]]:
    """Do what `train_job` does for several seeds of one cell; yield what each comes to.

    Only as many are trained, from the first on, as the implementation takes at once. Raises
    whatever keeps them from being trained together. `report` is told the mean of their losses.
    """
    cell, experiment = jobs[0].cell, jobs[0].cell.find()
    if experiment.phases:  # they may hold rows out, stop early, or begin with weights of their own
        raise RequestError(f"the phases of {experiment.name} are trained one seed after the other")
    (phase,) = experiment.all_phases
    stages = [experiment.stage(phase, data, {}, job.cell.how) for job in jobs]
    estimators = [stage.make(cell.implementation, cell.mode, cell.dtype) for stage in stages]
    backend = BACKENDS[cell.implementation]
    fit: FitTogether = backend.load("together", str(backend.together))
    for records in fit(estimators, *stages[0].rows, classes=stages[0].classes):
        if experiment.is_users and len(estimators[0].history_) == 1:
            for job, estimator in zip(jobs, estimators[: len(records)], strict=False):
                _check_alone(job.cell, data, estimator)
        report(len(estimators[0].history_), sum(each["loss"] for each in records) / len(records))
    for job, stage, estimator in zip(jobs, stages, estimators[: len(records)], strict=False):
        course = Course(experiment, data, job.cell)
        course.stages, course.estimators = [stage], [estimator]
        yield _tested(job, course, {"import": seconds_import, "together": len(records)})


def _check_alone(cell: Cell, data: Dataset, estimator: Any) -> None:
    """Raise if one of several has not begun as it does alone, from its page anew."""
    course = Course(cell.find_anew(), data, cell)
    next(course.train())
    (alone,) = course.estimators
    begun = [
        digest(*each.initial_weights_, np.array(each.history_[0]["loss"]))
        for each in (alone, estimator)
    ]
    if begun[0] != begun[1]:
        raise RequestError(f"{cell.experiment} keeps something from one training to the next")


def _check_measurable(experiment: Experiment, stage: Stage, estimator: Any) -> None:
    """Raise, after the first epoch and not after the last, if the training cannot be tested.

    What the loss and the network count is left as it is: a copy is evaluated, if there can be one.
    """
    first, data = estimator.history_[0], stage.data
    needed = ["loss", "accuracy"] if stage.blueprint.task.has_answers else ["loss"]
    if not first.keys() >= set(needed):
        found = ", ".join(name for name in first if name != "seconds") or "nothing"
        raise RequestError(
            f"a step of {experiment.name} returns {found}; it must return {' and '.join(needed)}, "
            "by which trainings are compared"
        )
    try:
        copied = deepcopy(estimator)
    except Exception:  # noqa: BLE001 - a page may keep what cannot be copied: the end tells
        return
    _require_loss(stage, copied.evaluate(data.X_test[:1], data.y_test[:1]))


def _require_loss(stage: Stage, figures: Mapping[str, float]) -> None:
    if "loss" not in figures:
        name = stage.blueprint.name
        raise RequestError(f"`evaluate` of {name} returns no loss of the test rows")


def _tested(job: Job, course: Course, times: dict[str, float]) -> tuple[Record, Arrays]:
    experiment, stage, estimator = course.experiment, course.stages[-1], course.estimators[-1]
    data = stage.data
    outputs = [
        each.outputs(at.data.X_test)
        for at, each in zip(course.stages, course.estimators, strict=True)
    ]
    weights = [w for each in course.estimators for w in each.get_weights()]
    states = [a for each in course.estimators for a in each.get_states()]
    arrays = {f"weights.{i}": w for i, w in enumerate(weights)} | {"outputs": outputs[-1]}
    arrays |= {f"states.{i}": a for i, a in enumerate(states)}
    arrays |= {f"outputs.{i}": a for i, a in enumerate(outputs[:-1])}
    phases = [*map(_phase_figures, course.stages, course.estimators, outputs)]
    figures = phases[-1].test.model_dump()
    if experiment.task.has_answers:
        predictions = estimator.labels_of(outputs[-1])
        arrays |= {"predictions": predictions, "labels": data.y_test}
        arrays |= {"probabilities": estimator.predict_proba(data.X_test)}
        arrays |= _on_the_plane(data, estimator)
        figures["confusion"] = confusion_matrix(data, predictions)
    if experiment.task.decodes:
        arrays |= {"predictions": estimator.predict(data.X_test)}
    if experiment.task is GENERATION:
        arrays |= _along_the_line(data, estimator)
    if experiment.task is FEATURES:
        found = probe(estimator, data, *stage.rows)
        arrays |= {"predictions": found.predictions, "labels": data.y_test}
        figures |= found.figures
        figures["confusion"] = confusion_matrix(data, found.predictions)
    digests = Digests(
        initial_weights=digest(*course.drawn_weights),
        batch_order=course.digest("orders_sha256_"),
        draws=course.digest("draws_sha256_"),
        rows=digest_of_rows(experiment, course.data),
        weights=digest(*weights, *states),
        predictions=digest(arrays.get("predictions", outputs[-1])),
        arrays=digest_by_name(arrays),
    )
    seconds = Seconds.model_validate(times | course.seconds)
    record = finish(
        job.head,
        len(stage.rows[0]),
        course.history,
        figures,
        seconds,
        digests,
        phases if experiment.phases else [],
    )
    return record, arrays


def digest_of_rows(experiment: Experiment, data: Dataset) -> str:
    """Return the SHA-256 of what a user's own page has loaded; empty for a page of ours.

    Ours check what they load. What another page says of its data may be wrong, as where it draws
    its test rows anew whenever it is asked.
    """
    if not experiment.is_users:
        return ""
    return digest(data.X_train, data.y_train, data.X_test, data.y_test)


def _phase_figures(stage: Stage, estimator: Any, outputs: np.ndarray) -> PhaseFigures:
    figures = _figures(stage.blueprint.task, stage.data, estimator, outputs)
    _require_loss(stage, figures)
    known = {name: _finite(value) for name, value in figures.items()}
    return PhaseFigures(
        name=stage.phase.name,
        epochs=len(estimator.history_),
        n_train=len(stage.rows[0]),
        test=TestFigures(n=len(outputs), **known),
    )


def _figures(task: Task, data: Dataset, estimator: Any, outputs: np.ndarray) -> dict[str, Any]:
    """Return the loss and the task's metrics on the test rows, those of a quantity in its unit."""
    figures = estimator.evaluate(data.X_test, data.y_test)
    if task.has_targets and not task.has_answers and not task.decodes:
        y = data.y_test.reshape(outputs.shape)
        figures |= task.measure(data.in_units(outputs), data.in_units(y), None)
    if isinstance(data.targets, Samples):
        figures |= {
            "modes": data.targets.covered(outputs),
            "near_modes": data.targets.near(outputs),
        }
    wanted = ("loss", *(metric.name for metric in task.metrics))
    return {name: figures[name] for name in wanted if name in figures}


def finish(
    head: Head,
    n_train: int,
    history: dict[str, list[float]],
    figures: dict[str, Any],
    seconds: Seconds,
    digests: Digests,
    phases: Sequence[PhaseFigures] = (),
) -> Record:
    """Return the record of a finished training; numbers that are not finite become null.

    `figures` are those on the test rows, by name; `phases` are those that a page names.
    """
    known = {name: _finite(value) for name, value in figures.items()}
    n = known.pop("n")
    return Record(
        **dict(head),
        n_train=n_train,
        history=_history(history),
        test=TestFigures(n=n, **known),
        seconds=seconds,
        digests=digests,
        phases=list(phases),
        status="ok",
        error=None,
    )


def _history(values: dict[str, list[float]]) -> History:
    named: dict[str, Any] = {name: list(map(_finite, each)) for name, each in values.items()}
    return History(**named)


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not isfinite(value) else value


def confusion_matrix(data: Dataset, predictions: np.ndarray) -> list[list[int]]:
    """Return the counts of test rows: one row for each true class, one column for each answer."""
    from sklearn.metrics import confusion_matrix as count

    return count(data.y_test, predictions, labels=range(len(data.class_names))).tolist()


def _on_the_plane(data: Dataset, estimator: Any) -> Arrays:
    """Return what a network with two inputs gives on a grid over the data; else nothing.

    The grid's points are in the order of `np.meshgrid`: the second coordinate is the outer loop.
    """
    if len(data.feature_names) != 2:
        return {}
    rows = np.vstack([data.X_train, data.X_test])
    low, high = rows.min(axis=0), rows.max(axis=0)
    margin = (high - low) / 10
    axes = np.linspace(low - margin, high + margin, _GRID).T.copy()
    x, y = np.meshgrid(*axes)
    points = np.column_stack([x.ravel(), y.ravel()])
    return {"grid_axes": axes, "grid_probabilities": estimator.predict_proba(points)}


def _along_the_line(data: Dataset, estimator: Any) -> Arrays:
    """Return what the second network, a discriminator, makes of samples of one number.

    "line" (201, 1) has the points, over all that samples and true samples cover, and "line_outputs"
    the logits there; nothing for samples of more numbers.
    """
    if data.X_train.shape[1] > 1:
        return {}
    rows = np.vstack([data.X_train, data.y_test])
    line = np.linspace(rows.min(), rows.max(), 201).reshape(-1, 1)
    return {"line": line, "line_outputs": estimator.outputs(line, network=1)}
