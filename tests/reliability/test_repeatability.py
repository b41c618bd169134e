"""The same command twice gives the same bytes, timings aside, whatever goes on around it.

`--torture` repeats whole commands 50 times in float64 and in float32, two at a time, with one and
two worker processes, progress shown or not, and the cells in their own or in a random order.
"""

import json
import random
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import save

from experiments.harness.cell import Cell, Job
from experiments.harness.execute import rebuild
from experiments.harness.plan import plan
from experiments.harness.records.arrays import digest
from experiments.harness.records.models import Head
from experiments.harness.records.store import Store, to_json
from experiments.harness.request import Request
from experiments.harness.workers.training import load_data, train_job
from frameworks.backends import BACKENDS
from frameworks.errors import RequestError

from .repeating import CIRCUMSTANCES, COMMAND, DTYPES, Circumstances, repeat, run
from .timings import contents, different, untimed

pytestmark = pytest.mark.slow

SHORTENED = ("--data", "stand-in", "--limit", "203", "--epochs", "2")  # the last batches not full
IN_LOCKSTEP = ("--floor", "2")
IMPLEMENTATIONS = [backend.name for backend in BACKENDS.values() if backend.default]


@pytest.fixture(autouse=True)
def isolated(monkeypatch, tmp_path):
    monkeypatch.delenv("LOCKSTEP_DATA", raising=False)
    monkeypatch.setenv("LOCKSTEP_CACHE", str(tmp_path / "cache"))


def count_the_same(first: dict, others: list[dict]) -> dict[str, int]:
    """Return how often all cells of each implementation were the same as first."""
    changed = [different(first, other) for other in others]
    return {
        name: sum(not any(f"-{name}" in file for file in files) for files in changed)
        for name in IMPLEMENTATIONS
        if any(f"-{name}" in file for file in first)
    }


@pytest.mark.timeout(3600)  # 102 commands, each of them with two frameworks to load
def test_a_command_gives_the_same_bytes_each_time(torture, figure, tmp_path):
    experiments, count = (("circle", "churn", "mnist_cnn"), 50) if torture else (("circle",), 1)
    command = ("run", *experiments, *IN_LOCKSTEP, *SHORTENED)

    def once(i: int) -> dict[str, bytes]:
        how = CIRCUMSTANCES[(i - 1) % len(CIRCUMSTANCES)] if i else Circumstances(mixed=not torture)
        repeat(command, tmp_path / str(i), how, seed=i)
        runs = {dtype: contents(tmp_path / str(i) / dtype) for dtype in DTYPES}
        return {
            f"{dtype}/{name}": held for dtype, run in runs.items() for name, held in run.items()
        }

    with ThreadPoolExecutor(2) as pool:
        first, *others = pool.map(once, range(count + 1))
    same = count_the_same(first, others)
    whole = sum(other == first for other in others)
    told = ", ".join(f"{name} {n}" for name, n in same.items())
    figure(f"of {count} repetitions the same bytes: {told}; results.json and .csv too: {whole}")
    assert [different(first, other) for other in others] == [[]] * count
    assert list(same) == IMPLEMENTATIONS


@pytest.mark.timeout(3600)  # four commands, each of them with two frameworks to load
def test_a_native_command_gives_the_same_bytes_each_time(torture, figure, tmp_path):
    if not torture:
        pytest.skip("for make torture: the short form repeats a run in lockstep")
    command = ("run", "circle", "churn", "mnist_cnn", "--native", "--seeds", "2", *SHORTENED)
    for i in range(4):
        out = ("--out", str(tmp_path / str(i)), "--jobs", str(1 + i % 2))
        run([sys.executable, *COMMAND, *command, *out], terminal=False)
    first, *others = (contents(tmp_path / str(i)) for i in range(4))
    figure(f"native: of 3 repetitions the same bytes: {sum(other == first for other in others)}")
    assert [different(first, other) for other in others] == [[]] * 3


def trained(cell: Cell, head: Head) -> str:
    """Train a cell in this process; return a digest of all that would be stored but its timings."""
    data = load_data(cell.find(), cell.policy, cell.data_dir)
    record, arrays = train_job(Job(cell, head, Path()), data, seconds_import=0.0)
    return json.dumps(untimed(json.loads(to_json(record)))) + digest(*arrays.values())


