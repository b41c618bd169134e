"""Train one cell: what a worker process does, from the data to the record."""

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from math import isfinite
from typing import Any

import numpy as np

from datasets import Dataset, Policy
from experiments.harness.cell import Cell, Job
from experiments.harness.experiment import Experiment
from experiments.harness.records.arrays import Arrays, digest, digest_by_name
from experiments.harness.records.models import Digests, Head, History, Record, Seconds, TestFigures
from frameworks.agreement.variants import change
from frameworks.backends import BACKENDS
from frameworks.errors import RequestError
from frameworks.task import REGRESSION
from frameworks.training import FitTogether

__all__ = ["Report", "confusion_matrix", "finish", "load_data", "train_job", "train_together"]

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
    estimator = _estimator(cell, experiment)
    X, y = data.X_train[: cell.limit], data.y_train[: cell.limit]
    for record in estimator.iter_fit(X, y, classes=_classes(experiment, data), ahead=True):
        if len(estimator.history_) == 1 and cell.mode == "lockstep":  # a judge's outputs are nudged
            _check_measurable(experiment, data, estimator)
        report(len(estimator.history_), record["loss"])
    return _tested(job, experiment, data, estimator, {"import": seconds_import})


def train_together(
    jobs: Sequence[Job], data: Dataset, seconds_import: float, report: Report
) -> Iterator[tuple[Record, Arrays]]:
    """Do what `train_job` does for several seeds of one cell; yield what each comes to.

    Only as many are trained, from the first on, as the implementation takes at once. Raises
    whatever keeps them from being trained together. `report` is told the mean of their losses.
    """
    cell, experiment = jobs[0].cell, jobs[0].cell.find()
    estimators = [_estimator(job.cell, experiment) for job in jobs]
    backend = BACKENDS[cell.implementation]
    fit: FitTogether = backend.load("together", str(backend.together))
    X, y = data.X_train[: cell.limit], data.y_train[: cell.limit]
    for records in fit(estimators, X, y, classes=_classes(experiment, data)):
        report(len(estimators[0].history_), sum(each["loss"] for each in records) / len(records))
    for job, estimator in zip(jobs, estimators[: len(records)], strict=False):
        times = {"import": seconds_import, "together": len(records)}
        yield _tested(job, experiment, data, estimator, times)


def _estimator(cell: Cell, experiment: Experiment) -> Any:
    return BACKENDS[cell.implementation].make(
        experiment.blueprint,
        change(cell.mode, cell.seed),
        epochs=cell.epochs,
        batch_size=experiment.spec.batch_size,
        dtype=cell.dtype,
        random_state=cell.seed,
    )


def _check_measurable(experiment: Experiment, data: Dataset, estimator: Any) -> None:
    """Raise, after the first epoch and not after the last, if the training cannot be tested."""
    first = estimator.history_[0]
    needed = ["loss", "accuracy"] if experiment.task.has_answers else ["loss"]
    if not first.keys() >= set(needed):
        found = ", ".join(name for name in first if name != "seconds") or "nothing"
        raise RequestError(
            f"a step of {experiment.name} returns {found}; it must return {' and '.join(needed)}, "
            "by which trainings are compared"
        )
    if not 0 <= first.get("accuracy", 0) <= 1:
        raise RequestError(
            f"a step of {experiment.name} returns an accuracy that is not between 0 and 1"
        )
    estimator.evaluate(data.X_test[:1], data.y_test[:1])


def _classes(experiment: Experiment, data: Dataset) -> np.ndarray | None:
    return np.arange(len(data.class_names)) if experiment.task.has_answers else None


def _tested(
    job: Job, experiment: Experiment, data: Dataset, estimator: Any, times: dict[str, float]
) -> tuple[Record, Arrays]:
    outputs, weights = estimator.outputs(data.X_test), estimator.get_weights()
    states = estimator.get_states()
    arrays = {f"weights.{i}": w for i, w in enumerate(weights)} | {"outputs": outputs}
    arrays |= {f"states.{i}": a for i, a in enumerate(states)}
    figures = _figures(experiment, data, estimator, outputs) | {"n": len(outputs)}
    if experiment.task.has_answers:
        predictions = estimator.predict(data.X_test)
        arrays |= {"predictions": predictions, "labels": data.y_test}
        arrays |= {"probabilities": estimator.predict_proba(data.X_test)}
        arrays |= _on_the_plane(data, estimator)
        figures["confusion"] = confusion_matrix(data, predictions)
    names = [name for name in estimator.history_[0] if name != "seconds"]
    history = {name: [epoch[name] for epoch in estimator.history_] for name in names}
    digests = Digests(
        initial_weights=digest(*estimator.initial_weights_),
        batch_order=estimator.orders_sha256_,
        draws=estimator.draws_sha256_,
        weights=digest(*weights, *states),
        predictions=digest(arrays.get("predictions", outputs)),
        arrays=digest_by_name(arrays),
    )
    seconds = Seconds.model_validate(times | estimator.seconds_)
    n_train = len(data.X_train[: job.cell.limit])
    return finish(job.head, n_train, history, figures, seconds, digests), arrays


def _figures(
    experiment: Experiment, data: Dataset, estimator: Any, outputs: np.ndarray
) -> dict[str, Any]:
    """Return the loss and the task's metrics on the test rows, those of a quantity in its unit."""
    figures = estimator.evaluate(data.X_test, data.y_test)
    if experiment.task is REGRESSION:
        y = data.y_test.reshape(outputs.shape)
        figures |= experiment.task.measure(data.in_units(outputs), data.in_units(y), None)
    wanted = ("loss", *(metric.name for metric in experiment.task.metrics))
    return {name: figures[name] for name in wanted}


def finish(
    head: Head,
    n_train: int,
    history: dict[str, list[float]],
    figures: dict[str, Any],
    seconds: Seconds,
    digests: Digests,
) -> Record:
    """Return the record of a finished training; numbers that are not finite become null.

    `figures` are those on the test rows, by name.
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
