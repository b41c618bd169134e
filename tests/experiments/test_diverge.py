"""`lockstep diverge`: levels, findings, exit codes, a user's page; faults: tests/faults."""

import json
from pathlib import Path

import numpy as np
import pytest

from frameworks.diverge import LEVELS, Side, walk
from frameworks.diverge.differences import difference, not_identical
from frameworks.diverge.layers import align, unmatched, weight_names
from frameworks.diverge.side import First
from experiments.registry import page
from frameworks.probe import LayerOutput, computing

SHORT = ("--data", "stand-in", "--epochs", "2", "--limit", "95")


def quiet(what, done, total):
    pass


def sides(name, between, **options):
    found = page(name)
    data = found.load("stand-in", None)
    return [Side(found, each, data, **options) for each in between.split(",")]


@pytest.fixture
def own_page(tmp_path):
    """Return a function that writes a page of the user's own: churn, with a replacement in it."""

    def write(old="", new="", name="mine.py"):
        text = Path(page("churn").__file__).read_text()
        assert old in text
        path = tmp_path / name
        path.write_text(text.replace(old, new) if old else text)
        return path

    return write


# --- the command ---


def test_equal_implementations_reach_every_level_and_exit_0(call):
    answer = call("diverge", "churn", "--between", "scratch,pytorch", *SHORT)
    assert answer.code == 0
    assert answer.out.count("✓") == len(LEVELS)
    assert "scratch and pytorch do not part." in answer.out
    assert max(map(len, answer.out.splitlines())) <= 80


def test_own_page_without_epsilon_hat_parts_at_the_step_for_its_reason(call, own_page):
    path = own_page("    use_epsilon_hat(optimizer)", "    pass")
    answer = call("diverge", path, "--between", "scratch,pytorch", *SHORT)
    assert answer.code == 1
    assert "✗ They part at the level step: weights.0 (kernel of layer 1, dense)" in answer.out
    assert "Adam with ε after the bias correction" in " ".join(answer.out.split())
    assert "mine  scratch - pytorch" in answer.out


def test_json_holds_levels_and_findings(call, own_page):
    path = own_page("nn.BCEWithLogitsLoss()", "nn.BCEWithLogitsLoss(reduction='sum')")
    answer = call("diverge", path, "--json", *SHORT)
    found = json.loads(answer.out)
    assert (answer.code, found["verdict"]) == (1, "part")
    assert [level["verdict"] for level in found["levels"]] == ["same", "same", "parted"]
    (finding,) = found["findings"]
    assert finding["level"] == "loss"
    assert "10 times as large" in finding["cause"]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("import nothing_by_this_name", "ModuleNotFoundError: No module named"),
        ("x = 1\nraise ValueError('no')", "ValueError: no (line 2)"),
        ("def f(:", "SyntaxError"),
        ("x = 1", "has no SPEC; write SPEC = Spec(...), from frameworks"),
        ("from frameworks import Spec\nSPEC = Spec()", "has no load(policy, data_dir)"),
    ],
)
def test_page_that_is_none_is_refused_in_one_sentence(call, tmp_path, text, error):
    (tmp_path / "bad.py").write_text(text)
    answer = call("diverge", tmp_path / "bad.py", "--between", "scratch,pytorch")
    assert answer.code == 2
    assert error in answer.err
    assert len(answer.err.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("nowhere.py",), "nowhere.py: no such file"),
        (("chrun",), "did you mean 'churn'?"),
        (("churn", "--between", "scratch"), "--between takes two names"),
        (("churn", "--between", "scratch,torch"), "unknown implementation 'torch'"),
        (("churn", "--between", "scratch,python"), "churn has no build_python(spec=SPEC)"),
        (("circle", "--between", "scratch,python", "--dtype", "float32"), "float64 only"),
    ],
)
def test_request_that_cannot_be_carried_out_exits_2(call, arguments, error):
    answer = call("diverge", *arguments)
    assert answer.code == 2
    assert error in answer.err


def test_builders_with_different_weights_part_at_the_inputs(call, own_page):
    path = own_page(
        "nn.Linear(second, spec.outputs)", "nn.Linear(second, spec.outputs, bias=False)"
    )
    answer = call("diverge", path, "--between", "scratch,pytorch", *SHORT)
    assert answer.code == 2  # the page's weights do not fit one of its networks
    assert "build_pytorch of" in answer.err
    assert "expected 5 arrays, got 6" in answer.err


# --- the walk ---


def test_steps_end_the_training_where_they_are_told_to():
    found = walk(*sides("churn", "scratch,pytorch", epochs=1, limit=95), 3, False, quiet)
    trajectory = next(level for level in found.levels if level.name == "trajectory")
    assert (trajectory.verdict, trajectory.compared) == ("same", 1)


