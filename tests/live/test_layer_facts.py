"""What layers say of themselves: one fact apart is one fact, and equal layers say the same."""

import copy
from typing import Any

import numpy as np
import pytest
from torch import nn

import scratch
from frameworks.keras import facts as keras_facts
from frameworks.keras.loading import keras
from frameworks.live.settings import differing
from frameworks.pytorch import facts as pytorch_facts
from frameworks.recordings.trace import Facts
from frameworks.scratch import facts as scratch_facts
from frameworks.spec import float32
from lockstep import diverge
from tests.live.layer_pairs import KERAS, PYTORCH, Pair
from tests.live.modules import training

L = keras.layers


def stated(layer: Any, shape: tuple[int, ...] | None) -> Facts:
    if isinstance(layer, nn.Module):
        return pytorch_facts.layer_facts(layer, shape)
    if isinstance(layer, scratch.Layer):
        return scratch_facts.layer_facts(layer, shape)
    if isinstance(layer, keras.layers.Layer) and not layer.built:
        if not isinstance(layer, L.MultiHeadAttention):
            layer.build((None, *shape) if shape else None)
    return keras_facts.layer_facts(layer, shape)


def name_of(case: Pair) -> str:
    return f"{case[1].__name__}-{case[0]}"


@pytest.mark.parametrize("case", [*KERAS, *PYTORCH], ids=name_of)
def test_layers_that_differ_in_one_fact_say_so_and_no_more(case: Pair) -> None:
    name, make, common, other, shape = case
    one, again, changed = (make(**arguments) for arguments in (common, common, common | other))
    first, same, second = (stated(layer, shape) for layer in (one, again, changed))
    assert differing(first, same) == []
    assert first.kind == second.kind
    found = [each for each in {**first.values, **second.values}
             if first.values.get(each) != second.values.get(each)]  # fmt: skip
    assert set(found) - {"attention_scale"} == {name} | _FOLLOWING.get((make, name), set())
    assert first.said.get(name) != second.said.get(name)


_FOLLOWING = {
    (L.BatchNormalization, "frozen"): {"statistics"},
    (nn.BatchNorm1d, "statistics"): set(),
}

EQUAL = {
    "dense": (L.Dense(3), nn.Linear(4, 3), (4,)),
    "convolution": (L.Conv2D(2, 3, padding="same"), nn.Conv2d(4, 2, 3, padding=1), (8, 8, 4)),
    "strided convolution on odd images": (
        L.Conv2D(2, 3, strides=2, padding="same"),
        nn.Conv2d(4, 2, 3, stride=2, padding=1),
        (9, 9, 4),
    ),
    "depthwise convolution": (
        L.DepthwiseConv2D(3, depth_multiplier=2),
        nn.Conv2d(4, 8, 3, groups=4),
        (8, 8, 4),
    ),
    "transposed convolution": (
        L.Conv2DTranspose(2, 4, strides=2, padding="same"),
        nn.ConvTranspose2d(4, 2, 4, stride=2, padding=1),
        (8, 8, 4),
    ),
    "wide transposed convolution": (
        L.Conv2DTranspose(2, 2, strides=3),
        nn.ConvTranspose2d(4, 2, 2, stride=3, output_padding=1),
        (8, 8, 4),
    ),
    "pooling of odd images": (
        L.MaxPooling2D(2, padding="same"),
        nn.MaxPool2d(2, ceil_mode=True),
        (9, 9, 4),
    ),
    "average of odd images": (
        L.AveragePooling2D(2, padding="same"),
        nn.AvgPool2d(2, ceil_mode=True),
        (9, 9, 4),
    ),
    "global pooling": (L.GlobalAveragePooling2D(), nn.AdaptiveAvgPool2d(1), (8, 8, 4)),
    "global pooling by size": (L.GlobalMaxPooling2D(), nn.MaxPool2d(8), (8, 8, 4)),
    "layer normalization": (L.LayerNormalization(epsilon=1e-5), nn.LayerNorm(4), (4,)),
    "group normalization": (
        L.GroupNormalization(2, epsilon=1e-5),
        nn.GroupNorm(2, 4),
        (8, 8, 4),
    ),
    "instance normalization": (
        L.GroupNormalization(-1, epsilon=1e-5),
        nn.InstanceNorm2d(4, affine=True),
        (8, 8, 4),
    ),
    "rms normalization": (L.RMSNormalization(), nn.RMSNorm(4, eps=1e-6), (4,)),
    "dropout": (L.Dropout(0.25), nn.Dropout(0.25), (4,)),
    "dropout of channels": (L.SpatialDropout2D(0.25), nn.Dropout2d(0.25), (8, 8, 4)),
    "gru": (L.GRU(3), nn.GRU(4, 3), (5, 4)),
    "attention": (L.MultiHeadAttention(2, 4), nn.MultiheadAttention(8, 2), (5, 8)),
    "relu": (L.ReLU(), nn.ReLU(), (4,)),
    "relu6": (L.ReLU(6.0), nn.ReLU6(), (4,)),
    "a hard tanh from 0 to 6": (L.Activation("relu6"), nn.Hardtanh(0, 6), (4,)),
    "leaky relu": (L.LeakyReLU(0.25), nn.LeakyReLU(0.25), (4,)),
    "a relu with a slope": (L.ReLU(negative_slope=0.25), nn.LeakyReLU(0.25), (4,)),
    "swish": (L.Activation("swish"), nn.SiLU(), (4,)),
    "hard swish": (L.Activation("hard_silu"), nn.Hardswish(), (4,)),
    "softmax": (L.Softmax(), nn.Softmax(dim=1), (4,)),
    "nothing": (L.Activation("linear"), nn.Identity(), (4,)),
    "flattening": (L.Flatten(), nn.Flatten(), (8, 8, 4)),
}


