"""Keras against PyTorch: ports that are the same, and what the stock defaults make different."""

import keras
import numpy as np
import pytest
import torch
from torch import nn

from frameworks.pytorch.aligning import Remedies
from frameworks.pytorch.hooks import use_biased_running_variance
from lockstep import Training, diverge
from scratch import GELU

from .modules import training

pytestmark = pytest.mark.slow

L = keras.layers
RATE = 2**-5  # float32 holds it, in which Keras keeps it


def compiled(*layers, loss="sparse_categorical_crossentropy", optimizer=None):
    model = keras.Sequential(layers)
    model.compile(optimizer or keras.optimizers.SGD(RATE), loss)
    return Training(model)


def descending(module, **options):
    return training(module, optimizer=lambda p: torch.optim.SGD(p, lr=RATE), **options)


def dense():
    ours = compiled(
        L.Input((6,)), L.Dense(8, "relu"), L.Dense(8, "tanh"), L.Dense(3, activation="softmax")
    )
    theirs = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 3))
    rng = np.random.default_rng(0)
    return ours, descending(theirs), rng.normal(size=(40, 6)), rng.integers(0, 3, 40)


def convolutional():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(40, 8, 8, 3)), rng.integers(0, 3, 40)
    normalization = L.BatchNormalization(momentum=0.875, epsilon=2**-10)
    ours = compiled(
        L.Input((8, 8, 3)), L.Conv2D(4, 3, padding="same", use_bias=False), normalization,
        L.ReLU(), L.MaxPooling2D(2), L.Dropout(0.25), L.Flatten(), L.Dense(3),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )  # fmt: skip
    theirs = nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4, eps=2**-10, momentum=0.125),
        nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.25), nn.Flatten(), nn.Linear(64, 3),
    )  # fmt: skip
    return ours, descending(use_biased_running_variance(theirs)), X, y


class LastOfLSTM(nn.Module):
    """An LSTM whose second bias is frozen, and a number from its last step."""

    def __init__(self, frozen=True):
        super().__init__()
        self.lstm, self.out = nn.LSTM(4, 5, batch_first=True), nn.Linear(5, 1)
        self.lstm.bias_hh_l0.requires_grad_(not frozen)

    def forward(self, x):
        return self.out(self.lstm(x)[0][:, -1])


def recurrent(frozen=True):
    rng = np.random.default_rng(0)
    ours = compiled(L.Input((6, 4)), L.LSTM(5), L.Dense(1), loss="mse")
    theirs = descending(LastOfLSTM(frozen), loss=nn.MSELoss())
    return ours, theirs, rng.normal(size=(40, 6, 4)), rng.normal(size=(40, 1))


@pytest.mark.parametrize("network", [dense, convolutional, recurrent])
def test_ports_are_one_training(network):
    report = diverge(*network(), batch_size=8)
    assert report.same, str(report)
    worst = max(level.worst.error for level in report.levels)
    assert worst < 1e-12  # the limit of a step; that of the weights at the end is wider


class LastAxis(nn.Sequential):
    """Normalizes images over their channels."""

    def forward(self, x):
        return super().forward(x.movedim(1, -1)).movedim(-1, 1)


