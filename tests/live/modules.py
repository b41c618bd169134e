"""Small PyTorch modules, and trainings of them, whose parts can be replaced one by one."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from lockstep import Training

__all__ = ["Images", "Sequences", "images", "sequences", "training"]


class Images(nn.Module):
    """Convolution, normalization, a skip connection and dropout; `fc` is defined before it runs."""

    def __init__(self, rate=0.5, activation=F.relu, skip=True):
        super().__init__()
        self.fc = nn.Linear(2 * 2 * 4, 6)
        self.out = nn.Linear(6, 3)
        self.conv = nn.Conv2d(2, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.inner = nn.Conv2d(4, 4, 1)
        self.drop = nn.Dropout(rate)
        self.activation, self.skip = activation, skip

    def forward(self, x):
        x = self.norm(self.conv(x))
        x = self.activation(x)
        if self.skip:
            x = x + torch.tanh(self.inner(x))
        else:
            x = torch.tanh(self.inner(x))
        x = F.max_pool2d(x, 2)
        x = F.relu(self.fc(self.drop(x.view(len(x), -1))))
        return self.out(x)


class Sequences(nn.Module):
    """An embedding, an LSTM and the output of one of its steps."""

    def __init__(self, step=-1):
        super().__init__()
        self.embedding = nn.Embedding(9, 4)
        self.lstm = nn.LSTM(4, 5)
        self.out = nn.Linear(5, 3)
        self.step = step

    def forward(self, tokens):
        outputs, _ = self.lstm(self.embedding(tokens.T))
        return self.out(outputs[self.step])


def stepped(model, optimizer, loss, X, y):
    """Take the plain step, as one of a user's own does; return the loss."""
    optimizer.zero_grad()
    value = loss(model(X), y)
    value.backward()
    optimizer.step()
    return value


def training(module, *, loss=None, optimizer=None, **options):
    """Return a training with plain gradient descent, unless an optimizer is given."""
    descent = optimizer or (lambda p: torch.optim.SGD(p, lr=2**-4, momentum=0.5))
    return Training(
        module,
        loss=loss or nn.CrossEntropyLoss(),
        optimizer=descent(module.parameters()),
        **options,
    )


def images(rows=24, channels_first=False):
    """Return images (n, 4, 4, 2) and labels."""
    rng = np.random.default_rng(1)
    X = rng.normal(size=(rows, 4, 4, 2))
    y = rng.integers(0, 3, rows)
    return np.ascontiguousarray(X.transpose(0, 3, 1, 2)) if channels_first else X, y


def sequences(rows=24):
    """Return tokens (n, 5) and labels."""
    rng = np.random.default_rng(2)
    return rng.integers(0, 9, (rows, 5)), rng.integers(0, 3, rows)