@pytest.mark.parametrize("name", EQUAL)
def test_layers_that_compute_the_same_say_the_same(name: str) -> None:
    one, other, shape = EQUAL[name]
    ours, theirs = stated(one, shape), stated(other, shape)
    assert ours.kind == theirs.kind
    assert differing(ours, theirs) == []


@pytest.mark.parametrize("name", EQUAL)
def test_a_layer_derived_from_one_of_pytorch_says_what_that_says(name: str) -> None:
    _, layer, shape = EQUAL[name]
    derived = copy.deepcopy(layer)
    derived.__class__ = type("Own", (type(layer),), {})
    assert stated(derived, shape) == stated(layer, shape)


DIFFERENT = {
    "strided convolution on even images": (
        L.Conv2D(2, 3, strides=2, padding="same"),
        nn.Conv2d(4, 2, 3, stride=2, padding=1),
        (8, 8, 4),
        ["padding"],
    ),
    "transposed convolution of size 3": (
        L.Conv2DTranspose(2, 3, strides=2, padding="same"),
        nn.ConvTranspose2d(4, 2, 3, stride=2, padding=1, output_padding=1),
        (8, 8, 4),
        ["crop"],
    ),
    "average that counts its padding": (
        L.AveragePooling2D(3, 2, padding="same"),
        nn.AvgPool2d(3, 2, padding=1),
        (9, 9, 4),
        ["counted"],
    ),
    "batch normalization": (
        L.BatchNormalization(),
        nn.BatchNorm2d(4),
        (8, 8, 4),
        ["epsilon", "keep", "unbiased"],
    ),
    "lstm": (L.LSTM(3), nn.LSTM(4, 3), (5, 4), ["biases"]),
    "old gru": (L.GRU(3, reset_after=False), nn.GRU(4, 3), (5, 4), ["reset_after", "biases"]),
    "attention whose scale is rounded": (
        L.MultiHeadAttention(2, 3),
        nn.MultiheadAttention(6, 2),
        (5, 6),
        ["attention_scale"],
    ),
    "gelu": (L.Activation("gelu"), nn.GELU(), (4,), ["constant"]),
    "softplus": (L.Activation("softplus"), nn.Softplus(), (4,), ["threshold"]),
    "selu": (L.Activation("selu"), nn.SELU(), (4,), ["slope_at_zero"]),
    "leaky relu": (L.Activation("leaky_relu"), nn.LeakyReLU(), (4,), ["slope"]),
}


@pytest.mark.parametrize("name", DIFFERENT)
def test_layers_with_stock_settings_differ_in_these_facts(name: str) -> None:
    one, other, shape, expected = DIFFERENT[name]
    assert differing(stated(one, shape), stated(other, shape)) == expected


