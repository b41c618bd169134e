"""float32 from end to end: a clean pair agrees, and what people get wrong differs.

The faults are planted in PyTorch, on churn: three epochs of 95 rows in batches of ten.
"""

import json

import pytest

import frameworks.pytorch.hooks
from experiments.harness.records.agreement import compare_all
from experiments.registry import find_experiment
from frameworks.agreement.variants import KERAS_SIGMOID, judges, nudges, variants

from ..planting import changed, narrow_floor, train

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("without_report")]

CHURN, XOR = find_experiment("churn"), find_experiment("xor")
OPTIONS = {"dtype": "float32", "epochs": 3, "limit": 95}


@pytest.fixture(scope="module")
def scratch():
    return train(CHURN, "scratch", **OPTIONS)


@pytest.fixture(scope="module")
def floor():
    return [train(CHURN, "scratch", mode, **OPTIONS) for mode in nudges(5)]


def verdict(scratch, floor, other):
    (entry,) = compare_all([scratch, other], floor)
    return entry.verdict, entry.reason


@pytest.mark.parametrize("implementation", ["keras", "pytorch"])
def test_a_clean_pair_agrees_in_float32(scratch, floor, implementation):
    assert verdict(scratch, floor, train(CHURN, implementation, **OPTIONS)) == ("agree", "")


def test_epsilon_outside_the_correction_differs_in_float32(monkeypatch, scratch, floor):
    monkeypatch.setattr(frameworks.pytorch.hooks, "use_epsilon_hat", lambda optimizer: optimizer)
    assert verdict(scratch, floor, train(CHURN, "pytorch", **OPTIONS))[0] == "differ"


@pytest.mark.parametrize(
    ("setting", "value"),
    [("lr", 1.0001e-3), ("betas", (0.9, 0.9995)), ("weight_decay", 1e-6), ("amsgrad", True)],
)
def test_another_setting_of_adam_differs_in_float32(scratch, floor, setting, value):
    def change(parts):
        parts.optimizer.param_groups[0][setting] = value

    planted = changed(CHURN, "pytorch", change)
    assert verdict(scratch, floor, train(planted, "pytorch", **OPTIONS))[0] == "differ"


def test_the_less_exact_sigmoid_of_tensorflow_is_named_as_the_cause(monkeypatch):
    monkeypatch.setattr("experiments.harness.records.agreement.measure_floor", narrow_floor)
    options = {"dtype": "float32", "seed": 12, "epochs": 500}
    cells = [train(XOR, name, **options) for name in ("scratch", "keras")]
    beside = [train(XOR, "scratch", mode, **options) for mode in [*nudges(5), KERAS_SIGMOID]]
    (entry,) = compare_all(cells, beside)
    assert entry.verdict == "differ"
    assert entry.reason.endswith("TensorFlow's sigmoid: scratch with it agrees with keras")


def test_the_control_is_trained_where_keras_and_a_sigmoid_are():
    xor, churn = XOR.blueprint, CHURN.blueprint
    assert variants(xor, ["scratch", "keras"], 2) == [*judges(2), KERAS_SIGMOID]
    assert variants(xor, ["scratch", "pytorch"], 2) == judges(2)
    assert variants(churn, ["scratch", "keras"], 2) == judges(2)
    assert variants(xor, ["scratch", "keras"], 0) == []


def test_the_command_judges_float32_by_a_floor_alone_and_repeats_no_training(call, tmp_path):
    command = ("run", "xor", "--dtype", "float32", "--epochs", "50", "--with", "scratch,pytorch")
    command += ("--out", tmp_path / "run")
    answer = call(*command, "--floor", "0")
    assert (answer.code, "1 pair measured, not judged" in answer.out) == (0, True)
    command += ("--floor", "5")
    answer = call(*command)
    assert answer.code == 0, answer.out + answer.err
    assert "2 of 2 trainings are in" in answer.out
    assert "2 of 2 trainings finished; 1 of 1 pair agrees." in answer.out
    assert any(line.startswith("noise floor") for line in answer.out.splitlines())
    found = json.loads((tmp_path / "run" / "results.json").read_text())
    assert [cell["implementation"] for cell in found["cells"]] == ["scratch", "pytorch"]
    (entry,) = found["agreement"]
    assert (entry["verdict"], entry["tolerance"]) == ("agree", entry["noise_floor"]["loss"])
    assert entry["noise_floor"]["trainings"] == 5
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "run" / "cells").iterdir()}
    assert "2 of 2 trainings are in" in call(*command).out
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_an_implementation_that_is_added_is_judged_with_those_that_are_there(call, tmp_path):
    """As one asked for at the same time: no pair is left without a floor."""
    options = ("--dtype", "float32", "--epochs", "50", "--out", tmp_path / "run")
    assert call("run", "xor", "--with", "scratch", "--seeds", "2", *options).code == 0
    answer = call("run", "xor", "--with", "pytorch", "--seeds", "3", *options)
    assert (answer.code, "2 of 2 pairs agree" in answer.out) == (0, True), answer.out
    assert not [*(tmp_path / "run" / "cells").glob("*seed2-scratch*")]


def test_a_pair_beyond_the_floor_turns_the_command_red(call, append_to_page, tmp_path):
    fault = """
from dataclasses import replace


def build_pytorch(spec=SPEC, good=build_pytorch):
    return good(replace(spec, learning_rate=0.99951171875))
"""
    append_to_page("xor", fault)
    options = ("--epochs", "50", "--with", "scratch,pytorch", "--out", tmp_path / "run")
    answer = call("run", "xor", "--dtype", "float32", *options)
    assert answer.code == 1
    assert "✗ xor, scratch and pytorch, seed 0: epoch " in answer.out
    (entry,) = json.loads((tmp_path / "run" / "results.json").read_text())["agreement"]
    assert entry["noise_floor"]["trainings"] == 15  # of which the last ten judged it again
    assert call("run", "xor", "--dtype", "float32", *options).code == 1
    assert len([*(tmp_path / "run" / "cells").glob("*nudged-*.json")]) == 16


def test_a_gan_of_few_rows_agrees(call, tmp_path):
    """Its floor is that of few roundings; Keras computes what is in its loss less exactly."""
    options = ("--limit", "100", "--epochs", "20", "--with", "scratch,keras")
    answer = call("run", "gan", "--dtype", "float32", *options, "--out", tmp_path / "run")
    assert answer.code == 0, answer.out
    assert "1 of 1 pair agrees" in answer.out


def test_a_floor_of_one_training_is_refused(call, tmp_path):
    answer = call("run", "xor", "--dtype", "float32", "--floor", "1", "--out", tmp_path / "run")
    assert answer.code == 2
    assert answer.err.startswith("error: --floor must be 0, or at least 2")