def cells(name: str, experiments: tuple[str, ...]) -> dict[Cell, Head]:
    """Return small trainings of an implementation, in each dtype that it has."""
    shortened = {"epochs": 2, "limit": 103, "policy": "stand-in"}
    found: dict[Cell, Head] = {}
    for dtype in BACKENDS[name].dtypes:
        for experiment in experiments:
            with suppress(RequestError):  # it cannot train it
                found |= plan(Request((experiment,), (name,), dtype, **shortened)).heads
    return found


@pytest.mark.timeout(3600)  # 50 rounds, in which Keras compiles
def test_trainings_in_one_process_do_not_depend_on_what_was_trained_before(torture, figure):
    rounds, experiments = (50, ("perceptron", "xor")) if torture else (1, ("perceptron",))
    everything = {
        cell: head for name in IMPLEMENTATIONS for cell, head in cells(name, experiments).items()
    }
    first = {cell: trained(cell, head) for cell, head in everything.items()}
    order, same = random.Random(0), dict.fromkeys(IMPLEMENTATIONS, 0)
    for i in range(rounds):
        random.seed(i)
        np.random.seed(i)  # noqa: NPY002 - the legacy state is what must not matter
        torch.manual_seed(i)
        shuffled = order.sample(list(everything), len(everything))
        again = {cell: trained(cell, everything[cell]) for cell in shuffled}
        for name in IMPLEMENTATIONS:
            same[name] += all(again[c] == first[c] for c in everything if c.implementation == name)
    told = ", ".join(f"{name} {n}" for name, n in same.items())
    figure(f"in one process, of {rounds} rounds in random order the same bytes: {told}")
    assert set(same.values()) == {rounds}


@pytest.fixture(scope="module")
def small_run(tmp_path_factory):
    """A run of xor by scratch, trained in this process."""
    request = Request(("xor",), ("scratch",), epochs=2, policy="stand-in")
    planned = plan(replace(request, out=tmp_path_factory.mktemp("small") / "run"))
    ((cell, head),) = planned.heads.items()
    data = load_data(cell.find(), cell.policy, None)
    planned.store.create([cell.key])
    planned.store.save(*train_job(Job(cell, head, planned.store.folder), data, seconds_import=0.0))
    rebuild(planned.store, None)
    return planned.store.folder


@pytest.mark.parametrize("what", ["a weight", "a loss", "the order of the fields", "the table"])
def test_one_bit_anywhere_is_seen(what, small_run, tmp_path):
    folder = shutil.copytree(small_run, tmp_path / "copy")
    (record,) = (folder / "cells").glob("*.json")
    content, store = json.loads(record.read_bytes()), Store(folder)
    if what == "a weight":
        arrays = store.load_arrays(record.stem)
        arrays["weights.0"][0] = np.nextafter(arrays["weights.0"][0], np.inf)
        expected = record.with_suffix(".safetensors")
        expected.write_bytes(save(arrays))
    elif what == "a loss":
        content["history"]["loss"][-1] = float(np.nextafter(content["history"]["loss"][-1], 0))
        record.write_text(json.dumps(content))
        expected = record
    elif what == "the order of the fields":
        record.write_text(json.dumps(dict(reversed(content.items()))))
        expected = record
    else:
        expected = folder / "results.csv"
        expected.write_text(expected.read_text().replace("1,", "2,", 1))
    assert different(contents(small_run), contents(folder)) == [expected.name]


def test_the_seconds_are_no_difference(small_run, tmp_path):
    folder = shutil.copytree(small_run, tmp_path / "copy")
    (record,) = (folder / "cells").glob("*.json")
    record.write_text(json.dumps(json.loads(record.read_bytes()) | {"seconds": {"fit": 7.0}}))
    assert different(contents(small_run), contents(folder)) == []


def test_the_report_of_equal_records_is_the_same_to_the_last_byte(small_run, tmp_path):
    folder = shutil.copytree(small_run, tmp_path / "elsewhere" / "copy")
    rebuild(Store(folder), None)
    for name in ("results.json", "results.csv", "report.html"):
        assert (folder / name).read_bytes() == (small_run / name).read_bytes(), name


@pytest.mark.parametrize("variable", ["OPENBLAS_CORETYPE", "ONEDNN_MAX_CPU_ISA"])
def test_other_kernels_are_noted_and_make_it_another_run(variable, small_run, monkeypatch):
    monkeypatch.setenv(variable, "AVX2")
    request = Request(("xor",), ("scratch",), epochs=2, policy="stand-in", out=small_run)
    with pytest.raises(RequestError, match="another environment"):
        plan(request).missing()
    (head,) = plan(request).heads.values()
    assert head.environment.items()[variable] == "AVX2"
