"""A small residual network with batch normalization."""

import keras
import numpy as np
import torch
from keras import layers
from torch import nn
from torch.nn import functional as F

from frameworks.pytorch.hooks import use_biased_running_variance
from lockstep import Training

from .port import Mistake, Port


def data():
    rng = np.random.default_rng(1)
    return rng.normal(size=(96, 10, 10, 3)), rng.integers(4, size=96)


def keras_block(x, filters):
    y = layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)
    y = layers.BatchNormalization(momentum=0.875)(y)
    y = layers.ReLU()(y)
    y = layers.Conv2D(filters, 3, padding="same", use_bias=False)(y)
    y = layers.BatchNormalization(momentum=0.875)(y)
    return layers.ReLU()(layers.Add()([x, y]))


def keras_side() -> Training:
    inputs = layers.Input((10, 10, 3))
    x = layers.Conv2D(8, 3, use_bias=False)(inputs)
    x = layers.ReLU()(layers.BatchNormalization(momentum=0.875)(x))
    x = keras_block(keras_block(x, 8), 8)
    x = layers.GlobalAveragePooling2D()(x)
    model = keras.Model(inputs, layers.Dense(4)(x))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer=keras.optimizers.SGD(0.0625, momentum=0.875), loss=loss)
    return Training(model)


class Block(nn.Module):
    def __init__(self, channels, skip, **norm):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels, **norm)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels, **norm)
        self.skip = skip

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        return F.relu(y + x) if self.skip else F.relu(y)


class Network(nn.Module):
    def __init__(self, skip=True, **norm):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, bias=False)
        self.bn = nn.BatchNorm2d(8, **norm)
        self.blocks = nn.Sequential(Block(8, skip, **norm), Block(8, skip, **norm))
        self.head = nn.Linear(8, 4)

    def forward(self, x):
        x = self.blocks(F.relu(self.bn(self.stem(x))))
        return self.head(x.mean((2, 3)))


def torch_side(eps=1e-3, momentum=0.125, biased=True, frozen=False, skip=True) -> Training:
    model = Network(skip, eps=eps, momentum=momentum)
    if biased:
        use_biased_running_variance(model)
    model.stem.weight.requires_grad_(not frozen)
    optimizer = torch.optim.SGD(model.parameters(), 0.0625, momentum=0.875)
    return Training(model, loss=nn.CrossEntropyLoss(), optimizer=optimizer)


PORT = Port(
    "residual network",
    data,
    keras_side,
    torch_side,
    (
        Mistake("ε of batch normalization left at 1e-5", {"eps": 1e-5}, "forward",
                "batch_norm|bn", "(?i)ε|eps"),
        Mistake("momentum of batch normalization left at 0.1", {"momentum": 0.1}, "result|step",
                "batch_norm|bn|running|moving", "(?i)momentum|keep"),
        Mistake("unbiased running variance", {"biased": False}, "result|step",
                "batch_norm|bn|running|moving", "(?i)unbiased|n − 1|bessel|m/\\(m"),
        Mistake("the skip connection forgotten", {"skip": False}, "forward",
                "add|sum|relu|block", "(?i)only in|sum|add|skip"),
        Mistake("the first convolution frozen", {"frozen": True}, "gradient|step",
                "stem|conv", "(?i)frozen|trainable|requires_grad"),
    ),
)  # fmt: skip
