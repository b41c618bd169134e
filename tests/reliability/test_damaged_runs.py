"""Whatever the files of a run hold, every command that reads them works or says what is wrong."""

import io
import itertools
import json

import numpy as np
import pytest
from rich.console import Console

from experiments import RequestError, load_run
from experiments.harness.cli.list import _in_words
from experiments.harness.cli.tables import show_experiment, show_summary
from experiments.harness.compare.comparison import compare_runs
from experiments.harness.compare.stored_run import StoredRun
from experiments.harness.compare.views import render as render_comparison
from experiments.harness.compare.views import show_comparison
from experiments.harness.records.arrays import digest_by_name
from experiments.harness.records.results import build_results, objections
from experiments.harness.records.runs import describe, last_results
from experiments.harness.records.store import Store
from experiments.harness.report.document import render

from .fuzz import fuzz, no_hang
from .mutations import damaged_value
from .originals import as_json, run_in

KEY = "xor-float64-seed0-keras"

# Numbers at the end of float64 overflow in sums; that is said on standard error, and harmless.
pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return StoredRun.open(run_in(tmp_path_factory.mktemp("whole") / "run"))


@pytest.fixture
def folder(tmp_path):
    return run_in(tmp_path / "run")


def everything(folder, whole, html=False):
    """Do what `lockstep report`, `compare`, `runs` and the data frames do with a run."""
    assert describe(folder).name == "run"
    run, console = load_run(folder), Console(file=io.StringIO(), width=80)
    assert len(run.cells) == 3
    assert len(run.history) >= 3
    show_experiment(console, run.results.cells, run.results.agreement)
    show_summary(console, run.results, objections(run.results))
    Store(folder).write_results(run.results)
    compare_all(console, StoredRun.open(folder), whole)
    if html:
        assert "</html>" in render(run.results, Store(folder), None)


def compare_all(console, run, whole):
    for pair in ((run, whole), (whole, run)):
        comparison = compare_runs(*pair)
        show_comparison(console, comparison)
        assert b"</html>" in render_comparison(comparison)
    assert "\x1b" not in console.file.getvalue()


@pytest.mark.parametrize("html", [False, True], ids=["tables", "report"])
def test_a_damaged_record_is_read_or_refused(folder, whole, html, torture, figure):
    path = folder / f"cells/{KEY}.json"

    def read(record):
        path.write_text(json.dumps(record))
        everything(folder, whole, html)

    count = (150 if html else 2000) if torture else (5 if html else 100)
    figure(fuzz(read, [as_json(path)], count, RequestError, damaged_value))


def test_damaged_results_are_read_or_refused(folder, whole, torture, figure):
    path = folder / "results.json"

    def read(results):
        path.write_text(json.dumps(results))
        for last in last_results(folder.parent).values():
            _in_words(last)
        compare_all(Console(file=io.StringIO(), width=80), StoredRun.open(path), whole)

    count = 2500 if torture else 150
    figure(fuzz(read, [as_json(path)], count, RequestError, damaged_value))


def test_counts_as_large_as_json_has_take_no_time(folder):
    """Whether rows were lost by chance is a formula, not a sum over them."""
    path, runs = folder / "results.json", []
    for wrong in (7, 2**40):
        results = as_json(path)
        for cell in results["cells"][:2]:
            right = 2**51 - wrong
            cell["test"] |= {"confusion": [[right, wrong], [wrong, right]], "n": 2**52}
            cell["digests"]["predictions"] = str(wrong)
        path.write_text(json.dumps(results))
        runs.append(StoredRun.open(path))
    with no_hang():
        compare_all(Console(file=io.StringIO(), width=80), *runs)


def other_arrays(arrays, rng):
    """Remove an array, or replace it by one of another shape, type or content."""
    name, kind = rng.choice(list(arrays)), rng.random()
    if kind < 0.1:
        return {key: array for key, array in arrays.items() if key != name}
    old = arrays[name]
    dtype = rng.choice([old.dtype, np.float32, np.float64, np.int64, np.uint8, np.bool_, np.int8])
    shape = rng.choice([old.shape, old.shape, (0,), (), (4, 4), (2, 2, 2), old.shape[::-1]])
    value = rng.choice([0, 1, -1, 100, np.nan, np.inf, 1e308])
    with np.errstate(all="ignore"):
        return arrays | {name: np.full(shape, value).astype(dtype)}


@pytest.mark.parametrize("html", [False, True], ids=["tables", "report"])
def test_other_arrays_are_read_or_refused(folder, whole, html, torture, figure):
    """Whether or not they are those of which the record holds the digest."""
    store = Store(folder)
    record = store.load(KEY)

    def read(arrays):
        digests = record.digests.model_copy(update={"arrays": digest_by_name(arrays)})
        digests = record.digests if next(turns) % 4 == 3 else digests
        (store.cells / f"{KEY}.json").unlink()  # a finished one stays as it is
        store.save(record.model_copy(update={"digests": digests}), arrays)
        store.write_results(build_results(store, None))
        everything(folder, whole, html)

    count, turns = (150 if html else 1500) if torture else (5 if html else 60), itertools.count()
    figure(fuzz(read, [store.arrays_of(record)], count, RequestError, other_arrays))


def test_a_list_among_the_facts_of_a_machine_is_a_change(folder, whole):
    for path in (folder / "cells").glob("*.json"):
        record = json.loads(path.read_text())
        record["environment"]["threads"] = [0]
        path.write_text(json.dumps(record))
    damaged = StoredRun.open(folder)
    assert any(each.after == "[0]" for each in compare_runs(whole, damaged).environment)
