"""A line through three rows, whose spec has neither learning rate nor epsilon."""

from dataclasses import dataclass

import numpy as np

from frameworks import REGRESSION, Parts, Spec
from frameworks.backends import BACKENDS
from scratch import Batch, MeanSquaredError

NAMES = [name for name, backend in BACKENDS.items() if backend.native]
X = np.array([[1.0], [2.0], [4.0]])
Y = np.array([[0.5], [3.0], [1.0]])


@dataclass(frozen=True)
class Numbers(Spec):
    """Nothing of an optimizer."""

    epochs: int = 3
    batch_size: int = 3  # all rows
    falls: bool = False
    clipped: bool = False  # the norm of the gradient, at 0.125


SPEC = Numbers()


def build_scratch(spec=SPEC):
    import scratch

    optimizer = scratch.SGD(0.0625, momentum=0.5)
    optimizer = scratch.CoupledWeightDecay(0.5, optimizer)  # neither is native
    if spec.clipped:
        optimizer = scratch.ClipNorm(0.125, optimizer)
    if spec.falls:
        rate = scratch.PiecewiseConstantRate([2], [0.25, 0.0])
        optimizer = scratch.Scheduled(rate, scratch.Adam(epsilon=0.5))
    return Parts(
        scratch.Sequential(scratch.Dense(1, spec.outputs)), MeanSquaredError(), optimizer, None
    )


def build_keras(spec=SPEC):
    import keras

    network = keras.Sequential([keras.layers.Input((1,)), keras.layers.Dense(spec.outputs)])
    norm = 0.125 if spec.clipped else None
    options = {"momentum": 0.5, "weight_decay": 0.5, "global_clipnorm": norm}
    optimizer = keras.optimizers.SGD(0.0625, **options)
    if spec.falls:
        rate = keras.optimizers.schedules.PiecewiseConstantDecay([2], [0.25, 0.0])
        optimizer = keras.optimizers.Adam(rate, epsilon=0.5)
    return Parts(network, keras.losses.MeanSquaredError(), optimizer, None)


def build_pytorch(spec=SPEC):
    import torch

    from frameworks.pytorch.hooks import use_epsilon_hat, use_rate

    network = torch.nn.Linear(1, spec.outputs)
    options = {"momentum": 0.5, "weight_decay": 0.5}
    optimizer = torch.optim.SGD(network.parameters(), lr=0.0625, **options)
    if spec.clipped:
        clip = torch.nn.utils.clip_grad_norm_
        optimizer.register_step_pre_hook(lambda *_: clip(network.parameters(), 0.125) and None)
    if spec.falls:
        optimizer = use_epsilon_hat(torch.optim.Adam(network.parameters(), eps=0.5))
        use_rate(optimizer, lambda k: 0.25 if k <= 2 else 0.0)
    return Parts(network, torch.nn.MSELoss(), optimizer, None)


BUILDERS = {"scratch": build_scratch, "keras": build_keras, "pytorch": build_pytorch}


def train(name, spec=SPEC, y=Y, task=REGRESSION):
    """Train natively in float64; return what came of it, and what was reported."""
    told = []
    loop = BACKENDS[name].load("native", BACKENDS[name].native)
    report = lambda epoch, loss: told.append((epoch, loss))  # noqa: E731
    return loop(BUILDERS[name], spec, 0, Batch(X, y), task, report), told


def flat(arrays):
    return np.concatenate([a.ravel() for a in arrays])


def by_hand(trained, limit=np.inf):
    """Take three steps of gradient descent; return the weights after them and the losses before."""
    w, b = flat(trained.initial_weights)
    losses = []
    for _ in range(3):
        error = w * X + b - Y
        losses.append((error**2).mean())
        g = 2 * np.array([(error * X).mean(), error.mean()])
        w, b = np.array([w, b]) - 0.0625 * g * min(1, limit / np.linalg.norm(g))
    return [w, b], losses
