"""`lockstep bench`, as it is called."""

import json

import pytest

from experiments.harness.bench import run
from experiments.harness.bench.measure import default_steps
from experiments.harness.bench.variants import choose_variants

SHORT = ("--data", "stand-in", "--steps", "20")


def test_bench_gives_all_figures_as_json(call):
    answer = call("bench", "churn", *SHORT, *"--rounds 2 --with scratch,sklearn --json".split())
    assert (answer.code, answer.err) == (0, "")
    report = json.loads(answer.out)
    assert set(report) == {"schema", "environment", "dtype", "rounds", "experiments"}
    assert (report["schema"], report["dtype"], report["rounds"]) == (1, "float64", 2)
    assert report["environment"]["threads"] == 1
    assert {"numpy", "torch", "scikit-learn"} <= set(report["environment"]["versions"])
    assert report["environment"]["processor"]
    churn = report["experiments"]["churn"]
    assert set(churn) == {
        *("data", "flops", "limit_gflops", "headline", "variants", "unavailable", "timings")
    }
    assert set(churn["flops"]) == {"forward", "backward", "optimizer", "step"}
    assert churn["limit_gflops"] > 0
    assert list(churn["variants"]) == ["scratch", "sklearn"]
    for row in churn["variants"].values():
        assert set(row) == {
            *("name", "family", "us_per_step", "ratio", "gflops", "share", "start", "overhead")
        }
        assert row["us_per_step"] > 0
        assert row["ratio"]["min"] <= row["ratio"]["median"] <= row["ratio"]["max"]
    assert all(len(rounds) == 2 for rounds in churn["timings"].values())  # the first is apart


def test_bench_shows_paired_ratios_within_80_columns(call):
    arguments = ("bench", "perceptron", *SHORT, "--rounds", "1", "--with", "scratch,sklearn,python")
    answer = call(*arguments)
    assert answer.code == 0
    row = next(line for line in answer.out.splitlines() if line.startswith("scratch"))
    assert "1.00 (1.00 .. 1.00)" in row
    assert "as fast as pure Python." in answer.out
    assert "Without sklearn: scikit-learn has the cross-entropy" in answer.out
    assert max(map(len, answer.out.splitlines())) <= 80


def test_bench_that_cannot_be_done_is_refused_with_the_reason(call, append_to_page):
    code = "built = []\ndef build_python(spec: Spec = SPEC):\n    raise OSError('full')"
    append_to_page("perceptron", code)
    answer = call("bench", "perceptron", *SHORT, "--rounds", "1", "--with", "python")
    assert answer.code == 2
    assert answer.err == "error: perceptron, python: OSError: full\n"


def test_bench_refuses_two_forms_at_once(call):
    answer = call("bench", "circle", "--json", "--markdown")
    assert answer.code == 2
    assert "choose one" in answer.err


def test_what_was_finished_is_printed_when_bench_is_stopped(call, monkeypatch):
    measure, calls = run.measure, []

    def stopped(*arguments):
        calls.append(arguments)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return measure(*arguments)

    monkeypatch.setattr(run, "measure", stopped)
    options = "--rounds 1 --with scratch --json".split()
    answer = call("bench", "perceptron", "circle", *SHORT, *options)
    assert answer.code == 130
    assert list(json.loads(answer.out)["experiments"]) == ["perceptron"]


def test_variants_keep_their_order_and_python_has_to_be_asked_for():
    assert [v.name for v in choose_variants(["sklearn", "scratch"])] == ["scratch", "sklearn"]
    assert [v.name for v in choose_variants([])][-2:] == ["pytorch-compile", "sklearn"]


@pytest.mark.parametrize(("experiment", "steps"), [("churn", 1_000), ("circle", 1_000)])
def test_small_steps_are_timed_a_thousand_times(experiment, steps):
    assert default_steps(experiment) == steps


def test_long_steps_are_timed_fewer_times():
    assert 40 <= default_steps("mnist_cnn") < default_steps("mnist") < 1_000
