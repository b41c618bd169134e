"""An LSTM that classifies sentences of different lengths, padded with 0."""

import keras
import numpy as np
import torch
from keras import layers
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence

from lockstep import Training

from .port import Mistake, Port


def data():
    rng = np.random.default_rng(2)
    words = rng.integers(1, 20, size=(96, 8))
    return words * (np.arange(8) < rng.integers(2, 9, size=(96, 1))), rng.integers(3, size=96)


def keras_side(mask_zero=True) -> Training:
    model = keras.Sequential(
        [
            layers.Input((8,)),
            layers.Embedding(20, 6, mask_zero=mask_zero),
            layers.LSTM(10),
            layers.Dense(3),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer=keras.optimizers.SGD(0.25), loss=loss)
    return Training(model)


class Network(nn.Module):
    def __init__(self, pack=True, state=0, backwards=False):
        super().__init__()
        self.embedding = nn.Embedding(20, 6)
        self.lstm = nn.LSTM(6, 10, batch_first=True)
        self.fc = nn.Linear(10, 3)
        self.pack, self.state, self.backwards = pack, state, backwards

    def forward(self, words):
        x, lengths = self.embedding(words.long()), (words != 0).sum(1)
        if self.backwards:
            x = x.flip(1)
        if self.pack:
            x = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        _, states = self.lstm(x)
        return self.fc(states[self.state][0])


def torch_side(second_bias=False, lr=0.25, **changes) -> Training:
    model = Network(**changes)
    if not second_bias:
        nn.init.zeros_(model.lstm.bias_hh_l0).requires_grad_(False)
    optimizer = torch.optim.SGD(model.parameters(), lr)
    return Training(model, loss=nn.CrossEntropyLoss(), optimizer=optimizer)


PORT = Port(
    "LSTM classifier",
    data,
    keras_side,
    torch_side,
    (
        Mistake("PyTorch's second bias is trained, too", {"second_bias": True}, "step|gradient",
                "lstm|bias", "(?i)bias"),
        Mistake("the padding is read, too", {"pack": False}, "forward", "lstm|dense|fc",
                "(?i)mask|padd|pack"),
        Mistake("the padding is not masked in Keras", {"mask_zero": False}, "forward",
                "lstm|dense|fc|embedding", "(?i)mask|padd", "keras"),
        Mistake("the cell for the output", {"state": 1}, "forward", "lstm|dense|fc",
                "(?i)cell|state"),
        Mistake("a tenth of the learning rate", {"lr": 0.025}, "step",
                "optimizer|kernel|weight|bias|embedding|vectors",
                "(?i)learning.rate|lr"),
    ),
)  # fmt: skip
