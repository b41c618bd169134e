"""Baselines: the figures of a run in a small file, and a later run held against it."""

import json
import os
from pathlib import Path

import pytest

from experiments.harness.compare.baseline import read_baseline
from experiments.harness.records.store import Store
from frameworks.errors import RequestError

from ..stored_runs import correct_but, store_run, training

KERAS = {"implementation": "keras"}
LOSSES = [1 / (epoch + 1) for epoch in range(100)]
LONG = {
    "epochs": 100,
    "spec": {"epochs": 100},
    "history": {"loss": LOSSES, "accuracy": [0.5] * 100},
}


WORSE = training(correct_but(1), **LONG, **KERAS)


@pytest.fixture
def baseline(call, tmp_path) -> Path:
    store_run(tmp_path / "before", training(**LONG), training(**LONG, **KERAS))
    assert call("baseline", "save", tmp_path / "before").code == 0
    return tmp_path / "baseline.json"


def test_no_part_of_a_run_is_stored_while_it_is_trained(call, baseline):
    Store(Path("before")).create(["churn-float64-seed7-scratch"])
    before = baseline.read_bytes()
    with Store(Path("before")).at_work():
        answer = call("baseline", "save", "before")
    assert (answer.code, baseline.read_bytes()) == (2, before)
    assert "before: another command is at work there; wait until it ends" in answer.err
    assert "bytes; 1 is missing\n" in call("baseline", "save", "before").out


def test_a_run_that_cannot_be_written_to_has_a_baseline(call, baseline, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK)  # root may write anywhere
    monkeypatch.setattr(Store, "at_work", None)
    assert call("baseline", "save", "before").code == 0


@pytest.fixture
def against(call, baseline, tmp_path):
    """Return a function that holds a run of these trainings against the baseline."""

    def compare(*trainings):
        after = store_run(tmp_path / "after", *trainings)
        answer = call("compare", baseline, after, "--json")
        return answer.code, json.loads(answer.out)

    return compare


def changed_at(epoch):
    losses = [*LOSSES[: epoch - 1], *(2 * loss for loss in LOSSES[epoch - 1 :])]
    return {**LONG, "history": {"loss": losses, "accuracy": [0.5] * 100}}


def test_the_run_itself_is_unchanged(against):
    code, found = against(training(**LONG), training(**LONG, **KERAS))
    assert (code, found["verdict"], len(found["trainings"])) == (0, "unchanged", 2)
    assert found["times"] == []
    assert found["trainings"][0]["seconds"] is None


def test_a_loss_that_differs_from_some_epoch_on_is_found_at_the_next_that_is_kept(against):
    _, found = against(training(**changed_at(30)), training(**LONG, **KERAS))
    (first, _) = found["trainings"]
    assert (first["verdict"], first["worst_epoch"]["epoch"]) == ("changed", 50)
    assert first["worst_epoch"]["error"] == pytest.approx(0.5)  # 2x and x: half of the larger


def test_a_pair_that_no_longer_agrees_is_worse(against):
    code, found = against(training(**LONG), WORSE)
    assert (code, found["verdict"]) == (1, "worse")
    assert found["pairs"][0]["verdict"] == "worse"


def test_an_accuracy_that_falls_beyond_chance_is_worse(against):
    worse = training(correct_but(*range(100)), **LONG, **KERAS)
    _, found = against(training(**LONG), worse)
    assert found["trainings"][1]["verdict"] == "worse"
    assert "test accuracy fell from 1.0000 to 0.9000" in found["trainings"][1]["reasons"][0]


def test_it_is_small_and_has_a_line_for_each_field(baseline):
    text = baseline.read_text()
    assert len(text) < 5_000
    assert json.loads(text)["trainings"][0]["kept"] == [1, 2, 5, 10, 20, 50, 100]
    assert '\n  "seed": 0,\n' in text


def test_the_newest_run_is_held_against_it(call, baseline):
    refused = call("compare", baseline)
    assert (refused.code, "there is no run in runs" in refused.err) == (2, True)
    store_run(Path("runs/newest"), training(**LONG), training(**LONG, **KERAS))
    answer = call("compare", baseline)
    assert answer.code == 0
    assert "after   runs/newest, 2 trainings" in answer.out


@pytest.mark.parametrize("style", [{"separators": (",", ":")}, {"sort_keys": True, "indent": 2}])
def test_a_baseline_that_a_formatter_has_rewritten_is_one_still(call, baseline, style):
    baseline.write_text(json.dumps(json.loads(baseline.read_text()), **style))
    assert call("compare", baseline, "before").code == 0
    assert call("baseline", "save", "before").code == 0


def test_results_of_a_spec_that_speaks_of_baselines_are_results(call, tmp_path):
    spec = {"spec": {"kind": "baseline"}}
    run = store_run(tmp_path / "run", training(**spec), training(**spec, **KERAS))
    assert call("compare", run / "results.json", run).code == 0
    assert "is no baseline" in call("baseline", "save", run, run / "results.json").err


