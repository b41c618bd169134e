"""A dense network that predicts one number, trained by Adam."""

import keras
import numpy as np
import torch
from keras import layers
from torch import nn

from frameworks.pytorch.hooks import use_epsilon_hat
from lockstep import Training

from .port import Mistake, Port


def data():
    rng = np.random.default_rng(3)
    X = rng.normal(size=(96, 5))
    return X, np.sin(X[:, :1]) + X[:, 1:2] * X[:, 2:3]


def keras_side() -> Training:
    model = keras.Sequential(
        [
            layers.Input((5,)),
            layers.Dense(16, activation="tanh"),
            layers.Dense(16, activation="tanh"),
            layers.Dense(1),
        ]
    )
    optimizer = keras.optimizers.Adam(2**-7, beta_1=0.875, beta_2=1 - 2**-10, epsilon=2**-23)
    model.compile(optimizer=optimizer, loss="mse")
    return Training(model)


def torch_side(hat=True, loss=None, first=nn.Tanh, bias=True, betas=(0.875, 1 - 2**-10)):
    model = nn.Sequential(
        *(nn.Linear(5, 16), first(), nn.Linear(16, 16), nn.Tanh(), nn.Linear(16, 1, bias=bias))
    )
    optimizer = torch.optim.Adam(model.parameters(), 2**-7, betas=betas, eps=2**-23)
    if hat:
        use_epsilon_hat(optimizer)
    return Training(model, loss=loss or nn.MSELoss(), optimizer=optimizer)


PORT = Port(
    "regression",
    data,
    keras_side,
    torch_side,
    (
        Mistake("ε after the bias correction", {"hat": False}, "step",
                "optimizer|kernel|bias|weight", "(?i)ε|eps"),
        Mistake("absolute for squared errors", {"loss": nn.L1Loss()}, "loss", "loss",
                "(?i)absolute|l1"),
        Mistake("a sum for a mean", {"loss": nn.MSELoss(reduction="sum")}, "loss", "loss",
                "(?i)sum|reduction"),
        Mistake("a sigmoid for the first tanh", {"first": nn.Sigmoid}, "forward",
                "tanh|sigmoid|1|dense", "(?i)sigmoid"),
        Mistake("β₂ left at 0.999", {"betas": (0.875, 0.999)}, "step|trajectory",
                "optimizer|kernel|bias|weight|loss", "(?i)β₂|beta"),
    ),
)  # fmt: skip