@pytest.mark.parametrize("norm", ["batch", "layer"])
def test_a_normalization_without_a_scale_is_one_whose_scale_is_frozen_at_one(norm):
    """PyTorch has no bias without a weight."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(24, 6, 6, 3)), rng.integers(0, 3, 24)
    common = {"epsilon": 2**-10, "scale": False, "beta_initializer": "random_normal"}
    batch, layer = L.BatchNormalization(momentum=0.875, **common), L.LayerNormalization(**common)
    ours = compiled(
        L.Input((6, 6, 3)), L.Conv2D(4, 3, use_bias=False), batch if norm == "batch" else layer,
        L.ReLU(), L.GlobalAveragePooling2D(), L.Dense(3),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )  # fmt: skip
    other = nn.BatchNorm2d(4, 2**-10, 0.125) if norm == "batch" else nn.LayerNorm(4, 2**-10)
    other.weight.requires_grad_(False)
    theirs = nn.Sequential(
        nn.Conv2d(3, 4, 3, bias=False), other if norm == "batch" else LastAxis(other), nn.ReLU(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3),
    )  # fmt: skip
    sides = ours, descending(use_biased_running_variance(theirs))
    for a, b, weights in ((*sides, "a"), (*sides[::-1], "b")):
        report = diverge(a, b, X, y, steps=3, batch_size=8, weights=weights)
        assert report.same, str(report)
    other.weight.requires_grad_(True)
    report = diverge(*sides, X, y, steps=3, batch_size=8)
    assert (report.level, report.place.rsplit(".")[-1]) == ("gradient", "gamma")


def test_a_second_bias_that_is_trained_is_found_at_the_first_step():
    report = diverge(*recurrent(frozen=False), steps=3, batch_size=8)
    assert (report.level, report.place) == ("step", report.place)
    assert report.place.endswith("lstm.bias")
    assert "whose sum moves twice as far" in report.cause


def penalized(l2, decay, reduction="mean"):
    """Return a dense network with an L2 penalty, and its port that decays by so much."""
    rng = np.random.default_rng(0)
    ours = compiled(
        L.Input((6,)), L.Dense(8, "relu", kernel_regularizer=keras.regularizers.L2(l2)), L.Dense(3),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )  # fmt: skip
    theirs = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3))
    first, *others = theirs.parameters()
    groups = [{"params": [first], "weight_decay": decay}, {"params": others}]
    side = Training(
        theirs,
        loss=nn.CrossEntropyLoss(reduction=reduction),
        optimizer=torch.optim.SGD(groups, lr=RATE),
    )
    return ours, side, rng.normal(size=(40, 6)), rng.integers(0, 3, 40)


@pytest.mark.parametrize("classes", [1, 3])
def test_probabilities_that_keras_clips_are_a_cause_beside_logits(classes):
    """A network that is sure, and wrong, of some rows: Keras gives a loss of at most −log 1e-7."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(40, 6)), np.eye(3)[rng.integers(0, 3, 40), :classes]
    end, loss, stable = "softmax", "categorical_crossentropy", nn.CrossEntropyLoss()
    if classes == 1:
        end, loss, stable = "sigmoid", "binary_crossentropy", nn.BCEWithLogitsLoss()
    wide = keras.initializers.RandomNormal(0, 20.0, seed=1)
    behind = L.Reshape((classes,))  # where the activation is last, TensorFlow takes its logits
    ours = compiled(L.Input((6,)), L.Dense(classes, end, True, wide), behind, loss=loss)
    theirs = descending(nn.Sequential(nn.Linear(6, classes)), loss=stable)
    for first, second, weights in ((ours, theirs, "a"), (theirs, ours, "b")):
        report = diverge(first, second, X, y, batch_size=8, weights=weights)
        assert (report.level, report.cause) == (
            "loss",
            "keras has probabilities clipped at 1e-07 in its loss, pytorch no clipping of "
            "probabilities in its loss",
        )


def test_the_rounded_rate_of_a_penalty_is_a_cause_and_hides_no_other():
    report = diverge(*penalized(0.01, 0.02, "sum"), steps=10, batch_size=8, explain_all=True)
    found = [(each.level, each.cause.settings) for each in report.explanation.found]
    assert found == [("loss", ("reduction",)), ("step", ("coupled_decay",))]
    assert report.explanation.rest == "", str(report)
    cause = report.explanation.found[1].cause
    assert "(kernel_regularizer=L2(0.01), rounded to 0.009999999776)" in cause.sentence
    rate = 2 * float(np.float32(0.01))
    assert cause.advice == (
        f"give group 1 of the optimizer of pytorch weight_decay={rate!r}, or choose a λ that "
        "float32 holds"
    )
    shares = [each.share for each in report.explanation.found]
    assert sum(shares) == pytest.approx(1, abs=1e-9)  # all of it, but for rounding


