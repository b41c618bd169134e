"""The reference returns what live layers and losses return, from their facts and weights alone."""

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from frameworks.keras.loading import keras
from frameworks.live.comparison import open_side
from frameworks.live.data import data_of
from frameworks.live.model import Training
from frameworks.live.reference import layer_output, loss_value
from frameworks.live.tracing import draw_course
from frameworks.recordings.trace import Facts, LayerTrace

EQUAL = 1e-13  # relative to the largest output; 2e-15 was seen, sums of up to 72 terms round
L = keras.layers
RNG = np.random.default_rng(3)
IMAGES, TOKENS = RNG.normal(size=(6, 9, 9, 4)), RNG.integers(0, 11, (6, 7))
Traced = tuple[list[LayerTrace], list[np.ndarray], list[np.ndarray]]


def keras_of_images() -> Any:
    inputs = keras.Input((9, 9, 4))
    x = L.Conv2D(6, 3, strides=2, padding="same", activation="relu")(inputs)
    x = L.BatchNormalization()(x)
    x = L.Conv2DTranspose(4, 3, strides=2, padding="same", activation="selu")(x)
    x = L.LeakyReLU()(L.GroupNormalization(2)(x))
    x = L.Conv2D(8, 3, dilation_rate=2, groups=2, use_bias=False, activation="gelu")(x)
    x = L.AveragePooling2D(2, padding="same")(x)
    x = L.MaxPooling2D(3, strides=1, padding="same")(L.LayerNormalization()(x))
    x = L.Dropout(0.0)(L.Flatten()(x))
    x = L.RMSNormalization()(L.Dense(5, activation="elu")(x))
    return keras.Model(inputs, L.Dense(3, activation="softmax")(x))


def keras_of_tokens() -> Any:
    inputs = keras.Input((7,))
    x = L.Embedding(11, 6)(inputs)
    x = L.Conv1D(6, 3, padding="causal", activation="silu")(x)
    x = L.MultiHeadAttention(2, 3)(x, x)
    x = L.GRU(4, return_sequences=True)(x)
    x = L.Bidirectional(L.LSTM(3, return_sequences=True))(x)
    x = L.GRU(4, return_sequences=True, reset_after=False)(L.MaxPooling1D(2)(x))
    return keras.Model(inputs, L.Dense(1, activation="sigmoid")(L.SimpleRNN(4)(x)))


