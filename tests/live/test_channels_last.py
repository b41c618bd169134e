"""Images with their channels last are turned for a PyTorch model that takes them first."""

import keras
import numpy as np
import pytest
import torch
from keras import layers as L
from torch import nn

from lockstep import RequestError, Training, diverge

from .modules import training

RNG = np.random.default_rng(0)
COLORS, DEPTH = RNG.normal(size=(40, 6, 6, 3)), RNG.normal(size=(40, 6, 6, 1))
y = RNG.integers(4, size=40)


class Images(nn.Module):
    """Layers by their names, defined in this order, and a function that says how they run."""

    def __init__(self, run, **layers):
        super().__init__()
        for name, layer in layers.items():
            self.add_module(name, layer)
        self.run = run

    def forward(self, *images):
        return self.run(self, *images)


def early():
    colors, depth = L.Input((6, 6, 3)), L.Input((6, 6, 1))
    outputs = L.GlobalAveragePooling2D()(L.Conv2D(4, 3)(L.Concatenate()([colors, depth])))
    ours = Images(
        lambda s, x, d: s.conv(torch.cat([x, d], 1)).mean((2, 3)), conv=nn.Conv2d(4, 4, 3)
    )
    return keras.Model([colors, depth], outputs), ours, (COLORS, DEPTH)


def late():
    colors, depth = L.Input((6, 6, 3)), L.Input((6, 6, 1))
    total = L.Add()([L.Conv2D(4, 3)(colors), L.Conv2D(4, 3)(depth)])
    ours = Images(
        lambda s, x, d: (s.conv(x) + s.other(d)).mean((2, 3)),
        conv=nn.Conv2d(3, 4, 3), other=nn.Conv2d(1, 4, 3),
    )  # fmt: skip
    return keras.Model([colors, depth], L.GlobalAveragePooling2D()(total)), ours, (COLORS, DEPTH)


def alone(layers, run, **modules):
    model = keras.Sequential([L.Input((6, 6, 3)), *layers])
    return model, Images(run, **modules), COLORS


PAIRS = {
    "one convolution of two images": early,
    "a convolution for each image": late,
    "a head that is defined first": lambda: alone(
        [L.Conv2D(6, 3), L.Conv2D(4, 1), L.GlobalAveragePooling2D()],
        lambda s, x: s.head(s.conv(x)).mean((2, 3)),
        head=nn.Conv2d(6, 4, 1), conv=nn.Conv2d(3, 6, 3),
    ),
    "a transposed convolution": lambda: alone(
        [L.Conv2DTranspose(4, 2, 2), L.GlobalAveragePooling2D()],
        lambda s, x: s.conv(x).mean((2, 3)), conv=nn.ConvTranspose2d(3, 4, 2, 2),
    ),
    "no convolution": lambda: alone(
        [L.MaxPooling2D(2), L.GlobalAveragePooling2D(), L.Dense(4)],
        lambda s, x: s.fc(s.pool(x).mean((2, 3))), pool=nn.MaxPool2d(2), fc=nn.Linear(3, 4),
    ),
}  # fmt: skip


@pytest.mark.parametrize("pair", PAIRS)
def test_images_are_turned_whatever_takes_them_first(pair):
    model, module, X = PAIRS[pair]()
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(2**-4, momentum=0.5), loss)
    report = diverge(Training(model), training(module), X, y, steps=3)
    assert report.same, str(report)


def test_what_fails_either_way_is_refused_with_both_reasons():
    module = Images(lambda s, x: s.conv(x), conv=nn.Conv2d(7, 4, 3))
    with pytest.raises(RequestError, match=r"\(6, 6, 3\): .* elsewhere, .* \(3, 6, 6\): "):
        diverge(training(module), training(module), COLORS, y)


def test_rows_whose_channels_may_be_on_either_side_are_said_to_be_taken_as_they_are():
    def side():
        return training(Images(lambda s, x: s.conv(x).mean(2), conv=nn.Conv1d(6, 4, 3)))

    said = "rows of shape {} are taken as they are, not with their channels elsewhere"
    for d, times in ((6, 1), (5, 0)):
        X = RNG.normal(size=(40, 6, d))
        report = diverge(side(), side(), X, y, steps=2)
        assert report.same, str(report)
        assert report.notes.count(said.format((6, d))) == times
