"""Noise with handed numbers is what the libraries compute; it is compared on every branch."""

import json
import re

import keras
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from keras import layers as L
from safetensors import safe_open
from safetensors.numpy import load_file, save_file
from torch import nn

from frameworks.keras.live import KerasLive
from frameworks.live.model import Rows
from frameworks.pytorch.handing import Handed, handing
from lockstep import RequestError, Training, diverge, record

from .modules import training

pytestmark = pytest.mark.slow

RNG = np.random.default_rng(0)
IMAGES, LABELS = RNG.normal(size=(24, 4, 5, 3)), RNG.integers(3, size=24)
RATE = 0.25
OF_PYTORCH = {
    F.dropout: (8, 3, 4, 5),
    F.dropout2d: (8, 3, 1, 1),
    F.alpha_dropout: (8, 3, 4, 5),
    F.feature_alpha_dropout: (8, 3, 1, 1),
}


@pytest.mark.parametrize("drop", OF_PYTORCH, ids=lambda f: f.__name__)
def test_a_call_of_pytorch_with_a_handed_mask_is_what_it_computes_itself(drop):
    """Of ones, a call returns one number where it drops and another where it keeps."""
    ones = torch.ones(8, 3, 4, 5, dtype=torch.float64)
    torch.manual_seed(0)
    of_ones = drop(ones, RATE, True)
    mask = (of_ones == of_ones.max()).double()
    mask = (mask / (1 - RATE))[:, :, :1, :1] if OF_PYTORCH[drop][2] == 1 else mask / (1 - RATE)
    x = torch.from_numpy(IMAGES[:8]).movedim(3, 1).contiguous()
    torch.manual_seed(0)
    expected = drop(x, RATE, True)
    handed = Handed(torch.float64)
    handed.masks = [mask.numpy()]
    with handing(handed):
        computed = drop(x, RATE, True)
        assert torch.equal(drop(x, RATE, False), x)
    assert handed.found == [(RATE, OF_PYTORCH[drop])]
    # A product and two sums of numbers below 8 are rounded in another order.
    torch.testing.assert_close(computed, expected, rtol=1e-14, atol=1e-14)


def test_alpha_dropout_drops_nothing_unless_it_is_told_to_train():
    """As of PyTorch, whose function has `training=False` by default, unlike that of dropout."""
    x = torch.ones(8, 3)
    with handing(handed := Handed(torch.float64)):
        F.alpha_dropout(x, RATE)
        F.feature_alpha_dropout(x, RATE)
        assert not handed.found
        F.dropout(x, RATE)
    assert len(handed.found) == 1


@pytest.mark.parametrize("shape", [(2, 3), (2, 3, 4)])
def test_the_channels_of_sequences_and_rows_are_dropped_as_pytorch_does(shape):
    """`F.dropout1d` takes (c, l) for one row, so that of (n, d) it drops whole rows."""
    x = torch.ones(shape, dtype=torch.float64)
    with handing(handed := Handed(torch.float64)):
        F.dropout1d(x, RATE)
    assert handed.found == [(RATE, (2, 1) if len(shape) == 2 else (2, 3, 1))]


def in_keras(*layers, **options):
    model = keras.Sequential([L.Input((4, 5, 3)), *layers, L.Flatten(), L.Dense(3)])
    model.compile(keras.optimizers.SGD(2**-5), keras.losses.SparseCategoricalCrossentropy(True))
    return Training(model, **options)


@pytest.mark.parametrize(
    ("noise", "numbers"),
    [
        (L.Dropout(RATE, seed=1), "uniform"),
        (L.SpatialDropout2D(RATE, seed=1), "of channels"),
        (L.Dropout(RATE, noise_shape=(None, 1, 1, None), seed=1), "of channels"),
        (L.AlphaDropout(RATE, seed=1), "uniform"),
        (L.GaussianNoise(RATE, seed=1), "normal"),
        (L.GaussianDropout(RATE, seed=1), "normal"),
    ],
    ids=lambda each: type(each).__name__ if isinstance(each, L.Layer) else each,
)
def test_a_layer_of_keras_with_handed_numbers_is_what_it_computes_itself(noise, numbers):
    rows = Rows((IMAGES[:8],), (LABELS[:8],))
    keras.config.set_dtype_policy("float64")
    try:
        layer = type(noise).from_config({**noise.get_config(), "dtype": "float64"})
        expected = keras.ops.convert_to_numpy(layer(IMAGES[:8], training=True))
    finally:
        keras.config.set_dtype_policy("float32")
    same = keras.random.SeedGenerator(1)
    if numbers == "normal":
        drawn = keras.random.normal((8, 4, 5, 3), seed=same, dtype="float64")
    else:  # of ones, a layer returns one number where it drops and another where it keeps
        layer.seed_generator.state.assign(same.state)
        of_ones = keras.ops.convert_to_numpy(layer(np.ones((8, 4, 5, 3)), training=True))
        drawn = (of_ones == of_ones.max()) / (1 - RATE)
        drawn = drawn[:, :1, :1] if numbers == "of channels" else drawn
    live = KerasLive(in_keras(noise), rows, "float64")
    (dropped,) = live.dropped(rows)
    assert dropped == (RATE, drawn.shape[1:], numbers == "normal")
    live.hand_masks([np.asarray(drawn)])
    layers, _ = live.trace_layers(rows)
    # A product and two sums of numbers below 8 are rounded in another order.
    np.testing.assert_allclose(layers[0].training_output, expected, rtol=1e-14, atol=1e-14)
    np.testing.assert_array_equal(layers[0].output, IMAGES[:8])


