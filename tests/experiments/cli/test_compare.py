"""`lockstep compare` as a command: what is beside the verdicts, files, errors, the page."""

import json
import shutil

import numpy as np
import pytest

from ..stored_runs import LABELS, correct_but, failed, store_run, training


def test_what_changed_around_the_trainings_comes_first(call, tmp_path):
    newer = {"python": "3.13.1", "threads": 2, "versions": {"numpy": "2.4.6", "keras": "3.10.0"}}
    after = training(environment=newer, source_sha256="beef")
    store_run(tmp_path / "before", training())
    store_run(tmp_path / "after", after)
    answer = call("compare", tmp_path / "before", tmp_path / "after", "--json")
    changes = {each["name"]: each for each in json.loads(answer.out)["environment"]}
    assert set(changes) == {"python", "threads", "keras", "source of churn"}
    assert changes["keras"] == {"name": "keras", "before": "3.15.1", "after": "3.10.0"}
    shown = call("compare", tmp_path / "before", tmp_path / "after").out
    assert 0 < shown.index("3.10.0") < shown.index("churn scratch 0")


@pytest.mark.parametrize(
    ("ratios", "verdict"),
    [
        ([2, 3, 2, 2, 3, 2], "slower"),
        ([0.5] * 6, "faster"),
        ([0.9, 2, 2, 2, 2, 2], "unchanged"),
        ([2] * 5, None),
    ],
)
def test_time_is_judged_by_its_band_and_never_decides(compare, ratios, verdict):
    seeds = range(len(ratios))
    after = [training(seed=seed, seconds={"fit": 2.0 * ratios[seed]}) for seed in seeds]
    code, comparison = compare([training(seed=seed) for seed in seeds], after)
    assert (code, comparison["verdict"]) == (0, "unchanged")
    (times,) = comparison["times"]
    assert (times["verdict"], times["lowest"], times["highest"]) == (
        *(verdict, min(ratios)),
        max(ratios),
    )


def test_time_on_another_processor_is_not_judged(compare):
    elsewhere = {"environment": {"processor": "another"}}
    after = [training(seed=seed, seconds={"fit": 9.0}, **elsewhere) for seed in range(6)]
    _, comparison = compare([training(seed=seed) for seed in range(6)], after)
    assert comparison["times"][0]["verdict"] is None


def test_time_that_others_shared_is_not_judged(compare):
    after = [training(seed=seed, seconds={"fit": 0.1, "together": 6}) for seed in range(6)]
    _, comparison = compare([training(seed=seed) for seed in range(6)], after)
    assert comparison["times"][0]["verdict"] is None


def test_a_results_file_is_a_baseline(call, tmp_path):
    store_run(tmp_path / "before", training())
    store_run(tmp_path / "after", training(correct_but(*range(50))))
    baseline = tmp_path / "baseline.json"
    shutil.copy(tmp_path / "before" / "results.json", baseline)
    by_option = call("compare", tmp_path / "after", "--baseline", baseline, "--json")
    by_place = call("compare", baseline, tmp_path / "after", "--json")
    assert by_option == by_place
    assert by_option.code == 1
    (entry,) = json.loads(by_option.out)["trainings"]
    assert entry["flips"]["n"] is None  # a file alone has no predictions
    # the most that can have been lost and gained by 1000 rows, all right before, is 50 and 0
    assert entry["flips"]["chance"] == 2 / 2**50
    same = call("compare", tmp_path / "before", "--baseline", baseline, "--json")
    assert json.loads(same.out)["verdict"] == "unchanged"


def test_other_predictions_than_a_file_had_are_a_change(call, tmp_path):
    folder = store_run(tmp_path / "before", training(correct_but(3)))
    after = store_run(tmp_path / "after", training(correct_but(4)))
    answer = call("compare", folder / "results.json", after, "--json")
    (entry,) = json.loads(answer.out)["trainings"]
    assert (entry["verdict"], entry["reasons"]) == (
        "changed",
        ["the predictions are not the same"],
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("run", "name two runs, or one run and a --baseline"),
        ("run run --baseline run", "name two runs, or one run and a --baseline"),
        ("run run --html run", "run: cannot be a file there; choose another --html"),
        ("run run --html nowhere/a.html", "nowhere/a.html: cannot be a file there"),
        ("run nowhere", "nowhere: there is no such run"),
        ("run empty", "empty: holds no run"),
        ("run text.json", "text.json: "),
        ("run other.json", "other.json: environment: "),
        ("run newer.json", "newer.json: written by a newer lockstep (schema 99, this one reads 1)"),
        ("run lacks.json", "lacks.json: cells[0].key: "),
    ],
)
def test_what_cannot_be_compared_is_one_sentence(call, monkeypatch, tmp_path, arguments, words):
    monkeypatch.chdir(tmp_path)
    store_run(tmp_path / "run", training())
    (tmp_path / "empty").mkdir()
    for name, content in {
        "text": "thesis",
        "other": '{"schema": 1}',
        "newer": '{"schema": 99}',
        "lacks": '{"schema": 1, "environment": {"versions": {}}, "cells": [{}], "agreement": []}',
    }.items():
        (tmp_path / f"{name}.json").write_text(content)
    answer = call("compare", *arguments.split())
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith("error: ")
    assert words in answer.err
    assert "Traceback" not in answer.err


