"""A small convolutional network for images, channels-last in Keras, channels-first in PyTorch."""

import keras
import numpy as np
import torch
from keras import layers
from torch import nn
from torch.nn import functional as F

from lockstep import Training

from .port import Mistake, Port


def data():
    rng = np.random.default_rng(0)
    return rng.random((96, 12, 12, 1)), rng.integers(5, size=96)


def keras_side() -> Training:
    model = keras.Sequential(
        [
            layers.Input((12, 12, 1)),
            layers.Conv2D(8, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(16, 3, activation="relu"),
            layers.Flatten(),
            layers.Dense(32, activation="relu"),
            layers.Dropout(0.25),
            layers.Dense(5, activation="softmax"),
        ]
    )
    optimizer = keras.optimizers.SGD(0.0625, momentum=0.875)
    model.compile(optimizer=optimizer, loss="sparse_categorical_crossentropy")
    return Training(model)


class Network(nn.Module):
    def __init__(self, relu=True, softmax=False, pool=F.max_pool2d, dropout=0.25):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 8, 3)
        self.conv2 = nn.Conv2d(8, 16, 3)
        self.fc1 = nn.Linear(16 * 3 * 3, 32)
        self.fc2 = nn.Linear(32, 5)
        self.dropout = nn.Dropout(dropout)
        self.relu, self.softmax, self.pool = relu, softmax, pool

    def forward(self, x):
        x = self.pool(F.relu(self.conv1(x)), 2)
        x = self.conv2(x)
        x = F.relu(x) if self.relu else x
        x = F.relu(self.fc1(torch.flatten(x, 1)))
        x = self.fc2(self.dropout(x))
        return F.softmax(x, 1) if self.softmax else x


def torch_side(nesterov=False, **changes) -> Training:
    model = Network(**changes)
    optimizer = torch.optim.SGD(model.parameters(), 0.0625, momentum=0.875, nesterov=nesterov)
    return Training(model, loss=nn.CrossEntropyLoss(), optimizer=optimizer)


PORT = Port(
    "convolutional network",
    data,
    keras_side,
    torch_side,
    (
        Mistake("a ReLU forgotten", {"relu": False}, "forward", "relu|conv|fc1|dense",
                "(?i)(only|no|without|lacks|missing).*relu|relu.*(only|missing|none)"),
        Mistake("softmax before CrossEntropyLoss", {"softmax": True}, "forward|loss",
                "loss|softmax|output|fc2", "softmax.*(twice|again)|probabilities.*logits"),
        Mistake("another dropout rate", {"dropout": 0.5}, "forward", "dropout", "rate|0.5"),
        Mistake("average for maximum pooling", {"pool": F.avg_pool2d}, "forward", "pool",
                "average|mean|pool"),
        Mistake("Nesterov momentum", {"nesterov": True}, "step", "optimizer|kernel|bias|weight",
                "(?i)nesterov"),
    ),
)  # fmt: skip