def test_a_penalty_is_taken_out_of_the_loss_in_float32_too():
    report = diverge(*penalized(0.01, 0.02), steps=4, batch_size=8, dtype="float32")
    assert report.same, str(report)
    assert all(level.verdict == "same" for level in report.levels)


def test_every_stock_default_that_differs_is_explained_down_to_the_last_digit():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(40, 6, 6, 2)), rng.integers(0, 3, 40)
    ours = compiled(
        L.Input((6, 6, 2)), L.Conv2D(4, 3), L.BatchNormalization(), L.ReLU(), L.Flatten(),
        L.Dropout(0.25), L.Dense(3, activation="softmax"), optimizer="adam",
    )  # fmt: skip
    theirs = nn.Sequential(
        nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(),
        nn.Dropout(0.5), nn.Linear(64, 3),
    )  # fmt: skip
    smoothed = training(
        theirs, loss=nn.CrossEntropyLoss(label_smoothing=0.125), optimizer=torch.optim.Adam
    )
    report = diverge(ours, smoothed, X, y, steps=12, batch_size=8, explain_all=True)
    found = [(each.level, each.cause.settings[0]) for each in report.explanation.found]
    assert found[:3] == [("forward", "epsilon"), ("forward", "rate"), ("loss", "smoothing")]
    assert [level for level, _ in found[3:]] == ["step", "result"]
    assert report.explanation.rest == "", str(report)
    shares = [each.share for each in report.explanation.found]
    assert sum(shares) == pytest.approx(1, abs=1e-9)  # all of it, but for rounding


def test_what_lies_behind_the_rounded_constant_of_a_gelu_is_found():
    ours = compiled(L.Input((6,)), L.Dense(8, "gelu"), L.Dense(3, activation="softmax"))
    theirs = nn.Sequential(nn.Linear(6, 8), nn.GELU(), nn.Linear(8, 3))
    faster = training(theirs, optimizer=lambda p: torch.optim.SGD(p, lr=2 * RATE))
    *_, X, y = dense()
    report = diverge(ours, faster, X, y, steps=10, batch_size=8, explain_all=True)
    constant, rate = (each.cause.sentence for each in report.explanation.found)
    assert "keras has √½ = 0.7071067691 in dense" in constant
    assert "learning_rate=0.03125" in rate
    assert "With all remedies the two agree." in str(report)
    assert "ops.erf(x * 2**-0.5)" in str(report)


@pytest.mark.parametrize("approximate", [False, True])
def test_a_gelu_that_is_given_tensorflows_constant_computes_what_tensorflow_does(approximate):
    module = nn.Sequential(nn.GELU("tanh" if approximate else "none"), nn.Linear(1, 1))
    constant = float(np.float32(0.044715 if approximate else 0.5**0.5))
    assert Remedies(descending(module)).change("0", "constant", constant)
    X = np.linspace(-3, 3, 101)[:, None]
    expected = GELU.keras(approximate=approximate).forward(X)
    computed = module[0](torch.tensor(X)).numpy()
    assert computed == pytest.approx(expected, rel=1e-13, abs=1e-15)  # 1 + erf for 2 − erfc


class Attending(nn.Module):
    """Attention over token ids, of which 0 is padding, and the mean of the other steps."""

    def __init__(self):
        super().__init__()
        self.embedding, self.out = nn.Embedding(10, 4), nn.Linear(4, 5)
        self.attention = nn.MultiheadAttention(4, 1, batch_first=True)

    def forward(self, ids):
        x, real = self.embedding(ids), (ids != 0)[..., None].double()
        mixed = self.attention(x, x, x, key_padding_mask=ids == 0, need_weights=False)[0]
        return self.out(((x + mixed) * real).sum(1) / real.sum(1))