class PyTorchOfImages(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(4, 6, 3, 2, 1)
        self.norm = nn.BatchNorm2d(6)
        self.wide = nn.Conv2d(6, 8, 3, groups=2, padding="same")
        self.pool = nn.AvgPool2d(3, 2, 1)
        self.group = nn.GroupNorm(2, 8)
        self.dense = nn.Linear(8 * 2 * 2, 5)
        self.layer = nn.LayerNorm(5)
        self.last = nn.Linear(5, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.leaky_relu(self.wide(self.norm(torch.relu(self.conv(x)))))
        x = F.max_pool2d(self.group(self.pool(x)), 2, 1, ceil_mode=True)
        return F.log_softmax(self.last(self.layer(F.gelu(self.dense(x.flatten(1))))), dim=1)


class PyTorchOfTokens(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.tokens = nn.Embedding(11, 6, padding_idx=0)
        self.positions = nn.Parameter(torch.linspace(-1, 1, 42).reshape(7, 6))
        self.attention = nn.MultiheadAttention(6, 2, batch_first=True)
        self.gru = nn.GRU(6, 4, batch_first=True)
        self.lstm = nn.LSTM(4, 3, bidirectional=True, batch_first=True)
        self.rnn = nn.RNN(6, 4, batch_first=True)
        self.last = nn.Linear(4, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.tokens(x) + self.positions
        x, _ = self.attention(x, x, x)
        x, _ = self.lstm(self.gru(x)[0])
        return self.last(self.rnn(x)[1][0])


@cache
def traced(name: str) -> Traced:
    X = IMAGES if name.endswith("images") else TOKENS
    if name.startswith("keras"):
        model = keras_of_images() if X is IMAGES else keras_of_tokens()
        model.compile("sgd", "mse")
        training = Training(model)
    else:
        module = PyTorchOfImages() if X is IMAGES else PyTorchOfTokens()
        training = Training(module, nn.MSELoss(), torch.optim.SGD(module.parameters(), 0.5))
    y = np.zeros((6, 3 if X is IMAGES else 1))
    course = draw_course(6, batch_size=6, steps=1, seed=0)
    side = open_side(training, 0, data_of(X, y, None, None), course, "float64")
    live = side.open("float64")
    layers, _ = live.trace_layers(side.rows(0))
    return layers, *([each.values for each in arrays] for arrays in (live.weights(), live.states()))


def outputs_of(layer: LayerTrace, name: str, training: bool) -> np.ndarray | None:
    _, weights, states = traced(name)
    return layer_output(
        layer.facts,
        [weights[k] for k in layer.weights],
        [states[k] for k in layer.states],
        layer.training_inputs if training else layer.inputs,
        training,
    )


@pytest.mark.parametrize("training", [False, True], ids=["evaluation", "training"])
@pytest.mark.parametrize(
    ("name", "count"),
    [("keras of images", 18), ("keras of tokens", 11), ("pytorch of images", 13),
     ("pytorch of tokens", 7)],
)  # fmt: skip
def test_the_reference_returns_what_every_layer_returns(
    name: str, count: int, training: bool
) -> None:
    checked = 0
    for layer in traced(name)[0]:
        if layer.rearranges:
            continue
        found = outputs_of(layer, name, training)
        seen = layer.training_output if training else layer.output
        assert seen is not None
        assert found is not None, layer.path
        assert np.abs(found - seen).max() <= EQUAL * np.abs(seen).max(), layer.path
        checked += 1
    assert checked == count


UNSUPPORTED = [
    Facts("dropout", {"rate": 0.5}),
    Facts("spectral normalization"),
    Facts("dense", {"units": 3, "bias": True}),
    Facts("relu", {"threshold": 1.0}),
    Facts("relu", {"top": 5.0}),
    Facts("convolution", {"padding": "same"}),
    Facts("average pooling", {"size": "adaptive"}),
    Facts("layer normalization", {"epsilon": 0.0, "scale": False, "axes": (-2, -1)}),
]


@pytest.mark.parametrize("facts", UNSUPPORTED, ids=lambda facts: facts.kind)
def test_what_the_reference_cannot_express_is_none(facts: Facts) -> None:
    weights = [np.ones((5, 3)), np.ones(3)] if facts.kind == "dense" else []
    assert layer_output(facts, weights, [], (np.ones((2, 4)),), training=True) is None


Z = RNG.normal(size=(5, 3))
LABELS, NUMBERS = RNG.integers(0, 3, 5), RNG.random((5, 3))
P = np.exp(Z) / np.exp(Z).sum(axis=1, keepdims=True)
LOGITS = {"takes": "logits", "smoothing": 0.0, "reduction": "mean"}
CATEGORICAL, BINARY = "categorical cross-entropy", "binary cross-entropy"


def t(x: Any) -> torch.Tensor:
    return torch.tensor(x)


V = (0.5, 2.0, 1.0)
LOSSES: list[tuple[Facts, np.ndarray, np.ndarray, Any]] = [
    (Facts(CATEGORICAL, LOGITS), Z, LABELS, F.cross_entropy(t(Z), t(LABELS))),
    (
        Facts(CATEGORICAL, {**LOGITS, "smoothing": 0.2, "class_weights": V}),
        Z,
        LABELS,
        F.cross_entropy(t(Z), t(LABELS), weight=t(np.array(V)), label_smoothing=0.2),
    ),
    (
        Facts(CATEGORICAL, {**LOGITS, "ignored": 0, "reduction": "sum"}),
        Z,
        LABELS,
        F.cross_entropy(t(Z), t(LABELS), ignore_index=0, reduction="sum"),
    ),
    (
        Facts(CATEGORICAL, {**LOGITS, "ignored": 0}),
        Z,
        LABELS,
        F.cross_entropy(t(Z), t(LABELS), ignore_index=0),
    ),
    (
        Facts(CATEGORICAL, {**LOGITS, "takes": "log-probabilities"}),
        np.log(P),
        LABELS,
        F.nll_loss(t(np.log(P)), t(LABELS)),
    ),
    (
        Facts(BINARY, {**LOGITS, "class_weights": (1.0, 3.0)}),
        Z,
        NUMBERS,
        F.binary_cross_entropy_with_logits(t(Z), t(NUMBERS), pos_weight=t(3.0)),
    ),
    (
        Facts(BINARY, {**LOGITS, "takes": "probabilities"}),
        P,
        NUMBERS,
        F.binary_cross_entropy(t(P), t(NUMBERS)),
    ),
    (Facts("mean squared error", {"reduction": "mean"}), Z, NUMBERS, F.mse_loss(t(Z), t(NUMBERS))),
    (
        Facts("mean absolute error", {"reduction": "sum"}),
        Z,
        NUMBERS,
        F.l1_loss(t(Z), t(NUMBERS), reduction="sum"),
    ),
    (
        Facts("huber", {"reduction": "mean", "delta": 0.5, "divisor": 0.5}),
        Z,
        NUMBERS,
        F.smooth_l1_loss(t(Z), t(NUMBERS), beta=0.5),
    ),
    (
        Facts("kl divergence", {"reduction": "mean", "takes": "log-probabilities"}),
        np.log(P),
        NUMBERS,
        F.kl_div(t(np.log(P)), t(NUMBERS), reduction="batchmean"),
    ),
    (
        Facts("cosine", {"reduction": "mean", "offset": 1.0}),
        Z,
        NUMBERS,
        (1 - F.cosine_similarity(t(Z), t(NUMBERS))).mean(),
    ),
    (
        Facts("mean squared error", {"reduction": "sum of the rows' means"}),
        Z,
        NUMBERS,
        F.mse_loss(t(Z), t(NUMBERS), reduction="sum") / 3,
    ),
]


@pytest.mark.parametrize("case", LOSSES, ids=lambda case: case[0].kind)
def test_the_reference_returns_what_a_loss_is(case: Sequence[Any]) -> None:
    facts, outputs, targets, expected = case
    found = loss_value(facts, outputs, targets.astype(float))
    assert found == pytest.approx(float(expected), rel=1e-14)  # sums of 15 terms


def test_clipped_probabilities_are_those_of_keras() -> None:
    p, y = np.array([[0.0, 1.0], [0.25, 0.75]]), np.array([0.0, 1.0])
    loss = keras.losses.SparseCategoricalCrossentropy()
    values = {**LOGITS, "takes": "probabilities", "clip": 1e-7}
    found = loss_value(Facts(CATEGORICAL, values), p, y)
    # Keras rounds its 1e-7 to float32.
    assert found == pytest.approx(float(loss(y, p)), rel=1e-7)


def test_a_loss_of_an_unknown_kind_or_form_is_none() -> None:
    assert loss_value(Facts("triplet", {"reduction": "mean"}), Z, LABELS) is None
    assert loss_value(Facts("mean squared error", {"reduction": "none"}), Z, NUMBERS) is None
    assert loss_value(Facts("mean squared error", {"reduction": "mean"}), Z, LABELS) is None


def test_a_gru_that_resets_before_the_product_adds_both_biases() -> None:
    rng = np.random.default_rng(0)
    W, U, *b = (rng.normal(size=shape) for shape in ((3, 12), (4, 12), (12,), (12,)))
    before = Facts("gru", {"activation": "tanh", "reset_after": False})
    X = rng.normal(size=(2, 5, 3))
    one, two = (layer_output(before, [W, U, *each], [], (X,)) for each in ([b[0] + b[1]], b))
    assert one is not None
    np.testing.assert_array_equal(two, one)
