"""What the command does with verdicts: chaotic trainings, faults, and reading arrays no more often.

The circle with tanh in the place of its hidden sigmoid is chaotic: from about epoch 300 on,
rounding alone drives its float64 trainings apart by more than the fixed limits allow.
"""

import json
import re
from collections import Counter
from pathlib import Path

import pytest

from experiments.registry import find_experiment

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("without_report")]

OPTIONS = ("--with", "scratch,pytorch", "--epochs", "600")
QUICK = ("--with", "scratch,python", "--epochs", "30")
FAULT = """
from dataclasses import replace


def build_python(spec=SPEC, good=build_python):
    return good(replace(spec, learning_rate=0.99951171875))
"""


@pytest.fixture
def tanh_circle(tmp_path) -> Path:
    page = find_experiment("circle").source.read_text()
    for layer, tanh in (("Sigmoid()", "Tanh()"), ("nn.Sigmoid()", "nn.Tanh()")):
        inner = f"hidden),\n        {layer}"
        assert inner in page
        page = page.replace(inner, inner.replace(layer, tanh))
    path = tmp_path / "tanh_circle.py"
    path.write_text(page.replace("Sequential, Sigmoid", "Sequential, Sigmoid, Tanh"))
    return path


@pytest.fixture
def entry(tmp_path):
    """Return a function that reads the one entry of agreement."""

    def read():
        (entry,) = json.loads((tmp_path / "run" / "results.json").read_text())["agreement"]
        return entry

    return read


def test_a_chaotic_training_is_judged_by_its_noise_floor(call, entry, tanh_circle, tmp_path):
    """Without one it differs at the fixed limit; the same folder then needs no other training."""
    answer = call("run", tanh_circle, *OPTIONS, "--floor", "0", "--out", tmp_path / "run")
    assert (answer.code, entry()["verdict"], entry()["noise_floor"]) == (1, "differ", None)
    answer = call("run", tanh_circle, *OPTIONS, "--out", tmp_path / "run")
    assert answer.code == 0, answer.out + answer.err
    found = entry()
    assert 1e-12 < found["max_rel_loss"] <= found["noise_floor"]["loss"]
    assert (found["verdict"], found["noise_floor"]["trainings"]) == ("agree", 5)
    reason = (
        "scratch - pytorch, seed 0: the training amplifies rounding: its losses differ by up to"
    )
    assert reason in " ".join(answer.out.split())
    assert "1 of 1 pair agrees" in answer.out
    files = {path.name: path.read_bytes() for path in (tmp_path / "run" / "cells").iterdir()}
    assert call("run", tanh_circle, *OPTIONS, "--out", tmp_path / "run").code == 0
    again = {path.name: path.read_bytes() for path in (tmp_path / "run" / "cells").iterdir()}
    assert again == files  # what it was judged by is kept, too


def test_a_fault_in_chaos_is_judged_again_by_more_trainings(call, entry, tanh_circle, tmp_path):
    page, mark, end = tanh_circle.read_text().rpartition("EXPERIMENT = ")
    tanh_circle.write_text(f"{page}{FAULT.replace('python', 'pytorch')}\n\n{mark}{end}")
    answer = call("run", tanh_circle, *OPTIONS, "--floor", "2", "--out", tmp_path / "run")
    assert (answer.code, entry()["verdict"]) == (1, "differ")
    assert entry()["noise_floor"]["trainings"] == 6
    assert "missing" not in call("report", tmp_path / "run").out
    for path in (tmp_path / "run" / "cells").glob("*nudged-5.*"):
        path.unlink()  # as where the command was killed
    shown = call("report", tmp_path / "run")
    assert (shown.code, "1 training is missing" in shown.out) == (1, True)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_what_a_page_draws_without_a_seed_is_not_taken_for_rounding(
    call, entry, append_to_page, tmp_path, dtype
):
    drawn = """
from dataclasses import replace


def build_scratch(spec=SPEC, good=build_scratch):
    rate = spec.learning_rate * (1 - np.float32(np.random.default_rng().uniform(0, 0.125)))
    return good(replace(spec, learning_rate=float(rate)))
"""
    append_to_page("perceptron", drawn)
    options = ("--with", "scratch,pytorch", "--epochs", "30", "--dtype", dtype)
    answer = call("run", "perceptron", *options, "--out", tmp_path / "run")
    assert (answer.code, entry()["verdict"]) == (1, "differ")
    assert "scratch, trained twice in the same way, came to different numbers" in entry()["reason"]
    assert call("report", tmp_path / "run").code == 1


def test_a_fault_in_a_training_that_is_not_chaotic_still_differs(
    call, entry, append_to_page, tmp_path
):
    append_to_page("perceptron", FAULT)
    answer = call("run", "perceptron", *QUICK, "--out", tmp_path / "run")
    assert answer.code == 1
    assert (entry()["verdict"], entry()["noise_floor"]["trainings"]) == ("differ", 6)
    assert entry()["reason"].startswith("epoch 2: the loss differs by ")
    assert "✗ perceptron, scratch and python, seed 0: epoch 2: the loss differs by" in answer.out