def test_attention_that_differs_at_padding_hides_no_other_difference():
    """Keras masks padded queries, too, which nobody reads."""
    rng = np.random.default_rng(0)
    ids, y = rng.integers(1, 10, (24, 7)), rng.integers(0, 5, 24)
    ids[np.arange(7) >= rng.integers(2, 8, 24)[:, None]] = 0
    tokens = L.Input((7,), dtype="int32")
    x = L.Embedding(10, 4, mask_zero=True)(tokens)
    mixed = L.Add()([x, L.MultiHeadAttention(1, 4)(x, x)])
    model = keras.Model(tokens, L.Dense(5)(L.GlobalAveragePooling1D()(mixed)))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(RATE), loss)
    theirs, options = Attending(), {"steps": 2, "batch_size": 8}
    assert diverge(Training(model), descending(theirs), ids, y, **options).same
    smooth = descending(theirs, loss=nn.CrossEntropyLoss(label_smoothing=0.1))
    report = diverge(Training(model), smooth, ids, y, **options)
    assert report.level == "loss", str(report)
    assert "label_smoothing" in report.cause
    theirs.out = nn.Sequential(nn.ReLU(), theirs.out)
    report = diverge(Training(model), descending(theirs), ids, y, **options)
    assert (report.level, report.cause) == ("forward", None)
    assert not report.place.startswith(("multi_head_attention", "add")), str(report)


def test_constants_of_numpy_in_a_model_of_calls_are_what_they_are_in_pytorch():
    class Port(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc, self.out = nn.Linear(6, 4), nn.Linear(4, 3)

        def forward(self, x):
            return self.out(torch.relu(self.fc(x)) / 8**0.5 + torch.arange(4))

    inputs = L.Input((6,))
    x = L.Dense(4, "relu")(inputs) / np.sqrt(8) + np.arange(4.0)
    model = keras.Model(inputs, L.Dense(3, activation="softmax")(x))
    model.compile(keras.optimizers.SGD(RATE), "sparse_categorical_crossentropy")
    _, _, X, y = dense()
    report = diverge(Training(model), descending(Port()), X, y, steps=3)
    assert report.same, str(report)


@pytest.mark.parametrize(("step", "said"), [(1, "step 2"), (-1, "the last step")])
def test_another_step_of_a_sequence_is_the_cause_in_a_functional_model(step, said):
    class Taken(nn.Module):
        def __init__(self):
            super().__init__()
            self.d, self.out = nn.Linear(4, 5), nn.Linear(5, 3)

        def forward(self, x):
            return self.out(self.d(x)[:, step])

    inputs = L.Input((6, 4))
    model = keras.Model(inputs, L.Dense(3, name="end")(L.Dense(5, name="begin")(inputs)[:, 0]))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(RATE), loss)
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(16, 6, 4)), rng.integers(0, 3, 16)
    report = diverge(Training(model), descending(Taken()), X, y, batch_size=8)
    assert report.cause == f"keras takes step 1 of begin for end, pytorch {said} of d for out"


class Backwards(nn.Module):
    """An LSTM that is given the steps in the opposite order, and one step of what it returns."""

    def __init__(self, step):
        super().__init__()
        self.lstm, self.out, self.step = nn.LSTM(4, 5, batch_first=True), nn.Linear(5, 3), step
        nn.init.zeros_(self.lstm.bias_hh_l0).requires_grad_(False)

    def forward(self, x):
        return self.out(self.lstm(x.flip(1))[0][:, self.step])


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("step", [-1, 0])
def test_a_layer_that_goes_backwards_is_given_the_steps_in_the_other_order_by_rights(step, order):
    rng = np.random.default_rng(0)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    ours = compiled(L.Input((6, 4)), L.LSTM(5, go_backwards=True), L.Dense(3), loss=loss)
    sides = [ours, descending(Backwards(step))][::order]
    data = rng.normal(size=(40, 6, 4)), rng.integers(0, 3, 40)
    report = diverge(*sides, *data, steps=3, batch_size=8)
    assert report.same == (step == -1), str(report)
    assert report.cause is None