FROM_SCRATCH = {
    "dense": (scratch.Dense(4, 3), nn.Linear(4, 3), (4,)),
    "convolution": (
        scratch.Conv2D(4, 2, 3, padding="same"),
        nn.Conv2d(4, 2, 3, padding=1),
        (8, 8, 4),
    ),
    "pooling": (scratch.MaxPool2D(2), nn.MaxPool2d(2), (8, 8, 4)),
    "batch normalization": (scratch.BatchNorm.pytorch(4), nn.BatchNorm1d(4), (4,)),
    "lstm": (scratch.LSTM(4, 3, biases=2), nn.LSTM(4, 3), (5, 4)),
    "attention": (scratch.SelfAttention(8, 2), nn.MultiheadAttention(8, 2), (5, 8)),
    "gelu": (scratch.GELU(), nn.GELU(), (4,)),
    "embedding": (
        scratch.Embedding(9, 2, padding=0, freeze_padding=True),
        nn.Embedding(9, 2, padding_idx=0),
        (5,),
    ),
}


@pytest.mark.parametrize("name", FROM_SCRATCH)
def test_scratch_says_the_same_of_the_same_layer(name: str) -> None:
    one, other, shape = FROM_SCRATCH[name]
    ours, theirs = stated(one, shape), stated(other.double(), shape)
    assert (ours.kind, differing(ours, theirs)) == (theirs.kind, [])


def test_a_function_says_what_its_module_does() -> None:
    arguments = {"kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": False}
    called = pytorch_facts.function_facts("max_pool2d", arguments, (8, 8, 4))
    assert called == stated(nn.MaxPool2d(3, 2, 1), (8, 8, 4))


def test_a_function_without_a_module_says_its_arguments() -> None:
    found = pytorch_facts.function_facts("cat", {"dim": 1})
    assert (found.kind, dict(found.values)) == ("concatenation", {"dim": 1})


def test_a_function_says_its_slices_in_words_that_a_recording_can_hold() -> None:
    found = pytorch_facts.function_facts("__getitem__", {"key": (slice(None), ..., -1, None)})
    assert found.values == {"key": ("slice(None, None, None)", "Ellipsis", -1, None)}


def test_a_function_that_moves_numbers_only_rearranges() -> None:
    assert pytorch_facts.function_facts("flatten", {"start_dim": 1}).kind == "rearrangement"


def test_padding_is_unknown_where_the_shape_is() -> None:
    layer = L.Conv2D(2, 3, padding="same")
    assert keras_facts.layer_facts(layer, None).values["padding"] == "same"


def test_a_penalty_is_stated_as_the_decay_of_the_gradient_that_it_is() -> None:
    """0.125 Σ w² has the gradient 0.25 w."""
    layer = L.Dense(3, kernel_regularizer=keras.regularizers.L2(0.125))
    assert stated(layer, (4,)).values["kernel_decay"] == 0.25


@pytest.mark.parametrize(("name", "times"), [("l2", 2), ("l1", 1)])
def test_a_penalty_is_stated_as_keras_rounds_it_to_float32(name: str, times: int) -> None:
    penalty = keras.regularizers.L1L2(**{name: 0.01})
    found = stated(L.Dense(3, kernel_regularizer=penalty), (4,))
    fact = {"l2": "kernel_decay", "l1": "kernel_l1"}[name]
    assert found.values[fact] == times * float32(0.01) != times * 0.01
    assert "(0.01), rounded to 0.009999999776" in found.said[fact]


@pytest.mark.parametrize("functional", [False, True])
@pytest.mark.parametrize(("dim", "other"), [(-1, 1), (2, 1), (1, 2), (-1, -2)])
def test_a_softmax_over_another_axis_is_the_cause(dim, other, functional):
    """Axis 1 is that of the channels only where these come first."""

    class Mixing(nn.Module):
        def __init__(self, dim):
            super().__init__()
            self.inner, self.out, self.softmax = nn.Linear(4, 4), nn.Linear(4, 3), nn.Softmax(dim)

        def forward(self, x):
            x = self.inner(x)
            x = x.softmax(self.softmax.dim) if functional else self.softmax(x)
            return self.out(x.mean(1))

    rng = np.random.default_rng(0)
    X, y, options = (
        rng.normal(size=(16, 4, 4)),
        rng.integers(3, size=16),
        {"steps": 2, "batch_size": 8},
    )
    report = diverge(*(training(Mixing(each)) for each in (dim, other)), X, y, **options)
    said = f"the first pytorch has dim={dim}", f"the second pytorch dim={other}"
    assert all(words in str(report.cause) for words in said), str(report)
    same = (training(Mixing(each)) for each in (dim, dim % -3))
    assert diverge(*same, X, y, **options).same
