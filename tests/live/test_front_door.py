"""`diverge` from outside: what it accepts, what it refuses, and what its report says."""

import json
import random
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from frameworks import PyTorchClassifier, ScratchClassifier
from lockstep import RequestError, Training, assert_same_training, diverge
from scratch import SGD, CategoricalCrossEntropy, ClipValue, Dense, ReLU, Sequential

from .modules import training

pytestmark = pytest.mark.slow

RNG = np.random.default_rng(5)
X, LABELS = RNG.normal(size=(40, 6)), RNG.integers(0, 3, 40)


def mlp(activation=nn.ReLU, *last):
    return nn.Sequential(nn.Linear(6, 8), activation(), nn.Linear(8, 3), *last)


def compared(a, b, *data, **options):
    return diverge(a, b, *(data or (X, LABELS)), **{"steps": 4, "batch_size": 8, **options})


def test_importing_lockstep_loads_no_framework():
    code = (
        "import sys, lockstep; "
        "print([m for m in ('torch', 'keras', 'tensorflow', 'jax') if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


class TwoHeads(nn.Module):
    """Two inputs, two outputs."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(6, 4), nn.Linear(2, 4)
        self.classes, self.number = nn.Linear(8, 3), nn.Linear(8, 1)

    def forward(self, x, z):
        h = torch.cat([torch.relu(self.a(x)), torch.tanh(self.b(z))], 1)
        return self.classes(h), self.number(h)[:, 0]


def of_both(outputs, targets):
    return F.cross_entropy(outputs[0], targets[0]) + F.mse_loss(outputs[1], targets[1])


def test_each_side_may_have_arrays_of_its_own_for_X():
    wide = np.concatenate([X, np.zeros((40, 1))], axis=1)
    one, other = mlp(), nn.Sequential(nn.Linear(7, 8), nn.ReLU(), nn.Linear(8, 3))
    with pytest.raises(RequestError, match="do not fit"):
        compared(training(one), training(other), inputs=(X, wide))
    assert compared(training(one), training(mlp()), inputs=(X, X.copy())).same
    assert not compared(training(one), training(mlp()), inputs=(X, 2 * X)).same


def test_a_fitted_classifier_is_a_side():
    fitted = [
        cls(hidden=(5,), epochs=1, batch_size=8, dtype="float64", random_state=0).fit(X, LABELS)
        for cls in (ScratchClassifier, PyTorchClassifier)
    ]
    report = compared(*fitted)
    assert report.names == ("scratch", "pytorch")
    assert report.same, str(report)


def test_a_classifier_that_is_not_fitted_is_no_side_yet():
    with pytest.raises(RequestError, match="fit the ScratchClassifier first"):
        compared(ScratchClassifier(), training(mlp()))


def test_with_row_weights_no_loss_is_called_odd():
    weights = RNG.random(40)
    one, other = training(mlp()), training(mlp(), loss=nn.CrossEntropyLoss(label_smoothing=0.25))
    report = compared(one, other, sample_weight=weights)
    assert (report.level, report.odd, report.cause) == ("loss", None, None)


class Permuting(nn.Module):
    """Takes images channels-last, and permutes them itself."""

    def __init__(self):
        super().__init__()
        self.conv, self.head = nn.Conv2d(2, 3, 2), nn.Linear(3, 3)

    def forward(self, x):
        return self.head(torch.relu(self.conv(x.permute(0, 3, 1, 2))).mean((2, 3)))


def test_a_model_that_permutes_its_images_is_given_them_as_they_are():
    images = RNG.normal(size=(40, 5, 5, 2))
    assert compared(training(Permuting()), training(Permuting()), images, LABELS).same


def clipping(limit):
    def step(model, optimizer, loss, inputs, targets):
        optimizer.zero_grad()
        value = loss(model(inputs), targets)
        value.backward()
        nn.utils.clip_grad_value_(model.parameters(), limit)
        optimizer.step()
        return value

    return step


def test_gradients_that_are_clipped_at_another_place_but_move_alike_are_the_same():
    network = Sequential(Dense(6, 8), ReLU(), Dense(8, 3)).initialize(np.random.default_rng(0))
    optimizer = ClipValue(0.03125, SGD(learning_rate=0.125))
    inside = Training(network, CategoricalCrossEntropy(), optimizer)

    def own(limit):
        model = mlp()
        stock = torch.optim.SGD(model.parameters(), lr=0.125)
        return Training(model, nn.CrossEntropyLoss(), stock, step=clipping(limit))

    for pair in ((inside, own(0.03125)), (own(0.03125), inside)):
        report = compared(*pair)
        assert report.same, str(report)
        assert any(
            "clipped, accumulated or decayed at another place" in note for note in report.notes
        )
    for pair in ((inside, own(0.015625)), (own(0.015625), inside)):
        report = compared(*pair)
        assert (report.level, report.cause) == ("gradient", None)


def penalizing(rate, least=0):
    def step(model, optimizer, loss, inputs, targets):
        optimizer.zero_grad()
        value = loss(model(inputs), targets)
        penalized = [p for p in model.parameters() if p.ndim >= least]
        (value + rate / 2 * sum((p**2).sum() for p in penalized)).backward()
        optimizer.step()
        return value

    return step


def decaying(rate, step=None):
    model = mlp()
    stock = torch.optim.Adam(model.parameters(), lr=0.125, weight_decay=rate)
    return Training(model, nn.CrossEntropyLoss(), stock, step=step)


def test_a_penalty_in_a_step_is_the_same_as_the_optimizers_decay():
    report = compared(decaying(0, penalizing(0.25)), decaying(0.25))
    assert report.same, str(report)
    report = compared(decaying(0, penalizing(0.25)), decaying(0.5))
    assert (report.level, report.cause) == (
        "gradient",
        "the first pytorch adds 0.25 w to the gradient, the optimizer of the second pytorch 0.5 w",
    )
    report = compared(decaying(0, penalizing(0.25, least=2)), decaying(0.25))
    assert report.cause == (
        "the first pytorch adds 0.25 w to the gradient of 0.kernel and 2.kernel alone, the "
        "optimizer of the second pytorch 0.25 w to every one"
    )
    report = compared(decaying(0.5, penalizing(0.25)), decaying(0.5))
    assert report.cause.endswith(
        "adds 0.25 w to the gradient of 4 weights, the second pytorch does not"
    )


def frozen(by_the_model, rate=0.125):
    model = mlp()
    model[0].requires_grad_(not by_the_model)
    trained = model if by_the_model else model[2]
    stock = torch.optim.SGD(trained.parameters(), lr=rate)
    return Training(model, nn.CrossEntropyLoss(), stock)


def test_weights_that_are_frozen_are_those_that_the_optimizer_was_not_given():
    for first in (True, False):
        report = compared(frozen(first), frozen(not first))
        assert report.same, str(report)
        said = "neither side's first step moves 0.kernel, 0.bias"
        assert any(note.startswith(said) for note in report.notes)
    report = compared(frozen(True), frozen(False, rate=0.25))
    assert report.cause == "the first pytorch has lr=0.125, the second pytorch lr=0.25"


class Reads(nn.Module):
    """A GRU over sequences (n, t, d), perhaps without saying that the rows come first."""

    def __init__(self, batch_first, dense=False):
        super().__init__()
        self.dense = nn.Linear(3, 3) if dense else nn.Identity()
        self.gru = nn.GRU(3, 4, batch_first=batch_first)

    def forward(self, x):
        return self.gru(self.dense(x))[0]


@pytest.mark.parametrize("dense", [False, True], ids=["at once", "after a dense layer"])
def test_a_forgotten_batch_first_is_named_at_the_recurrent_layer(dense):
    sequences, targets = RNG.normal(size=(40, 5, 3)), RNG.normal(size=(40, 5, 4))
    right, wrong = (training(Reads(first, dense), loss=nn.MSELoss()) for first in (True, False))
    for pair in ((right, wrong), (wrong, right)):
        report = compared(*pair, sequences, targets)
        assert (report.level, report.place) == ("forward", "gru"), str(report)


@pytest.mark.filterwarnings("ignore:Using a target size:UserWarning")  # of PyTorch, for the user
def test_targets_given_for_each_side_are_handed_over_as_they_are():
    def side():
        return training(nn.Linear(6, 1), loss=nn.MSELoss())

    column, flat = RNG.normal(size=(40, 1)), RNG.normal(size=40)
    assert compared(side(), side(), X, flat).same
    flat = column[:, 0]
    for y in ((column, flat), (flat, column)):
        report = compared(side(), side(), X, y)
        assert not report.same
        assert not any("are taken as" in note for note in report.notes)


def test_a_step_that_returns_nothing_is_refused():
    def step(model, optimizer, loss, inputs, targets):
        optimizer.zero_grad()
        loss(model(inputs), targets).backward()
        optimizer.step()

    with pytest.raises(RequestError, match="must return the loss"):
        compared(training(mlp(), step=step), training(mlp()))


def test_row_weights_are_not_lost_in_a_step_of_ones_own():
    with pytest.raises(RequestError, match="cannot be handed to a step"):
        compared(training(mlp(), step=clipping(1.0)), training(mlp()), sample_weight=RNG.random(40))


def test_several_inputs_outputs_and_losses_are_compared():
    inputs, targets = [X, RNG.normal(size=(40, 2))], [LABELS, RNG.normal(size=40)]
    one = training(TwoHeads(), loss=of_both)
    other = training(TwoHeads(), loss=[nn.CrossEntropyLoss(), nn.MSELoss()])
    report = compared(one, other, inputs, targets)
    assert report.same, str(report)
    wrong = training(TwoHeads(), loss=[nn.CrossEntropyLoss(), nn.L1Loss()])
    assert compared(one, wrong, inputs, targets).level == "loss"


def test_the_inputs_are_the_targets_where_there_are_none():
    both = [training(nn.Linear(6, 6), loss=nn.MSELoss()) for _ in range(2)]
    assert compared(*both, X, None).same


FORMS = {
    "labels": LABELS,
    "one-hot": np.eye(3)[LABELS],
    "a column": LABELS[:, None],
    "one of each": (LABELS, np.eye(3)[LABELS]),
    "a list": LABELS.tolist(),
    "a tensor": torch.tensor(LABELS),
}


@pytest.mark.parametrize("form", FORMS)
def test_classes_may_be_given_in_any_form(form):
    assert compared(training(mlp()), training(mlp()), X, FORMS[form]).same


def test_other_targets_on_one_side_are_found_among_the_inputs():
    report = compared(training(mlp()), training(mlp()), X, (LABELS, (LABELS + 1) % 3))
    assert (report.level, report.place) == ("inputs", "targets")


def test_other_inputs_on_one_side_are_found_even_after_the_first_batch():
    def late(x):
        changed = x.copy()
        first = np.random.default_rng(0).permutation(40)[:8]  # as `seed=0` draws the first batch
        changed[np.setdiff1d(np.arange(40), first)] *= 2
        return changed

    report = compared(training(mlp()), training(mlp()), inputs=(None, late))
    assert (report.level, report.place) == ("inputs", "inputs")
    assert "after the first batch" in report.difference.where


EQUAL = {
    "log-softmax and NLL": ((), nn.CrossEntropyLoss, (nn.LogSoftmax(1),), nn.NLLLoss),
    "dropout that drops nothing": ((nn.Dropout(0.0),), nn.CrossEntropyLoss,
                                   (), nn.CrossEntropyLoss),
}  # fmt: skip


@pytest.mark.parametrize("name", EQUAL)
def test_what_is_equal_but_written_differently_is_the_same(name):
    first, loss, second, other = EQUAL[name]
    one = training(mlp(nn.ReLU, *first), loss=loss())
    two = training(mlp(nn.ReLU, *second), loss=other())
    report = compared(one, two)
    assert report.same, str(report)


def test_sigmoid_and_bce_are_equal_to_bce_on_logits():
    one = training(nn.Linear(6, 1), loss=nn.BCEWithLogitsLoss())
    two = training(nn.Sequential(nn.Linear(6, 1), nn.Sigmoid()), loss=nn.BCELoss())
    report = compared(one, two, X, LABELS > 0)
    assert report.same, str(report)
    assert any("outputs are compared as probabilities" in note for note in report.notes)


def test_a_loss_that_moves_the_weights_alike_is_the_same_unless_losses_must_be_equal():
    def shifted(output, y):
        return F.cross_entropy(output, y) + 1

    one, two = training(mlp()), training(mlp(), loss=shifted)
    report = compared(one, two)
    assert report.same
    assert not any("this is not rounding" in note for note in report.notes)
    assert compared(one, two, losses_equal=True).level == "loss"


def test_weights_b_starts_from_the_second_and_none_from_each_ones_own():
    two = training(mlp()), training(mlp())
    report = compared(*two, weights="b")
    assert report.same
    assert "both start from the weights of the second pytorch" in report.notes
    assert "both start from the weights of the first pytorch" in compared(*two).notes
    report = compared(*two, weights=None)
    assert not any("start from" in note for note in report.notes)
    assert (report.level, report.place) == ("inputs", "0.kernel")


def test_ignored_layers_weights_and_settings_are_left_out():
    one, two = training(nn.Linear(6, 3)), training(nn.Linear(6, 3))
    two.optimizer.param_groups[0]["lr"] = 0.5
    assert compared(one, two).level == "step"
    left_out = ("bias", "kernel", "loss", "outputs", "learning_rate")
    report = compared(one, two, ignore=left_out)
    assert (report.same, list(report.settings)) == (True, [])


def test_wider_limits_are_taken_level_by_level():
    two = training(mlp(), optimizer=lambda p: torch.optim.SGD(p, lr=2**-4 + 1e-9, momentum=0.5))
    assert compared(training(mlp()), two).level == "step"
    wider = {"step": 1e-6, "trajectory": 1e-6, "result": 1e-6}
    assert compared(training(mlp()), two, limits=wider).same


def test_towers_that_run_in_another_order_pair_by_name_unless_a_mapping_crosses_them():
    class Towers(nn.Module):
        def __init__(self, swapped):
            super().__init__()
            self.left, self.right = nn.Linear(6, 3), nn.Linear(6, 3)
            self.swapped = swapped

        def forward(self, x):
            if self.swapped:
                right = self.right(x)
                return torch.relu(self.left(x)) - right
            left = torch.relu(self.left(x))
            return left - self.right(x)

    one, two = training(Towers(False)), training(Towers(True))
    assert compared(one, two).same  # by their names
    crossed = compared(one, two, mapping={"left": "right", "right": "left"})
    assert crossed.level == "forward"


def test_float32_is_judged_by_the_rounding_of_the_models_themselves():
    report = compared(training(mlp()), training(mlp()), dtype="float32", steps=20)
    assert report.same, str(report)
    limits = {level.name: level.worst.limit for level in report.levels}
    assert 1e-7 < limits["forward"] < 1e-4  # 16 units of float32, and a few layers
    other = training(mlp(), optimizer=lambda p: torch.optim.SGD(p, lr=2**-4, momentum=0.5 + 1e-4))
    assert compared(training(mlp()), other, dtype="float32", steps=20).level == "trajectory"


REFUSED = {
    "no model": (dict(a=3), "must be a keras.Model"),
    "fewer rows than a batch": (dict(X=X[:4], y=LABELS[:4]), "4 rows, fewer than a batch of 8"),
    "NaN": (dict(X=X * np.nan), "finite numbers"),
    "words": (dict(y=np.array(["a", "b"] * 20)), "must hold numbers"),
    "other rows in y": (dict(y=LABELS[:5]), "y has 5 rows, but X has 40"),
    "a scalar": (dict(X=3.0), "must have rows"),
    "no steps": (dict(steps=0), "steps must be an integer of at least 1"),
    "another dtype": (dict(dtype="float16"), "'float64' or 'float32'"),
    "an unknown level": (dict(limits={"foward": 1}), "did you mean 'forward'"),
    "an unknown layer": (dict(mapping={"0": "9"}), "unknown layer of the second pytorch"),
    "no side of the weights": (dict(weights="c"), "'a', 'b' or None"),
    "one function for inputs": (dict(inputs=abs), "a pair, for each side arrays"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_compared_is_refused_in_a_sentence(name):
    options, words = REFUSED[name]
    given = {"a": training(mlp()), "b": training(mlp()), "X": X, "y": LABELS, **options}
    with pytest.raises(RequestError, match=words) as refused:
        compared(given.pop("a"), given.pop("b"), given.pop("X"), given.pop("y"), **given)
    assert "\n" not in str(refused.value)


def test_layers_that_do_not_fit_are_both_named():
    wider = training(nn.Sequential(nn.Linear(6, 9), nn.ReLU(), nn.Linear(9, 3)))
    words = r"layer 0 and the second pytorch's layer 0 do not fit: 0.kernel is \(6, 8\)"
    with pytest.raises(RequestError, match=words):
        compared(training(mlp()), wider)


def test_the_assertion_s_message_is_the_report():
    assert_same_training(training(mlp()), training(mlp()), X, LABELS, steps=2, batch_size=8)
    with pytest.raises(AssertionError, match="They first differ at the forward level"):
        assert_same_training(training(mlp()), training(mlp(nn.Tanh)), X, LABELS, steps=2)


def test_a_report_fits_a_screen_and_is_plain_json():
    one = training(mlp(), name="mine")
    report = compared(one, training(mlp(nn.Tanh), name="yours"))
    lines = str(report).split("\n")
    assert max(map(len, lines)) < 80
    assert len(lines) < 25
    assert lines[0] == "mine - yours"
    assert lines[-1] == "mine and yours differ."
    found = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert (found["same"], found["level"], found["place"]) == (False, "forward", "layer 1")
    assert found["between"] == ["mine", "yours"]


def test_threads_that_compare_wait_for_each_other():
    class Noisy(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(4, 3)

        def forward(self, x):
            return self.layer(x + torch.rand(x.shape, dtype=x.dtype) + random.random())

    def same(_):
        a, b = (training(Noisy()) for _ in range(2))
        return diverge(a, b, *data, steps=20, batch_size=8).same

    rng = np.random.default_rng(0)
    data = rng.normal(size=(16, 4)), rng.integers(0, 3, 16)
    with ThreadPoolExecutor(3) as threads:
        assert all(threads.map(same, range(6)))
