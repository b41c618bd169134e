"""The run folder: what is written whole, what is damaged, and who may read it."""

import json
import os
import shutil
import stat
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from experiments.harness import execute
from experiments.harness.plan import plan
from experiments.harness.records.lock import LOCK
from experiments.harness.records.models import Results
from experiments.harness.records.own_files import BUILT
from experiments.harness.records.results import build_results
from experiments.harness.records.store import Store, to_json
from experiments.harness.request import Request
from experiments.harness.workers.progress import make_progress
from frameworks import weight_files
from frameworks.agreement.variants import judges
from frameworks.errors import RequestError
from frameworks.files import write_atomically

from ..stored_runs import RECORD, as_record, failed, store_run, training

ARRAYS = {"weights.0": np.arange(6.0).reshape(2, 3).T, "predictions": np.array([1, 0])}
KEY = "churn-float64-seed0-scratch"
OPTIONAL = ("schema", "mode", "source_sha256")  # those that older records lack, or all have


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path / "run")
    store.create()
    return store


def test_arrays_come_back_with_their_bytes_types_and_shapes(store):
    store.save(as_record(training()[0]), ARRAYS)
    loaded = store.load_arrays(KEY)
    assert set(loaded) == set(ARRAYS)
    for name, array in ARRAYS.items():
        assert loaded[name].dtype == array.dtype
        np.testing.assert_array_equal(loaded[name], array, strict=True)


def test_numbers_that_json_does_not_have_are_null(store):
    text = to_json({"loss": [1.5, float("nan"), float("inf")]}).decode()
    assert json.loads(text, parse_constant=pytest.fail) == {"loss": [1.5, None, None]}


def test_a_record_comes_back_as_it_was_saved(store):
    record = as_record(training(history={"loss": [0.75, float("nan"), 0.25]})[0])
    store.save(record, {})
    assert store.load(KEY) == record
    assert record.history.loss == [0.75, None, 0.25]


def test_what_is_not_there_is_none(store):
    assert store.load("a") is None


def test_a_file_is_as_it_was_when_the_disk_is_full(tmp_path, monkeypatch):
    def full(descriptor):
        raise OSError(28, "No space left on device")

    path = tmp_path / "record.json"
    write_atomically(path, b"old")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RequestError, match=r"record.json: cannot be written \(No space left on d"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["record.json"]


def test_a_file_is_as_it_was_when_ctrl_c_comes_while_it_is_written(tmp_path, monkeypatch):
    def interrupt(descriptor):
        raise KeyboardInterrupt

    path = tmp_path / "model.safetensors"
    weight_files.write(path, b"old")
    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        weight_files.write(path, b"new")
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["model.safetensors"]


def test_what_killed_commands_left_unfinished_is_removed_and_nothing_else(store):
    token = "0123456789abcdef"
    left = [f".a.json.{token}", f".a.safetensors.{token}", ".b.json.4711", ".a.lock"]
    kept = [".b.json", f".notes.txt.{token}", ".c.json", "a.json"]
    for name in [*left, *kept]:
        (store.cells / name).write_bytes(b"{")
    (store.folder / f".results.csv.{token}").write_bytes(b"{")
    store.create()
    assert sorted(path.name for path in store.cells.iterdir()) == sorted(kept)
    assert sorted(path.name for path in store.folder.iterdir()) == ["cells", "plan.json"]


def test_what_an_orphan_leaves_while_the_next_command_works_is_removed_at_its_end(store):
    (store.cells / ".a.json.0123456789abcdef").write_bytes(b"{")
    store.write_results(Results(environment={"versions": {}}, cells=[], agreement=[]))
    assert list(store.cells.iterdir()) == []


