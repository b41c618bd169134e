"""A dense network, trained by AdamW with a cosine schedule."""

import keras
import numpy as np
import torch
from keras import layers
from torch import nn

from frameworks.pytorch.hooks import use_epsilon_hat
from lockstep import Training

from .port import Mistake, Port

STEPS = 256


def data():
    rng = np.random.default_rng(6)
    return rng.normal(size=(96, 8)), rng.integers(4, size=96)


def keras_side() -> Training:
    model = keras.Sequential(
        [layers.Input((8,)), layers.Dense(24, activation="relu"), layers.Dense(4)]
    )
    optimizer = keras.optimizers.AdamW(
        keras.optimizers.schedules.CosineDecay(2**-7, decay_steps=STEPS),
        weight_decay=2**-6,
        beta_1=0.875,
        beta_2=1 - 2**-10,
        epsilon=2**-23,
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer=optimizer, loss=loss)
    return Training(model)


def torch_side(
    kind=torch.optim.AdamW, decay=2**-6, steps=STEPS, step_on="batch", smoothing=0.0
) -> Training:
    model = nn.Sequential(nn.Linear(8, 24), nn.ReLU(), nn.Linear(24, 4))
    optimizer = kind(
        model.parameters(), 2**-7, betas=(0.875, 1 - 2**-10), eps=2**-23, weight_decay=decay
    )
    use_epsilon_hat(optimizer)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    return Training(
        model,
        loss=nn.CrossEntropyLoss(label_smoothing=smoothing),
        optimizer=optimizer,
        scheduler=scheduler,
        step_on=step_on,
    )


PORT = Port(
    "AdamW with a cosine schedule",
    data,
    keras_side,
    torch_side,
    (
        Mistake("Adam's weight decay, coupled", {"kind": torch.optim.Adam}, "step",
                "optimizer|kernel|weight", "(?i)coupled|decay"),
        Mistake("weight decay left at 0.01", {"decay": 0.01}, "step", "optimizer|kernel|weight",
                "(?i)decay"),
        Mistake("the schedule steps once an epoch", {"step_on": "epoch"}, "step|trajectory",
                "schedule|optimizer|loss|kernel|weight|bias", "(?i)epoch|schedule"),
        Mistake("half as long a schedule", {"steps": STEPS // 2}, "step|trajectory",
                "schedule|optimizer|loss|kernel|weight|bias", "(?i)schedule|128|steps"),
        Mistake("label smoothing", {"smoothing": 0.125}, "loss", "loss", "(?i)smooth"),
    ),
    explained="keras computes its learning rates in float32",
)  # fmt: skip
