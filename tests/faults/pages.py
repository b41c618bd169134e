"""Small networks, written like pages, for faults in layers that no experiment has.

All learn sklearn's digits, 8 x 8 pixels: 94 rows to train on in batches of 12, so that the last
batch of an epoch is not full, and 40 to test. Biases are drawn, so that none is zero by accident.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from datasets import Classes, Dataset
from datasets.dataset import digest_arrays
from experiments.harness.experiment import Experiment
from frameworks import Parts, Spec, float32
from scratch import glorot_uniform

MU, DECAY, SLOPE, RATE = float32(0.9), float32(0.05), 0.25, 0.5
BETA_1, BETA_2, EPSILON = float32(0.9), float32(0.999), float32(1e-7)


@dataclass(frozen=True)
class Numbers(Spec):
    inputs: int = 64
    outputs: int = 10
    hidden: tuple[int, ...] = ()
    epochs: int = 3
    batch_size: int = 12
    learning_rate: float = 0.0625


@lru_cache
def load(policy="stand-in", data_dir=None) -> Dataset:
    from sklearn.datasets import load_digits

    digits = load_digits()
    X, y = digits.data[:134] / 16, digits.target[:134].astype(np.int64)
    parts = X[:94].copy(), y[:94].copy(), X[94:].copy(), y[94:].copy()
    return Dataset(
        name="small-digits",
        source="stand-in",
        sha256=digest_arrays(*parts),
        canonical=True,
        origin="sklearn",
        note="",
        **dict(zip(("X_train", "y_train", "X_test", "y_test"), parts, strict=True)),
        feature_names=tuple(map(str, range(64))),
        targets=Classes(tuple("0123456789")),
    )


def page(name, spec, load=load, **builders):
    for key, build in builders.items():
        build.__name__ = f"build_{key}"
    every = tuple(builders.values())
    return Experiment(page=f"tests.faults.{name}", data="", spec=spec, load=load, builders=every)


def dense_weights(spec: Numbers, rng: np.random.Generator) -> list[np.ndarray]:
    weights, widths = [], (spec.inputs, *spec.hidden, spec.outputs)
    for d_in, d_out in zip(widths, widths[1:], strict=False):
        weights += [glorot_uniform(rng, (d_in, d_out)), rng.normal(size=d_out) / 8]
    return weights


# --- gradient descent with momentum; two hidden layers of equal widths, tanh ---

MOMENTUM = Numbers(hidden=(8, 8, 8))


def scratch_momentum(spec: Numbers = MOMENTUM, nesterov: bool = False) -> Parts:
    from scratch import SGD, CategoricalCrossEntropy, Dense, Sequential, Tanh

    a, b, c = spec.hidden
    layers = (
        Dense(spec.inputs, a),
        Tanh(),
        Dense(a, b),
        Tanh(),
        Dense(b, c),
        Tanh(),
        Dense(c, spec.outputs),
    )
    optimizer = SGD(spec.learning_rate, momentum=MU, nesterov=nesterov)
    return Parts(Sequential(*layers), CategoricalCrossEntropy(), optimizer, dense_weights)


def pytorch_momentum(spec: Numbers = MOMENTUM, nesterov: bool = False) -> Parts:
    import torch
    from torch import nn

    a, b, c = spec.hidden
    network = nn.Sequential(
        nn.Linear(spec.inputs, a),
        nn.Tanh(),
        nn.Linear(a, b),
        nn.Tanh(),
        nn.Linear(b, c),
        nn.Tanh(),
        nn.Linear(c, spec.outputs),
    )
    parameters = network.parameters()
    optimizer = torch.optim.SGD(parameters, lr=spec.learning_rate, momentum=MU, nesterov=nesterov)
    return Parts(network, nn.CrossEntropyLoss(), optimizer, dense_weights)


momentum = page("momentum", MOMENTUM, scratch=scratch_momentum, pytorch=pytorch_momentum)


def scratch_nesterov(spec: Numbers = MOMENTUM) -> Parts:
    return scratch_momentum(spec, nesterov=True)


def pytorch_nesterov(spec: Numbers = MOMENTUM) -> Parts:
    return pytorch_momentum(spec, nesterov=True)


nesterov = page("nesterov", MOMENTUM, scratch=scratch_nesterov, pytorch=pytorch_nesterov)

# --- AdamW, with a leaky ReLU ---

LEAKY = Numbers(hidden=(8,), learning_rate=float32(0.01))


def scratch_leaky(spec: Numbers = LEAKY) -> Parts:
    from scratch import AdamW, CategoricalCrossEntropy, Dense, LeakyReLU, Sequential

    (hidden,) = spec.hidden
    layers = Dense(spec.inputs, hidden), LeakyReLU(SLOPE), Dense(hidden, spec.outputs)
    optimizer = AdamW(
        spec.learning_rate,
        weight_decay=DECAY,
        beta_1=BETA_1,
        beta_2=BETA_2,
        epsilon=EPSILON,
    )
    return Parts(Sequential(*layers), CategoricalCrossEntropy(), optimizer, dense_weights)


def pytorch_leaky(spec: Numbers = LEAKY) -> Parts:
    import torch
    from torch import nn

    (hidden,) = spec.hidden
    network = nn.Sequential(
        nn.Linear(spec.inputs, hidden), nn.LeakyReLU(SLOPE), nn.Linear(hidden, spec.outputs)
    )
    optimizer = torch.optim.AdamW(
        network.parameters(),
        lr=spec.learning_rate,
        betas=(BETA_1, BETA_2),
        eps=EPSILON,
        weight_decay=DECAY,
    )
    return Parts(network, nn.CrossEntropyLoss(), optimizer, dense_weights)


leaky = page("leaky", LEAKY, scratch=scratch_leaky, pytorch=pytorch_leaky)

# --- dropout and batch normalization: scratch alone, held against itself ---

HIDDEN = Numbers(hidden=(8,))


def normal_weights(spec: Numbers, rng: np.random.Generator) -> list[np.ndarray]:
    (hidden,) = spec.hidden
    first, second = dense_weights(spec, rng)[:2], dense_weights(spec, rng)[2:]
    return [*first, rng.uniform(0.5, 1.5, hidden), rng.normal(size=hidden), *second]


def scratch_dropout(spec: Numbers = HIDDEN) -> Parts:
    from scratch import SGD, CategoricalCrossEntropy, Dense, Dropout, ReLU, Sequential

    (hidden,) = spec.hidden
    network = Sequential(
        Dense(spec.inputs, hidden),
        ReLU(),
        Dropout(RATE, np.random.default_rng(5)),
        Dense(hidden, spec.outputs),
    )
    return Parts(network, CategoricalCrossEntropy(), SGD(spec.learning_rate), dense_weights)


def scratch_normal(spec: Numbers = HIDDEN) -> Parts:
    from scratch import SGD, BatchNorm, CategoricalCrossEntropy, Dense, ReLU, Sequential

    (hidden,) = spec.hidden
    network = Sequential(
        Dense(spec.inputs, hidden), BatchNorm.keras(hidden), ReLU(), Dense(hidden, spec.outputs)
    )
    return Parts(network, CategoricalCrossEntropy(), SGD(spec.learning_rate), normal_weights)


dropout = page("dropout", HIDDEN, scratch=scratch_dropout)
normal = page("batch_norm", HIDDEN, scratch=scratch_normal)

# --- logits so large that probabilities are 0 and 1 to more than seven digits ---

SATURATED = Numbers()


def large_weights(spec: Numbers, rng: np.random.Generator) -> list[np.ndarray]:
    return [64 * glorot_uniform(rng, (spec.inputs, spec.outputs)), rng.normal(size=spec.outputs)]


def scratch_saturated(spec: Numbers = SATURATED) -> Parts:
    from scratch import SGD, CategoricalCrossEntropy, Dense, Sequential

    network = Sequential(Dense(spec.inputs, spec.outputs))
    return Parts(network, CategoricalCrossEntropy(), SGD(spec.learning_rate), large_weights)


def pytorch_saturated(spec: Numbers = SATURATED) -> Parts:
    import torch
    from torch import nn

    network = nn.Sequential(nn.Linear(spec.inputs, spec.outputs))
    optimizer = torch.optim.SGD(network.parameters(), lr=spec.learning_rate)
    return Parts(network, nn.CrossEntropyLoss(), optimizer, large_weights)


saturated = page("saturated", SATURATED, scratch=scratch_saturated, pytorch=pytorch_saturated)