def test_trainings_of_several_runs_are_no_baseline(call, baseline):
    store_run(Path("mixed"), training(**LONG), training(**LONG, source_sha256="0" * 64, seed=1))
    kept = baseline.read_bytes()
    answer = call("baseline", "save", "mixed")
    assert (answer.code, baseline.read_bytes()) == (2, kept)
    assert "mixed: churn, scratch, seed" in answer.err
    assert "with other source code: a folder holds the trainings of one run" in answer.err


def test_only_a_baseline_is_written_over(call, baseline):
    assert call("baseline", "save", "before").code == 0
    Path("notes.json").write_text("{}")
    answer = call("baseline", "save", "before", "notes.json")
    assert (answer.code, "is no baseline; choose another name" in answer.err) == (2, True)
    assert Path("notes.json").read_text() == "{}"
    assert call("baseline", "save", "before", "nowhere/b.json").code == 2


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"kept": [1, 2, 5, 10, 20, 50, 100]', '"kept": [1]'),
        ('"kept": [1, 2, 5, 10, 20, 50, 100]', '"kept": [1, 2, 5, 10, 20, 50, 60]'),
        ('"kept": [1, 2, 5, 10, 20, 50, 100]', '"kept": [1, 5, 2, 10, 20, 50, 100]'),
        ('"dtype": "float64"', '"dtype": "float16"'),
        ('"trainings": [', '"training": ['),
        ("}", ""),
    ],
)
def test_a_damaged_baseline_is_refused(baseline, old, new):
    baseline.write_text(baseline.read_text().replace(old, new, 1))
    with pytest.raises(RequestError, match="baseline.*; write it again from its run$") as refused:
        read_baseline(baseline)
    assert "validation error" not in str(refused.value)  # nor anything else of pydantic's


def without_its_pair(found):
    found.pop()


def with_its_pair_twice(found):
    found.append(found[0])


def with_a_pair_of_others(found):
    found.append(found[0] | {"pair": ["scratch", "pytorch"]})


def with_its_pair_the_other_way_round(found):
    found[0]["pair"].reverse()


@pytest.mark.parametrize("name", ["results.json", "baseline.json"])
@pytest.mark.parametrize(
    ("alter", "says"),
    [
        (without_its_pair, "it lacks churn keras and scratch 0"),
        (with_its_pair_twice, "it holds more than once churn keras and scratch 0"),
        (with_a_pair_of_others, "holds, without both trainings, churn pytorch and scratch 0"),
        (with_its_pair_the_other_way_round, ""),
    ],
)
def test_the_pairs_of_a_file_are_those_of_its_trainings(call, baseline, name, alter, says):
    path = baseline if name == "baseline.json" else baseline.parent / "before" / name
    stored = json.loads(path.read_text())
    alter(stored["pairs" if path == baseline else "agreement"])
    path.write_text(json.dumps(stored))
    answer = call("compare", path, store_run(Path("after"), training(**LONG), WORSE))
    assert (answer.code, says in answer.err) == (2 if says else 1, True)


def test_a_training_that_a_file_holds_twice_is_refused(call, baseline):
    path = baseline.parent / "before/results.json"
    stored = json.loads(path.read_text())
    path.write_text(json.dumps(stored | {"cells": [*stored["cells"], stored["cells"][0]]}))
    answer = call("compare", path, "before")
    assert (answer.code, "it holds churn scratch 0 twice" in answer.err) == (2, True)


def of_two_phases(later, generator=(3.0, 2.0, 1.0)):
    """Return a training of two phases of three epochs, the losses of the second given."""
    phase = {"epochs": 3, "n_train": 100, "test": {"loss": 0.5, "n": 1000}}
    history = {"loss": [0.75, 0.5, 0.25, *later], "accuracy": [0.5] * 6}
    return training(
        phases=[{"name": name, **phase} for name in ("one", "two")],
        history=history | {"generator_loss": [3.0, 2.0, 1.0, *generator]},
    )


@pytest.mark.parametrize("kept", ["results", "baseline"])
@pytest.mark.parametrize(
    ("after", "verdict", "says"),
    [
        (of_two_phases([0.9, 0.8, 0.7]), "unchanged", ""),
        (of_two_phases([0.9, 0.4, 0.7]), "changed", "epoch 5: the loss differs by 5.0e-01"),
        (of_two_phases([0.9, None, 0.7]), "worse", "a loss is not finite"),
        (of_two_phases([0.9, 0.8, 0.7], [3.0, 2.0, 2.0]), "changed", "epoch 6: the generator loss"),
    ],
    ids=["equal", "changed", "not finite", "another value"],
)
def test_every_phase_and_value_is_held_against_it(call, tmp_path, kept, after, verdict, says):
    store_run(tmp_path / "before", of_two_phases([0.9, 0.8, 0.7]))
    call("baseline", "save", tmp_path / "before")
    before = tmp_path / {"results": "before/results.json", "baseline": "baseline.json"}[kept]
    answer = call("compare", before, store_run(tmp_path / "after", after), "--json")
    (found,) = json.loads(answer.out)["trainings"]
    assert (found["verdict"], says in "".join(found["reasons"])) == (verdict, True)