@pytest.mark.skipif(os.name == "nt", reason="looks at POSIX permissions")
def test_files_can_be_read_by_whom_the_umask_lets(tmp_path):
    path, umask = tmp_path / "results.json", os.umask(0o027)
    try:
        write_atomically(path, b"{}")
    finally:
        os.umask(umask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"schema": 1', "invalid JSON: .* line 1 .*; delete it, and run again"),
        (b"\xff{}", "invalid .*; delete it, and run again"),
        (b"[]", "input should be an object, found list; delete it, and run again"),
        (b"{}", "key: field required; delete it, and run again"),
        (b'{"schema": 0}', "schema: input should be 1, found 0; delete it, and run again"),
        (b'{"schema": 2}', "written by a newer lockstep .schema 2, this one reads 1.; update"),
    ],
)
def test_a_damaged_record_is_named_with_the_remedy(store, content, message):
    path = store.cells / "a.json"
    path.write_bytes(content)
    with pytest.raises(RequestError, match=message) as error:
        store.load("a")
    assert str(error.value).startswith(f"{path}: ")
    assert path.read_bytes() == content


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("epochs", "three", "epochs: input should be a valid integer, found 'three'"),
        ("seed", -1, "seed: input should be greater than or equal to 0, found -1"),
        ("history", {"loss": [0.5, "much", 0.25]}, r"history.loss\[1\]: .* number, found 'much'"),
        ("test", {"loss": [0.5]}, "test.loss: input should be a valid number, found list"),
        ("test", {"accuracy": 1.5}, "test.accuracy: .* less than or equal to 1, found 1.5"),
        ("test", {"confusion": [[1, 2]]}, "test.confusion: expected as many columns as rows"),
        ("test", {"n": 7}, "test.confusion: expected 7 rows in all"),
        ("seconds", {"fit": None}, "seconds.fit: input should be a valid number, found None"),
        ("data", {"source": 1}, "data.source: input should be a valid string, found 1"),
        ("spec", {"batch_size": "ten"}, "spec.batch_size: .* valid integer, found 'ten'"),
        ("spec", {"inputs": ["three"]}, "spec.inputs: .* valid integer, found list"),
        ("spec", {"momentum": {}}, "spec: momentum: .*, found dict"),
        ("environment", {"cpus": [[]]}, "environment: cpus: .*, found list"),
        ("environment", {"versions": {"numpy": 2}}, "environment.versions.numpy: .* found 2"),
        ("acceptance", [0.5], r"acceptance\[1\]: field required"),
        ("history", {"loss": [0.5]}, "history.loss: expected 3 numbers, one an epoch, found 1"),
        ("status", "done", "status: input should be 'ok' or 'failed', found 'done'"),
        ("error", 7, "error: input should be a valid string, found 7"),
        ("digests", None, "digests: expected a value, as it was finished; found nothing"),
        ("mode", "nudged", "mode: .*, found 'nudged'"),
    ],
)
def test_a_field_that_does_not_fit_is_named_with_what_it_holds(store, field, value, message):
    """Text where a number belongs, or another kind, count or range: one sentence each."""
    record, _ = training()
    merged = record[field] | value if isinstance(value, dict) else value
    (store.cells / f"{KEY}.json").write_text(json.dumps(record | {field: merged}))
    with pytest.raises(RequestError, match=f"{message}; delete it, and run again$") as error:
        store.load(KEY)
    assert str(error.value).startswith(f"{store.cells / KEY}.json: {field}")
    assert len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize("field", [name for name in RECORD if name not in OPTIONAL])
def test_a_field_that_is_missing_is_named(store, field):
    record, _ = training()
    record.pop(field)
    (store.cells / f"{KEY}.json").write_text(json.dumps(record))
    with pytest.raises(RequestError, match=f"json: {field}: .*; delete it, and run again$"):
        store.load(KEY)


@pytest.mark.parametrize("content", [b"", b"\x08\x00", None])
def test_damaged_arrays_are_named_with_the_remedy(store, content):
    path = store.cells / "a.safetensors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(RequestError, match="delete it and its .json, and run again") as error:
        store.load_arrays("a")
    assert str(error.value).startswith(f"{path}: ")


SCHEMA_1 = (
    Path(__file__).parents[1] / "stored" / "schema-1"
)  # as the first version of lockstep wrote it


def test_a_record_of_the_first_version_is_still_read(call, tmp_path):
    folder = shutil.copytree(SCHEMA_1, tmp_path / "run")
    (record,) = Store(folder).records()
    assert record.mode == "lockstep"  # it was the only one
    assert record.task == "classification"  # likewise
    assert "labels" not in Store(folder).load_arrays(record.key)
    shown = call("report", folder)
    assert (shown.code, "0.997312" in shown.out) == (0, True)
    assert call("compare", folder, folder).code == 0
    listed = json.loads(call("runs", "--dir", tmp_path, "--json").out)["runs"]
    assert (listed[0]["ok"], listed[0]["missing"]) == (1, None)  # it kept no plan


def test_results_csv_is_tidy_and_opens_in_one_line(tmp_path):
    seeds = [training(seed=0), training(seed=1, history={"loss": [0.5, float("nan"), 0.125]})]
    folder = store_run(tmp_path, *seeds, failed(seed=2))
    table = pd.read_csv(folder / "results.csv")
    expected = [0.75, 0.5, 0.25, 0.5, np.nan, 0.125]
    np.testing.assert_array_equal(table["loss"], expected)
    assert table["epoch"].tolist() == [1, 2, 3] * 2
    assert table["seed"].tolist() == [0] * 3 + [1] * 3
    cell = ["experiment", "implementation", "mode", "dtype", "seed", "epoch"]
    assert not table.duplicated(cell).any()
    assert table[cell].notna().all().all()
    assert {name: kind.kind for name, kind in table.dtypes.items() if name not in cell} == {
        **{"data": "O", "source": "O", "loss": "f", "accuracy": "f"}
    }


def interrupted(*_):
    raise KeyboardInterrupt


def test_results_of_fewer_trainings_are_removed_before_the_others_are_trained(
    monkeypatch, tmp_path
):
    planned = plan(Request(["xor"], ["scratch"], out=tmp_path))
    monkeypatch.setattr(execute, "Runner", interrupted)
    with planned.store.at_work(make=True), make_progress(quiet=True) as progress:
        for name in BUILT:
            (tmp_path / name).touch()
        with pytest.raises(KeyboardInterrupt):
            list(execute.train(planned, planned.missing(), 1, 60, progress))
    assert not [name for name in BUILT if (tmp_path / name).exists()]


