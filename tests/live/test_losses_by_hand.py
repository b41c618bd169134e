"""A loss of the user's own may take probabilities: what it makes of them tells."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from lockstep import diverge

from .modules import training

RNG = np.random.default_rng(0)
X, y, answers = RNG.normal(size=(24, 6)), RNG.integers(3, size=24), RNG.integers(2, size=(24, 1))


def network(*end, outputs=3):
    return nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, outputs), *end)


def of_probabilities(p, y):
    return -p.gather(1, y[:, None]).log().mean()


def of_log_probabilities(p, y):
    return F.nll_loss(p, y)


def of_logits(z, y):
    return F.cross_entropy(z, y)


def of_answers(p, y):
    return -(y * p.log() + (1 - y) * (1 - p).log()).mean()


@pytest.mark.parametrize("other", [nn.CrossEntropyLoss(), of_logits])
@pytest.mark.parametrize(
    ("end", "loss"),
    [(nn.Softmax(-1), of_probabilities), (nn.LogSoftmax(-1), of_log_probabilities)],
)
@pytest.mark.parametrize("first", [True, False])
def test_probabilities_with_a_loss_by_hand_are_logits_with_the_stock_one(first, end, loss, other):
    sides = training(network(end), loss=loss), training(network(), loss=other)
    report = diverge(*(sides if first else sides[::-1]), X, y, steps=4, batch_size=8)
    assert report.same, str(report)
    assert any("outputs are compared as probabilities" in note for note in report.notes)


def test_so_are_those_of_two_answers():
    ours = training(network(nn.Sigmoid(), outputs=1), loss=of_answers)
    theirs = training(network(outputs=1), loss=nn.BCEWithLogitsLoss())
    report = diverge(ours, theirs, X, answers.astype(float), steps=4, batch_size=8)
    assert report.same, str(report)


def test_a_softmax_before_a_loss_that_takes_logits_is_the_cause():
    sides = training(network(), loss=of_logits), training(network(nn.Softmax(-1)), loss=of_logits)
    report = diverge(*sides, X, y, steps=4, batch_size=8)
    assert (report.level, report.same) == ("forward", False)
    assert report.cause is not None
    assert "ends in a softmax" in report.cause


@pytest.mark.parametrize("slip", [0.9, torch.tensor(1.1)])
def test_another_loss_of_the_same_probabilities_differs(slip):
    def slipped(p, y):
        return slip * of_probabilities(p, y)

    sides = training(network(nn.Softmax(-1)), loss=slipped), training(network())
    assert not diverge(*sides, X, y, steps=4, batch_size=8).same