@pytest.fixture
def constant(call, tmp_path) -> Path:
    """Return a page whose units begin equal."""
    page = tmp_path / "constant.py"
    assert call("new", page).code == 0
    text = re.sub(r"glorot_uniform\(rng, (\(.*\))\)", r"np.full(\1, 0.1)", page.read_text())
    page.write_text(text.replace("import glorot_uniform, zeros", "import zeros"))
    return page


EQUAL = ("--with", "scratch,pytorch", "--set", "hidden=13", "--epochs", "150")


def test_units_that_begin_equal_are_parted_by_rounding_alone(call, entry, constant, tmp_path):
    """A matrix product of 13 columns rounds the last ones otherwise, in each library."""
    answer = call("run", constant, *EQUAL, "--out", tmp_path / "run")
    found = entry()
    assert found["max_rel_loss"] > 1e-12
    assert (found["verdict"], found["noise_floor"]["ties"]) == ("agree", True)
    assert "rounding parts units that begin equal" in found["reason"]
    assert answer.code == 0, answer.out + answer.err


def test_a_fault_beside_units_that_begin_equal_differs(call, entry, constant, tmp_path):
    """It shows in the first epochs, long before rounding parts the units."""
    text = constant.read_text()
    assert "use_epsilon_hat(optimizer)" in text
    constant.write_text(text.replace("use_epsilon_hat(optimizer)", "optimizer"))
    call("run", constant, *EQUAL, "--out", tmp_path / "run")
    assert entry()["verdict"] == "differ"
    assert re.match(r"epoch [1-9]: the loss differs by", entry()["reason"])


GRID = """
def load(policy="auto", data_dir=None, whole=load):
    axis = np.arange(9) * 0.1
    X = np.stack(np.meshgrid(axis, axis, indexing="ij"), -1).reshape(-1, 2)
    y = (X[:, 0] > X[:, 1]).astype(np.int64)
    X -= X.mean(axis=0)
    return replace(whole(), X_train=X, y_train=y, X_test=X.copy(), y_test=y.copy())


def initial_weights(spec, rng):
    return [np.zeros((2, 1))]


def build_scratch(spec=SPEC):
    from scratch import SGD, BinaryCrossEntropy, Dense, Sequential

    network = Sequential(Dense(2, 1, bias=False))
    return Parts(network, BinaryCrossEntropy(), SGD(0.5), initial_weights)


def build_pytorch(spec=SPEC):
    import torch

    network = torch.nn.Linear(2, 1, bias=False)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.5)
    return Parts(network, torch.nn.BCEWithLogitsLoss(), optimizer, initial_weights)
"""


@pytest.mark.parametrize("threshold", [0.0, 1.0])
def test_rows_on_the_boundary_are_right_by_rounding_alone(
    call, entry, append_to_page, tmp_path, threshold
):
    """The diagonal of a grid, by the question which coordinate is larger; others are no excuse."""
    wrong = f"loss.threshold = {threshold}"
    fault = "\n".join(
        [
            "def build_scratch(spec=SPEC, good=build_scratch):",
            "    parts = good(spec)",
            f"    parts.{wrong}",
            "    return parts",
        ]
    )
    append_to_page("circle", f"from dataclasses import replace\n{GRID}\n\n{fault}\n")
    options = ("--with", "scratch,pytorch", "--epochs", "30")
    call("run", "circle", *options, "--out", tmp_path / "run")
    found = entry()
    assert found["max_rel_loss"] < 1e-12
    if threshold:
        assert found["verdict"] == "differ"
        assert "the training accuracy differs" in found["reason"]
    else:
        assert found["verdict"] == "agree"
        assert found["reason"].startswith("rows lie on a boundary between two answers: accuracies")


def test_where_all_agree_nothing_is_nudged(call, tmp_path):
    call("run", "circle", "--with", "scratch,python", "--epochs", "5", "--out", tmp_path / "run")
    keys = {path.stem for path in (tmp_path / "run" / "cells").glob("*.json")}
    assert keys == {"circle-float64-seed0-scratch", "circle-float64-seed0-python"}


def test_a_judge_that_fails_is_not_trained_forever(call, entry, append_to_page, tmp_path):
    broken = "\n\nimport frameworks.agreement.variants\n\n\ndef _broken(build, seed, **options):\n"
    broken += "    raise OSError('no room')\n\n\nframeworks.agreement.variants.nudged = _broken\n"
    append_to_page("perceptron", FAULT + broken)
    assert call("run", "perceptron", *QUICK, "--out", tmp_path / "run").code == 1
    assert (entry()["verdict"], entry()["noise_floor"]) == ("differ", None)


def test_no_array_file_is_read_more_than_twice(call, monkeypatch, tmp_path):
    """Once to compare it, once to draw it."""
    command = ("run", "perceptron", "circle", "--with", "scratch,python", "--epochs", "5")
    counts, read = Counter(), Path.read_bytes

    def counted(path):
        counts[path.name] += path.suffix == ".safetensors"
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", counted)
    for _ in range(2):  # trained, and kept
        counts.clear()
        assert call(*command, "--seeds", "2", "--out", tmp_path / "run").code == 0
        read_files = {name: count for name, count in counts.items() if count}
        assert len(read_files) == 8
        assert max(read_files.values()) <= 2, read_files
