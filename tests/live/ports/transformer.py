"""One pre-norm transformer block that classifies short series."""

import keras
import numpy as np
import torch
from keras import layers
from torch import nn

from lockstep import Training

from .port import Mistake, Port


def data():
    rng = np.random.default_rng(5)
    return rng.normal(size=(96, 6, 4)), rng.integers(3, size=96)


def keras_side() -> Training:
    inputs = layers.Input((6, 4))
    x = layers.Dense(16)(inputs)
    y = layers.LayerNormalization(epsilon=1e-6)(x)
    x = x + layers.MultiHeadAttention(num_heads=4, key_dim=4)(y, y)
    y = layers.LayerNormalization(epsilon=1e-6)(x)
    x = x + layers.Dense(16)(layers.Dense(32, activation="relu")(y))
    x = layers.GlobalAveragePooling1D()(x)
    model = keras.Model(inputs, layers.Dense(3)(x))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer=keras.optimizers.SGD(0.015625, momentum=0.875), loss=loss)
    return Training(model)


class Network(nn.Module):
    def __init__(self, eps=1e-6, heads=4, causal=False, activation=nn.ReLU, skip=True):
        super().__init__()
        self.embed = nn.Linear(4, 16)
        self.norm1 = nn.LayerNorm(16, eps=eps)
        self.attention = nn.MultiheadAttention(16, heads, batch_first=True)
        self.norm2 = nn.LayerNorm(16, eps=eps)
        self.ff = nn.Sequential(nn.Linear(16, 32), activation(), nn.Linear(32, 16))
        self.head = nn.Linear(16, 3)
        self.later = nn.Buffer(torch.ones(6, 6, dtype=torch.bool).triu(1)) if causal else None
        self.skip = skip

    def forward(self, x):
        x = self.embed(x)
        y = self.norm1(x)
        x = x + self.attention(y, y, y, attn_mask=self.later, need_weights=False)[0]
        y = self.ff(self.norm2(x))
        return self.head((x + y if self.skip else y).mean(1))


def torch_side(**changes) -> Training:
    model = Network(**changes)
    optimizer = torch.optim.SGD(model.parameters(), 0.015625, momentum=0.875)
    return Training(model, loss=nn.CrossEntropyLoss(), optimizer=optimizer)


PORT = Port(
    "transformer",
    data,
    keras_side,
    torch_side,
    (
        Mistake("ε of layer normalization left at 1e-5", {"eps": 1e-5}, "forward", "norm",
                "(?i)ε|eps"),
        Mistake("two heads for four", {"heads": 2}, "forward", "attention", "(?i)heads"),
        Mistake("a causal mask", {"causal": True}, "forward", "attention",
                "(?i)causal|mask|attend to later"),
        Mistake("GELU for ReLU", {"activation": nn.GELU}, "forward", "relu|gelu|ff|dense",
                "(?i)gelu"),
        Mistake("the second skip connection forgotten", {"skip": False}, "forward",
                "add|sum|pool|mean", "(?i)only in|sum|add|skip"),
    ),
)  # fmt: skip