def test_float32_finds_an_epsilon_above_its_rounding(own_page):
    from experiments.harness.user_pages import find_page

    path = own_page("    use_epsilon_hat(optimizer)", "    pass")
    found = find_page(str(path), ("scratch", "pytorch"), "float32")
    data = found.load("stand-in", None)
    a, b = (Side(found, name, data, "float32", limit=95) for name in ("scratch", "pytorch"))
    assert walk(a, b, 5, False, quiet).findings[0].level == "step"


def test_single_steps_show_a_later_fault_behind_an_earlier_one(monkeypatch):
    from frameworks.pytorch.adapter import PyTorchAdapter

    def changed(self, data, orders, batch_size):
        for result in train(self, data, orders, batch_size):
            count.append(1)
            if len(count) in (4, 6):  # after two that are the first step's and its levels'
                self.weights[0].data.add_(1e-6)
            yield result

    count, train = [], PyTorchAdapter.train
    monkeypatch.setattr(PyTorchAdapter, "train", changed)
    found = walk(*sides("churn", "scratch,pytorch", epochs=1, limit=95), None, True, quiet)
    assert found.single is not None
    assert [each.step for each in found.single.parted] == [3, 5]
    assert found.single.steps == 10


def test_looking_leaves_a_training_as_it_was():
    """Two walks in a row, and the suite's own training, end in the same bytes."""
    one, other = (
        walk(*sides("churn", "pytorch,keras", epochs=1, limit=45), None, False, quiet)
        for _ in range(2)
    )
    assert [level.worst for level in one.levels] == [level.worst for level in other.levels]
    assert one.levels[-1].name == "result"


# --- what it is made of ---


def test_difference_names_the_worst_element():
    found = difference("x", [[1.0, 2.0], [3.0, 8.0]], [[1.0, 2.0], [3.0, 6.0]], 1e-3)
    assert (found.index, found.error, found.values) == ((1, 1), 0.25, ("8", "6"))
    assert found.parted


@pytest.mark.parametrize("nothing", [np.nan, np.inf])
def test_what_is_not_a_number_parts_even_from_itself(nothing):
    found = difference("x", [1.0, nothing], [1.0, nothing], 1.0)
    assert (found.error, found.index, found.parted) == (np.inf, (1,), True)


def test_other_shapes_part():
    assert difference("x", np.ones(3), np.ones((3, 1)), 1.0).parted


def test_identical_means_bytes():
    assert not not_identical("x", np.ones(2), np.ones(2)).parted
    assert not_identical("x", np.ones(2), np.ones(2, np.float32)).parted
    assert not_identical("x", np.zeros(1), np.full(1, -0.0)).parted


def layers(*kinds):
    return [LayerOutput(kind, kind, np.ones((1, 1))) for kind in kinds]


def test_layers_correspond_in_order_and_a_replaced_one_stands_in_its_place():
    stock = layers("dense", "relu", "dense", "relu", "dense")
    assert align(stock, stock) == [(i, i) for i in range(5)]
    other = layers("dense", "sigmoid", "dense", "relu", "dense")
    assert align(stock, other) == [(i, i) for i in range(5)]


def test_layer_of_one_side_alone_stands_for_nothing():
    stock, more = layers("dense", "relu", "dense"), layers("dense", "relu", "dense", "softmax")
    assert align(stock, more) == [(0, 0), (1, 1), (2, 2)]
    assert unmatched(stock, more) == ([], ["softmax"])


def test_layers_that_only_rearrange_are_left_out():
    X = np.arange(4.0).reshape(1, 4)
    turned = LayerOutput("Turn", "Turn", X[:, ::-1])
    doubled = LayerOutput("Double", "Double", 2 * X)
    assert [each.kind for each in computing(X, [turned, doubled])] == ["Double"]


def test_weights_are_named_by_their_layer():
    found = [LayerOutput("dense", "Dense", None, 2), LayerOutput("dense", "Dense", None, 1)]
    assert list(weight_names(found, 3)) == [
        "weights.0 (kernel of layer 1, dense)",
        "weights.1 (bias of layer 1, dense)",
        "weights.2 (kernel of layer 2, dense)",
    ]


def test_gradient_whose_terms_cancel_is_held_to_the_terms():
    """With seed 141 the last bias's gradient is what 10 terms of ± 0.05 leave: almost nothing."""
    a, b = (First(side) for side in sides("churn", "scratch,pytorch", seed=141, limit=95))
    ours, theirs = a.loss_and_gradients[1][-1], b.loss_and_gradients[1][-1]
    assert abs(ours - theirs).max() > 1e-12 * abs(ours).max()
    assert a.gradient_terms[-1] > 1e4 * abs(ours).max()
    found = walk(a.side, b.side, 1, False, quiet)
    assert [level.verdict for level in found.levels] == ["same"] * len(LEVELS)
