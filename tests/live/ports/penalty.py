"""A dense network with an L2 penalty: in the loss in Keras, in the optimizer in PyTorch."""

import keras
import numpy as np
import torch
from keras import layers, regularizers
from torch import nn

from lockstep import Training

from .port import Mistake, Port

L2 = 2**-8


def data():
    rng = np.random.default_rng(7)
    X = rng.normal(size=(96, 6))
    return X, (X[:, :1] * X[:, 1:2] > 0).astype(float)


def keras_side(penalty=None) -> Training:
    penalty = penalty or regularizers.L2(L2)
    model = keras.Sequential(
        [
            layers.Input((6,)),
            layers.Dense(12, activation="relu", kernel_regularizer=penalty),
            layers.Dense(1, activation="sigmoid", kernel_regularizer=penalty),
        ]
    )
    optimizer = keras.optimizers.SGD(0.125, momentum=0.875)
    model.compile(optimizer=optimizer, loss="binary_crossentropy")
    return Training(model)


def torch_side(decay=2 * L2, biases=False, target_weight=None) -> Training:
    model = nn.Sequential(nn.Linear(6, 12), nn.ReLU(), nn.Linear(12, 1))
    kernels = [p for p in model.parameters() if p.ndim > 1]
    others = [p for p in model.parameters() if p.ndim == 1]
    groups = [
        {"params": kernels, "weight_decay": decay},
        {"params": others, "weight_decay": decay if biases else 0.0},
    ]
    optimizer = torch.optim.SGD(groups, 0.125, momentum=0.875)
    weight = None if target_weight is None else torch.tensor([target_weight])
    return Training(model, loss=nn.BCEWithLogitsLoss(pos_weight=weight), optimizer=optimizer)


PORT = Port(
    "L2 penalty",
    data,
    keras_side,
    torch_side,
    (
        Mistake("weight_decay without the factor 2", {"decay": L2}, "loss|gradient|step",
                "optimizer|kernel|weight|loss|dense", "(?i)decay|penalty|l2"),
        Mistake("no weight decay", {"decay": 0.0}, "loss|gradient|step",
                "optimizer|kernel|weight|loss|dense", "(?i)decay|penalty|l2"),
        Mistake("biases decay, too", {"biases": True}, "step|trajectory", "optimizer|bias|loss",
                "(?i)decay"),
        Mistake("L1 for L2", {"penalty": regularizers.L1(L2)}, "loss|gradient|step",
                "optimizer|kernel|weight|loss|dense", "(?i)l1|penalty", "keras"),
        Mistake("positive labels weigh twice", {"target_weight": 2.0}, "loss", "loss",
                "(?i)pos_weight|weigh"),
    ),
)  # fmt: skip
