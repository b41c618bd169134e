"""A page may leave the widths of its inputs and outputs to the data."""

import json

import pytest

from experiments.harness.experiment import widths
from experiments.registry import EXPERIMENTS, find_experiment

from .test_adding_a_page import page_of

pytestmark = pytest.mark.slow


@pytest.fixture
def page(tmp_path):
    path = tmp_path / "bare.py"
    text = page_of("bare").replace("    inputs: int = 3\n", "")
    path.write_text(text.replace("    outputs: int = 1\n", ""))
    assert find_experiment(str(path)).spec.inputs == 1
    return path


@pytest.mark.parametrize("name", sorted(set(EXPERIMENTS) - {"mnist_cnn", "mnist_perceptron"}))
def test_our_own_pages_say_what_the_data_say(name):
    experiment = find_experiment(name)
    rows = experiment.begun_on(experiment.load_data("stand-in", None))
    assert experiment.spec_for(rows) == experiment.spec


@pytest.mark.parametrize(
    "options",
    [
        ("--with", "scratch,pytorch"),
        ("--with", "scratch,pytorch", "--native"),
        ("--with", "scratch", "--dtype", "float32", "--floor", "2"),
    ],
)
def test_what_a_page_leaves_out_is_taken_from_the_data(call, page, tmp_path, options):
    command = ("run", page, "--epochs", "2", *options)
    answer = call(*command, "--out", tmp_path / "run")
    assert answer.code == 0, answer.out + answer.err
    assert "bare  3-4-1, 2 epochs" in answer.out
    for cell in json.loads((tmp_path / "run" / "results.json").read_text())["cells"]:
        assert (cell["spec"]["inputs"], cell["spec"]["outputs"]) == (3, 1)
    assert "input 3, then Dense + Sigmoid 4" in (tmp_path / "run" / "report.html").read_text()


def test_diverge_takes_it_from_the_data_too(call, page):
    answer = call("diverge", page, "--between", "scratch,pytorch", "--epochs", "2", "--json")
    assert answer.code == 0, answer.err


def test_widths_are_of_whatever_nesting():
    experiment = find_experiment("xor")
    assert widths(experiment.spec) == "3-4-1"
