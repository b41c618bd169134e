"""Trainings that are the same agree to 1e-12 over 200 steps, however they are written."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

import scratch
from lockstep import Training, diverge
from scratch import SGD, CategoricalCrossEntropy, MeanSquaredError

from .modules import images, training

RATE = 2**-4


def from_scratch(*layers, loss=None, optimizer=None):
    network = scratch.Sequential(*layers).initialize(np.random.default_rng(0))
    return Training(
        network,
        loss=loss or CategoricalCrossEntropy(),
        optimizer=optimizer or SGD(RATE, momentum=0.5),
    )


def dense():
    ours = from_scratch(scratch.Dense(6, 8), scratch.ReLU(), scratch.Dense(8, 3))
    theirs = nn.Sequential(nn.Linear(6, 8), nn.ReLU(inplace=True), nn.Linear(8, 3))
    rng = np.random.default_rng(0)
    return ours, training(theirs), rng.normal(size=(40, 6)), rng.integers(0, 3, 40)


def convolutional():
    layers = (
        *(scratch.Conv2D(2, 4, 3, padding="same"), scratch.BatchNorm.pytorch(4), scratch.ReLU()),
        *(scratch.MaxPool2D(2), scratch.Dropout(0.5), scratch.Flatten(), scratch.Dense(16, 3)),
    )
    theirs = nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2),
        nn.Dropout(0.5), nn.Flatten(), nn.Linear(16, 3),
    )  # fmt: skip
    return from_scratch(*layers), training(theirs), *images()


def recurrent():
    class Last(nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm = nn.LSTM(4, 5, batch_first=True)
            self.lstm.bias_hh_l0.requires_grad_(False)
            self.out = nn.Linear(5, 1)

        def forward(self, x):
            return self.out(self.lstm(x)[1][0][0])

    ours = from_scratch(scratch.LSTM(4, 5), scratch.Dense(5, 1), loss=MeanSquaredError())
    rng = np.random.default_rng(0)
    theirs = training(Last(), loss=nn.MSELoss())
    return ours, theirs, rng.normal(size=(40, 6, 4)), rng.normal(size=(40, 1))


@pytest.mark.parametrize("network", [dense, convolutional, recurrent])
def test_scratch_and_pytorch_are_one_training(network):
    report = diverge(*network(), batch_size=8)
    assert report.same, str(report)
    assert [level.verdict for level in report.levels] == ["same"] * 7
    worst = max(level.worst.error for level in report.levels)
    assert worst < 1e-12  # the limit of a step; that of the weights at the end is wider


def scheduled(step_on, size):
    made = training(nn.Linear(6, 3))
    schedule = torch.optim.lr_scheduler.StepLR(made.optimizer, size, gamma=0.5)
    return replace(made, scheduler=schedule, step_on=step_on)


def test_a_schedule_by_epochs_is_one_by_as_many_batches():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(24, 6)), rng.integers(0, 3, 24)  # three batches of 8 an epoch
    by_epoch = scheduled("epoch", 1)
    assert diverge(by_epoch, scheduled("batch", 3), X, y, steps=9, batch_size=8).same
    assert diverge(by_epoch, scheduled("batch", 4), X, y, steps=9, batch_size=8).step == 5


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_logarithm_of_a_softmax_before_logits_are_taken_changes_nothing(dtype):
    def side(*last):
        return training(nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3), *last))

    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(40, 6)), rng.integers(0, 3, 40)
    found = diverge(side(nn.LogSoftmax(-1)), side(), X, y, steps=8, dtype=dtype)
    assert found.same, str(found)
    assert any("outputs are compared as probabilities" in note for note in found.notes)
    assert diverge(side(nn.Softmax(-1)), side(), X, y, steps=8).level == "forward"
