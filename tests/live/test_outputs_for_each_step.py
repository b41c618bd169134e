"""An output for each step, as (n, t, classes), or as PyTorch's losses take it: (n, classes, t)."""

import keras
import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from frameworks.live.outputs import with_classes_alike
from lockstep import Training, diverge

from .modules import training

pytestmark = pytest.mark.slow

RNG = np.random.default_rng(0)
TOKENS = RNG.integers(1, 9, (24, 6))
PADDED = np.where(np.arange(6) < RNG.integers(2, 7, 24)[:, None], TOKENS, 0)


class Tagging(nn.Module):
    """Turned by the model, or else by its loss."""

    def __init__(self, turned, classes=5, eps=1e-5, packed=False):
        super().__init__()
        self.embedding, self.rnn = nn.Embedding(9, 4), nn.GRU(4, 4, batch_first=True)
        self.norm, self.out = nn.LayerNorm(4, eps), nn.Linear(4, classes)
        self.turned, self.packed = turned, packed

    def forward(self, tokens):
        x = self.embedding(tokens)
        if self.packed:
            lengths = (tokens != 0).sum(1)
            x = nn.utils.rnn.pack_padded_sequence(x, lengths, True, enforce_sorted=False)
        z, _ = self.rnn(x)
        if self.packed:
            z, _ = nn.utils.rnn.pad_packed_sequence(z, True, total_length=6)
        z = self.out(self.norm(z))
        return z.transpose(1, 2) if self.turned else z


def side(turned, smoothing=0.0, ignored=-100, **options):
    def in_loss(outputs, targets):
        return own(outputs.transpose(1, 2), targets)

    own = nn.CrossEntropyLoss(label_smoothing=smoothing, ignore_index=ignored)
    return training(Tagging(turned, **options), loss=own if turned else in_loss)


def reported(a, b, X=TOKENS, classes=5):
    y = np.where(X == 0, 0, RNG.integers(1, classes, X.shape))
    return diverge(a, b, X, y, steps=3, batch_size=8)


@pytest.mark.parametrize("classes", [5, 6])  # 6: as many as steps
@pytest.mark.parametrize("turned", [True, False])
def test_the_model_or_the_loss_may_turn_them(turned, classes):
    same = side(turned, classes=classes)
    report = reported(same, side(not turned, classes=classes), classes=classes)
    assert report.same, str(report)
    assert any("(n, classes, t) and (n, t, classes)" in note for note in report.notes)
    slips = {"forward": {"eps": 1e-3}, "loss": {"smoothing": 0.1}}
    for level, slip in slips.items():
        other = side(not turned, classes=classes, **slip)
        report = reported(same, other, classes=classes)
        assert report.level == level, str(report)


def test_a_loss_over_the_wrong_axis_is_found():
    wrong = training(Tagging(False, classes=6), loss=nn.CrossEntropyLoss())
    for right in (True, False):
        for sides in ((wrong, side(right, classes=6)), (side(right, classes=6), wrong)):
            report = reported(*sides, classes=6)
            assert report.level == "loss", str(report)


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("turned", [(True, False), (False, True), (True, True)])
def test_what_the_loss_ignores_is_not_compared(turned, packed):
    one = side(turned[0], ignored=0, packed=packed)
    assert reported(one, side(turned[1], ignored=0, packed=not packed), X=PADDED).same


def test_outputs_that_are_alike_in_no_order_are_left_as_they_are():
    x, y = RNG.normal(size=(2, 4, 3, 3))
    ours, theirs = with_classes_alike(x, y)
    assert (ours is x, theirs is y) == (True, True)


def test_keras_has_its_classes_last():
    layers = [keras.layers.Embedding(9, 4), keras.layers.Dense(4, "tanh"), keras.layers.Dense(5)]
    model = keras.Sequential([keras.Input((6,)), *layers])
    descent = keras.optimizers.SGD(2**-4, momentum=0.5)
    model.compile(descent, keras.losses.SparseCategoricalCrossentropy(from_logits=True))

    class Port(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding, self.inner = nn.Embedding(9, 4), nn.Linear(4, 4)
            self.out = nn.Linear(4, 5)

        def forward(self, tokens):
            return self.out(torch.tanh(self.inner(self.embedding(tokens)))).permute(0, 2, 1)

    assert reported(Training(model), training(Port(), loss=F.cross_entropy)).same