def test_a_run_is_found_by_the_name_that_lockstep_runs_shows(call, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    store_run(tmp_path / "runs" / "float64-31119d47", training())
    store_run(tmp_path / "after", training())
    answer = call("compare", "float64-31119d47", "after", "--json")
    assert answer.code == 0
    comparison = json.loads(answer.out)
    assert (comparison["before"]["path"], comparison["after"]["path"]) == (
        "runs/float64-31119d47",
        "after",
    )


def test_other_files_of_a_framework_are_listed_where_both_runs_know_them(call, tmp_path):
    for name, digest in {"older": "", "before": "aa", "after": "bb"}.items():
        store_run(tmp_path / name, training(packages_sha256=digest * 32))
    for before, listed in {"before": ["packages of scratch"], "older": []}.items():
        answer = call("compare", tmp_path / before, tmp_path / "after", "--json")
        assert [each["name"] for each in json.loads(answer.out)["environment"]] == listed


def test_the_html_is_one_escaped_file(call, tmp_path):
    nasty = "<script>alert(1)</script>"
    store_run(tmp_path / "before", training(environment={"processor": nasty}))
    store_run(tmp_path / "after", failed())
    page = tmp_path / "comparison.html"
    answer = call("compare", tmp_path / "before", tmp_path / "after", "--html", page)
    assert answer.code == 1
    text = page.read_text()
    assert nasty not in text
    assert "&lt;script&gt;" in text
    assert "churn scratch 0: worse: failed: no room" in text
    for reference in ("http:", "https:", "src=", "<link", "@import"):
        assert reference not in text


def test_the_html_replaces_a_page_and_no_other_file(call, tmp_path):
    run = store_run(tmp_path / "run", training())
    page, results = tmp_path / "page.html", run / "results.json"
    codes = [call("compare", run, run, "--html", page).code for _ in range(2)]
    before = results.read_bytes()
    answer = call("compare", run, run, "--html", results)
    assert (codes, answer.code) == ([0, 0], 2)
    assert "is there already, and is no HTML file" in answer.err
    assert results.read_bytes() == before


@pytest.mark.parametrize("option", ["--html", "--junit"])
def test_no_file_that_a_run_keeps_is_replaced(call, tmp_path, option, monkeypatch):
    run = store_run(tmp_path / "run", training())
    (run / "report.html").write_text("<!doctype html>")
    call("report", run)
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    (run / "trainings.csv").unlink()  # the next report writes it
    monkeypatch.chdir(run)
    for path in (run / "report.html", "report.html", "trainings.csv", "cells/a.html"):
        answer = call("compare", run, run, option, path)
        assert answer.code == 2
        assert f"choose another {option}" in answer.err
    answer = call("baseline", "save", run, "trainings.csv")
    expected = "error: trainings.csv: is kept for a file of the run itself; choose another name\n"
    assert (answer.code, answer.err) == (2, expected)
    (run / "trainings.csv").write_bytes(before[run / "trainings.csv"])
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before
    page = tmp_path / "report.html"  # a folder that is no run's
    assert call("compare", run, run, "--html", page).code == 0


def test_names_that_are_no_utf8_are_spelled_out(call, tmp_path):
    run = store_run(tmp_path / "r\udcff", training())
    page = tmp_path / "p\udcff.html"
    answer = call("compare", run, run, "--html", page, "--json")
    assert answer.code == 0
    assert json.loads(answer.out)["before"]["path"] == str(run)
    assert r"r\udcff" in page.read_text()


def test_a_comparison_fits_80_columns_without_colour(call, tmp_path, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    long = {"experiment": "mnist_perceptron", "implementation": "pytorch"}
    store_run(tmp_path / "before", training(**long))
    store_run(tmp_path / "after", training(correct_but(*range(99)), **long))
    monkeypatch.chdir(tmp_path)
    answer = call("compare", "before", "after")
    assert "\x1b" not in answer.out
    assert max(map(len, answer.out.splitlines())) <= 80
    assert "mnist_perceptron pytorch 0" in answer.out
    assert "-99 +0" in answer.out


def test_labels_are_stored_beside_the_predictions(toys):
    from experiments.harness.records.store import Store

    arrays = Store(toys.folder).load_arrays("xor-float64-seed0-scratch")
    np.testing.assert_array_equal(arrays["labels"], [0, 1, 1, 0])
    assert arrays["labels"].dtype == LABELS.dtype


def test_a_name_that_is_a_run_here_and_in_runs_is_refused(call, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    here = tmp_path / "before"
    for name in ("before", "runs/before", "runs/after"):
        store_run(tmp_path / name, training())
    for command in (("compare", "before", "after"), ("report", "before"), ("runs", "rm", "before")):
        answer = call(*command)
        said = f"error: before: is a run here and in runs; write {here} or runs/before\n"
        assert (answer.code, answer.err) == (2, said)
    assert call("compare", here, "runs/before").code == 0
    assert call("compare", "runs/before", "after").code == 0