def test_nudged_trainings_that_are_there_are_not_trained_again_though_of_another_page(tmp_path):
    """They judge others of the folder, and are kept: what is trained could not be stored."""
    both = [training(implementation=name, experiment="xor") for name in ("keras", "pytorch")]
    both[1][0]["history"]["loss"] = [0.5, 0.5, 0.5]
    there = [training(mode=mode, experiment="xor", source_sha256="d1") for mode in judges(5)[1:]]
    results = build_results(Store(store_run(tmp_path, *both, *there)))
    planned = plan(Request(["xor"], ["keras", "pytorch"], out=tmp_path))
    missing = execute._judges(planned, "xor", results)
    assert [cell.mode for cell in missing] == ["nudged-1"]


@pytest.mark.parametrize("then", ["nothing", "another run"])
def test_a_folder_that_is_moved_away_ends_the_command_and_is_not_made_anew(tmp_path, then):
    store, moved = Store(tmp_path / "run"), tmp_path / "moved"
    with store.at_work(make=True):
        store.create([KEY])
        store.folder.rename(moved)
        if then == "another run":
            other = store_run(store.folder, training())
            (other / LOCK).touch()  # its command is at work
        for step in (
            lambda: store.save(as_record(training(seed=1)[0]), ARRAYS),
            lambda: store.load(KEY),
            store.records,
            lambda: store.create([KEY]),
        ):
            with pytest.raises(RequestError, match="run: was removed, moved or replaced while"):
                step()
    assert store.folder.exists() is (store.folder / LOCK).exists() is (then == "another run")


@pytest.mark.parametrize("drawn", [b"<html>of the other run</html>", None])
def test_a_report_does_not_get_into_a_run_that_was_moved_there_meanwhile(
    tmp_path, monkeypatch, drawn
):
    """While it is drawn, or as it is written: then nothing is said of the run."""
    run, other = store_run(tmp_path / "run", training()), store_run(tmp_path / "other", training())

    def exchanged(*_):
        run.rename(tmp_path / "moved")
        other.rename(run)
        return "<html></html>"

    if drawn:
        (other / "report.html").write_bytes(drawn)
        monkeypatch.setattr("experiments.harness.report.document.render", exchanged)
    else:
        monkeypatch.setattr("experiments.harness.report.write_report", exchanged)
    store = Store(run)
    with pytest.raises(RequestError, match="run: was removed, moved or replaced while"):
        with store.at_work():
            execute.rebuild(store, None)
    report = run / "report.html"
    assert (report.read_bytes() if report.exists() else None) == drawn


def test_what_is_wrong_with_files_that_were_moved_there_meanwhile_is_not_said(tmp_path):
    store, other = (Store(store_run(tmp_path / name, training())) for name in ("run", "other"))

    def read():
        with store.at_work():
            store.folder.rename(tmp_path / "moved")
            other.folder.rename(store.folder)
            raise RequestError("its arrays are not those of the record; delete it")

    with pytest.raises(RequestError, match="run: was removed, moved or replaced while"):
        read()


def test_what_a_command_asked_for_is_missing_also_where_its_plan_was_removed(tmp_path):
    store = Store(store_run(tmp_path / "run", training()))
    with store.at_work():
        store.create([KEY, "lost"])
        (store.folder / "plan.json").unlink()
        assert build_results(store).missing == ["lost"]


def test_a_run_without_a_plan_has_not_passed(tmp_path):
    store = Store(store_run(tmp_path / "run", training(packages_sha256="c0de")))
    assert build_results(store).verdict == "passed"
    (store.folder / "plan.json").unlink()
    results = build_results(Store(store.folder))
    assert (results.verdict, len(results.against)) == ("failed", 1)
    assert results.against[0].startswith("no plan.json says which trainings were asked for")


@pytest.mark.parametrize(
    "name", [*BUILT, "plan.json", LOCK, "cells/neuron.json", "cells/.lock", "cells/x/results.csv"]
)
def test_a_run_replaces_nothing_in_a_folder_that_is_none(tmp_path, name):
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("two years of work")
    with (
        pytest.raises(RequestError, match="holds no run, but .*; choose another --out"),
        Store(tmp_path).at_work(make=True),
    ):
        pass
    assert path.read_text() == "two years of work"


@pytest.mark.parametrize("name", ["cells", "cells/mine"])
def test_a_run_is_not_written_among_the_trainings_of_another(tmp_path, name):
    store_run(tmp_path, training())
    before = [*tmp_path.rglob("*")]
    with (
        pytest.raises(RequestError, match=f"{name}: holds trainings of {tmp_path}; choose ano"),
        Store(tmp_path / name).at_work(make=True),
    ):
        pass
    assert [*tmp_path.rglob("*")] == before


def test_a_command_goes_on_where_one_was_killed_that_had_just_begun(tmp_path):
    (tmp_path / "cells").mkdir()
    (tmp_path / LOCK).touch()
    with Store(tmp_path).at_work(make=True):
        pass
