"""Train one native cell: as its framework's users would, tested like every other."""

import time
from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from typing import Any, cast

import numpy as np

from datasets import Dataset
from experiments.harness.cell import Job
from experiments.harness.experiment import Experiment
from experiments.harness.records.arrays import Arrays, digest, digest_by_name
from experiments.harness.records.models import Digests, Record, Seconds
from experiments.harness.workers.training import confusion_matrix, digest_of_rows, finish
from frameworks.backends import BACKENDS
from frameworks.errors import RequestError
from frameworks.native import Trained, TrainNatively, own_course
from frameworks.program import Builder, Parts, ProgramBuilder, name_of
from frameworks.spec import Spec
from frameworks.validation import encode_labels
from scratch import Batch

__all__ = ["train_natively", "usual"]


def train_natively(
    job: Job,
    data: Dataset,
    seconds_import: float,
    report: Callable[[int, float], None],
) -> tuple[Record, Arrays]:
    """Train and test; return the record and the arrays, as `training.train_job` does.

    "weights.0", ...: in the framework's own layout.
    """
    cell, experiment, backend = job.cell, job.cell.find(), BACKENDS[job.cell.implementation]
    spec = replace(experiment.spec_for(data), epochs=cell.epochs)
    X, y = data.X_train[: cell.limit].astype(cell.dtype), data.y_train[: cell.limit]
    rows = Batch(X, _targets(experiment, data, y, cell.dtype))
    start = time.perf_counter()
    train: TrainNatively = backend.load("native", str(backend.native))
    build = usual(experiment.blueprint.builders[backend.builders])
    trained = train(build, spec, cell.seed, rows, experiment.task, report)
    times = {"import": seconds_import, "compile": 0.0, "fit": time.perf_counter() - start}
    seconds = Seconds.model_validate(times)
    outputs = trained.outputs(data.X_test.astype(cell.dtype))
    figures: dict[str, Any] = _measure(experiment, data, trained, outputs.astype("float64"))
    arrays = {f"weights.{i}": w for i, w in enumerate(trained.weights)} | {"outputs": outputs}
    history: dict[str, list[Any]] = {"loss": [epoch.loss for epoch in trained.history]}
    if experiment.task.has_answers:
        history["accuracy"] = [epoch.accuracy for epoch in trained.history]
        arrays["predictions"] = _answers(outputs, trained.threshold)
        figures["confusion"] = confusion_matrix(data, arrays["predictions"])
    digests = Digests(
        initial_weights=digest(*trained.initial_weights),
        rows=digest_of_rows(experiment, data),
        weights=digest(*trained.weights),
        predictions=digest(arrays.get("predictions", outputs)),
        arrays=digest_by_name(arrays),
    )
    record = finish(job.head, len(X), history, figures, seconds, digests)
    return record.model_copy(update={"own_optimizer": trained.own_optimizer}), arrays


def usual(build: ProgramBuilder) -> Builder:
    """Return a builder that refuses what no framework trains by itself."""

    @wraps(build)
    def build_parts(spec: Spec) -> Parts:
        parts = build(spec=spec)
        if what := own_course(parts):
            raise RequestError(
                f"what {name_of(build)} returns {what}, where --native takes the usual course of "
                "each framework"
            )
        return cast(Parts, parts)

    return build_parts


def _targets(experiment: Experiment, data: Dataset, y: np.ndarray, dtype: str) -> np.ndarray:
    """Return targets as the page's loss takes them."""
    if experiment.task.decodes:
        return y.astype(np.int64)  # tokens
    if not experiment.task.has_answers:
        return y.reshape(len(y), *(y.shape[1:] or (1,))).astype(dtype)
    classes = np.arange(len(data.class_names))
    return encode_labels(y, classes, dtype, one_output=experiment.spec_for(data).outputs == 1)


def _measure(
    experiment: Experiment, data: Dataset, trained: Trained, outputs: np.ndarray
) -> dict[str, float]:
    """Return the figures on the test rows, computed in float64.

    scratch's loss measures all frameworks; where the page has no build_scratch, each one's own.
    """
    targets = _targets(experiment, data, data.y_test, "float64")
    scratch = experiment.blueprint.builders.get("scratch")
    loss = scratch(spec=experiment.spec_for(data)).loss.forward if scratch else trained.loss
    units = data.in_units(outputs), data.in_units(targets)
    figures = experiment.task.measure(*units, trained.threshold)
    return {"loss": loss(outputs, targets), "n": len(targets)} | figures


def _answers(outputs: np.ndarray, threshold: float | None) -> np.ndarray:
    if outputs.shape[1] > 1:
        return outputs.argmax(1)
    return (outputs[:, 0] > threshold).astype(int)