def test_one_number_may_be_drawn_for_all_features_of_a_flattened_image():
    """`F.dropout1d` of rows (n, d) drops whole rows, whatever order their features have."""

    class Flattened(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.out = nn.Conv2d(3, 2, 3), nn.Linear(12, 3)

        def forward(self, x):
            return self.out(F.dropout1d(self.first(x).flatten(1), RATE, self.training))

    report = compared(Flattened(), Flattened())
    assert report.same, str(report)


class Branches(nn.Module):
    """A block with a shortcut, and noise on one of both ways, or before they part."""

    def __init__(self, place, kind):
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)
        self.noise, self.out, self.place = kind(RATE), nn.Linear(4, 3), place

    def forward(self, x):
        x = F.relu(self.first(x))
        x = self.noise(x) if self.place == "before both" else x
        block = F.relu(self.second(self.noise(x) if self.place == "block" else x))
        x = block + (self.noise(x) if self.place == "shortcut" else x)
        return self.out(x.mean((2, 3)))


def compared(a, b):
    a, b = (training(each) if isinstance(each, nn.Module) else each for each in (a, b))
    return diverge(a, b, IMAGES, LABELS, steps=3, batch_size=8)


@pytest.mark.parametrize("kind", [nn.Dropout2d, nn.AlphaDropout, nn.FeatureAlphaDropout])
def test_noise_on_another_branch_differs(kind):
    places = ("block", "shortcut", "before both")
    for ours in places:
        for theirs in places:
            report = compared(Branches(ours, kind), Branches(theirs, kind))
            assert report.same == (ours == theirs), str(report)
            if not report.same:
                assert re.search(r" gives .* the outputs? of ", report.cause), str(report)


def of_keras(place, kind):
    """Two dense layers side by side, and noise before one of them."""
    inputs = L.Input((4, 5, 3))
    x = L.Dense(4, activation="relu")(L.Flatten()(inputs))
    noise = kind(RATE)
    first = L.Dense(4)(noise(x) if place == "first" else x)
    second = L.Dense(4)(noise(x) if place == "second" else x)
    model = keras.Model(inputs, L.Dense(3)(L.Concatenate()([first, second])))
    model.compile(keras.optimizers.SGD(2**-5), keras.losses.SparseCategoricalCrossentropy(True))
    return Training(model)


@pytest.mark.parametrize("kind", [L.GaussianNoise, L.GaussianDropout, L.AlphaDropout])
def test_so_it_does_in_keras(kind):
    assert compared(of_keras("first", kind), of_keras("first", kind)).same
    assert not compared(of_keras("first", kind), of_keras("second", kind)).same


@pytest.mark.parametrize(
    ("kind", "name"),
    [(L.GaussianNoise, "stddev"), (L.GaussianDropout, "rate"), (L.AlphaDropout, "rate"),
     (L.SpatialDropout2D, "rate")],
)  # fmt: skip
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_the_strength_of_noise_is_the_cause(kind, name, dtype):
    for one, other in ((0.25, 0.5), (0.5, 0.25)):
        sides = in_keras(kind(one, name="a")), in_keras(kind(other, name="b"))
        report = diverge(*sides, IMAGES, LABELS, steps=3, batch_size=8, dtype=dtype)
        assert report.cause == (
            f"the first keras has {name}={one} in a, the second keras {name}={other} in b"
        )


def test_noise_that_all_rows_share_is_switched_off_and_said():
    def shared(rate):
        return in_keras(L.Dropout(rate, noise_shape=(1, 1, 1, 3), name="shared"))

    report = compared(shared(0.25), shared(0.25))
    assert report.same, str(report)
    assert any("shared (Dropout) draws nothing" in note for note in report.notes)
    assert not compared(shared(0.25), shared(0.5)).same
    assert not compared(shared(0.25), in_keras()).same
    assert not compared(in_keras(), shared(0.25)).same


@pytest.mark.parametrize("kind", [nn.Dropout2d, nn.AlphaDropout])
def test_a_recording_has_the_noise_and_one_of_the_first_version_is_refused(tmp_path, kind):
    side, path = Branches("block", kind), tmp_path / "noise.trace"
    record(training(side), IMAGES, LABELS, steps=3, batch_size=8, path=path)
    assert compared(path, Branches("block", kind)).same
    assert not compared(path, Branches("shortcut", kind)).same
    with safe_open(path, "numpy") as file:
        document = json.loads(file.metadata()["lockstep trace"])
    save_file(load_file(path), path, {"lockstep trace": json.dumps(document | {"version": 1})})
    with pytest.raises(RequestError, match="noise drew nothing when this was recorded"):
        compared(path, side)
