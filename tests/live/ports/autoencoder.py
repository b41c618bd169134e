"""An autoencoder: the images themselves are the targets."""

import keras
import numpy as np
import torch
from keras import layers
from torch import nn

from lockstep import Training

from .port import Mistake, Port


def data():
    return np.random.default_rng(4).random((96, 36)), None


def keras_side() -> Training:
    inputs = layers.Input((36,))
    code = layers.Dense(8, activation="relu")(inputs)
    model = keras.Model(inputs, layers.Dense(36, activation="sigmoid")(code))
    model.compile(optimizer=keras.optimizers.SGD(0.5, momentum=0.5), loss="binary_crossentropy")
    return Training(model)


def step_without_zero_grad(model, optimizer, loss, X, y):
    value = loss(model(X), y)
    value.backward()
    optimizer.step()
    return value


def torch_side(sigmoid=False, loss=None, activation=nn.ReLU, weight_decay=0.0, step=None):
    model = nn.Sequential(nn.Linear(36, 8), activation(), nn.Linear(8, 36))
    if sigmoid:
        model.append(nn.Sigmoid())
    optimizer = torch.optim.SGD(model.parameters(), 0.5, momentum=0.5, weight_decay=weight_decay)
    return Training(model, loss=loss or nn.BCEWithLogitsLoss(), optimizer=optimizer, step=step)


PORT = Port(
    "autoencoder",
    data,
    keras_side,
    torch_side,
    (
        Mistake("sigmoid before BCEWithLogitsLoss", {"sigmoid": True}, "forward|loss",
                "loss|sigmoid|output|3", "(?i)sigmoid.*(twice|again)|probabilities.*logits"),
        Mistake("squared errors", {"sigmoid": True, "loss": nn.MSELoss()}, "loss", "loss",
                "(?i)squared"),
        Mistake("a leaky ReLU", {"activation": nn.LeakyReLU}, "forward", "relu|1",
                "(?i)leaky|slope|0.01"),
        Mistake("weight decay", {"weight_decay": 2**-10}, "step", "optimizer|kernel|weight",
                "(?i)decay"),
        Mistake("no zero_grad", {"step": step_without_zero_grad}, "step|trajectory",
                "optimizer|kernel|bias|weight|loss", "(?i)add up|accumulat|zero_grad"),
    ),
)  # fmt: skip
