"""Trainings as `lockstep run` does them, in this process, and experiments with other builders."""

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from functools import lru_cache
from itertools import combinations
from pathlib import Path

import pytest

from datasets import Dataset
from experiments.harness.cell import Cell, Job
from experiments.harness.experiment import Experiment
from experiments.harness.records.agreement import Finished, compare_all
from experiments.harness.records.models import DataId, Environment, Head, SpecNumbers
from experiments.harness.workers.training import train_job
from experiments.registry import find_experiment
from frameworks import Builder, Parts
from frameworks.agreement.noise_floor import measure_floor


def rebuilt(experiment: Experiment, name: str, make: Callable[[Builder], Builder]) -> Experiment:
    """Return the experiment with `make(its builder)` in the place of one of its builders."""

    def replaced(build: Builder) -> Builder:
        if build.__name__ != f"build_{name}":
            return build
        made = make(build)
        made.__name__ = build.__name__
        return made

    return replace(experiment, builders=tuple(map(replaced, experiment.builders)))


def changed(
    experiment: Experiment, name: str, change: Callable[[Parts], Parts | None]
) -> Experiment:
    """Let a builder return what `change` makes of its parts, or changed in place."""

    def make(build: Builder) -> Builder:
        def build_changed(spec=experiment.spec):
            parts = build(spec)
            return change(parts) or parts

        return build_changed

    return rebuilt(experiment, name, make)


def narrow_floor(trainings, dtype, breaking_ties=()):
    """Measure a noise floor, and let weights differ by half of it.

    So wide, TensorFlow's less exact sigmoid is outside on xor with seed 12 by more than chance: it
    is as far away as the floor, or three times as far without AVX-512, and scratch with that
    sigmoid a tenth of the floor, or three.
    """
    floor = measure_floor(trainings, dtype, breaking_ties)
    return replace(floor, weight=floor.weight / 2)


@lru_cache
def load(experiment: Experiment) -> Dataset:
    """Load the stand-in, once."""
    return experiment.load("stand-in", None)


def differences(page: Path, **options: int) -> list[str]:
    """Train a user's page in the three libraries; return what `run` says of each pair: "" if equal.

    Without the many seconds that it takes to start a process for each of them.
    """
    experiment = find_experiment(str(page))
    names = "scratch", "keras", "pytorch"
    entries = compare_all(train(experiment, name, **options) for name in names)
    assert [entry.pair for entry in entries] == [*combinations(names, 2)]
    return [entry.reason if entry.verdict == "agree" else f"{entry}" for entry in entries]


def train(
    experiment: Experiment,
    implementation: str,
    mode: str = "lockstep",
    dtype: str = "float64",
    seed: int = 0,
    epochs: int | None = None,
    limit: int | None = None,
) -> Finished:
    """Train and test once; return the record, and what is compared of it."""
    epochs, data = epochs or experiment.spec.epochs, load(experiment)
    cell = Cell(experiment.name, dtype, seed, implementation, epochs, limit, "stand-in", None, 1,
                mode)  # fmt: skip
    head = Head(
        key=cell.key,
        fingerprint="",
        experiment=experiment.name,
        implementation=implementation,
        mode=mode,
        task=experiment.task.name,
        dtype=dtype,
        seed=seed,
        data=DataId(name=data.name, source=data.source, sha256=data.sha256),
        spec=SpecNumbers.model_validate_json(json.dumps(asdict(experiment.spec))),
        epochs=epochs,
        limit=limit,
        acceptance=None,
        environment=Environment(versions={}),
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Cell, "find", lambda self: experiment)
        return Finished.of(*train_job(Job(cell, head, None), data, seconds_import=0.0))
