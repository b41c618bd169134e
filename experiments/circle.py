"""Circle: can four hidden neurons draw a closed curve?

The points of an 11 x 11 grid, labelled 1 inside the unit circle. Two inputs, four hidden neurons,
one output, sigmoid everywhere; full-batch gradient descent with learning rate 10 on the mean
squared error, 2,000 steps.

Source: a published classifier in plain Python. From its own initial weights (`published_weights`)
the untrained output at (0, 0) is 0.55882367, the loss falls from 0.2919 to 0.0034561929870923383,
and every point of the grid is right.
"""

import random
from dataclasses import dataclass

import numpy as np

from datasets import Dataset, Policy, load_circle
from experiments.harness.experiment import Experiment
from frameworks import Parts, Spec
from scratch import uniform, zeros


@dataclass(frozen=True)
class Numbers(Spec):
    """A hidden layer, and the learning rate."""

    inputs: int = 2
    outputs: int = 1
    hidden: tuple[int] = (4,)
    epochs: int = 2_000
    batch_size: int = 121  # all rows
    learning_rate: float = 10.0


SPEC = Numbers()


def load(policy: Policy = "auto", data_dir: str | None = None) -> Dataset:
    """Load the grid; it is the same under every policy."""
    return load_circle()


def initial_weights(spec: Numbers, rng: np.random.Generator) -> list[np.ndarray]:
    """Draw W ~ U[-0.5, 0.5); biases are zero."""
    (hidden,) = spec.hidden
    return [
        uniform(rng, (spec.inputs, hidden), -0.5, 0.5),
        zeros(hidden),
        uniform(rng, (hidden, spec.outputs), -0.5, 0.5),
        zeros(spec.outputs),
    ]


def published_weights() -> list[np.ndarray]:
    """Return the published initial weights, drawn neuron by neuron."""
    rng = random.Random(0)
    hidden, output = [
        np.array([[rng.random() - 0.5 for _ in range(d)] for _ in range(k)]).T
        for d, k in ((2, 4), (4, 1))
    ]
    return [hidden, zeros(4), output, zeros(1)]


def build_python(spec: Numbers = SPEC) -> Parts:
    """Build it in pure Python."""
    from scratch import NeuronNetwork

    (hidden,) = spec.hidden
    network = NeuronNetwork(
        [
            [[0.0] * hidden] * spec.inputs,
            [0.0] * hidden,
            [[0.0] * spec.outputs] * hidden,
            [0.0] * spec.outputs,
        ]
    )
    loss = network.loss
    optimizer = spec.learning_rate
    return Parts(network, loss, optimizer, initial_weights, logits=False)


def build_scratch(spec: Numbers = SPEC) -> Parts:
    """Build it in NumPy."""
    from scratch import SGD, Dense, MeanSquaredError, Sequential, Sigmoid

    (hidden,) = spec.hidden
    network = Sequential(
        Dense(spec.inputs, hidden),
        Sigmoid(),
        Dense(hidden, spec.outputs),
        Sigmoid(),
    )
    loss = MeanSquaredError()
    optimizer = SGD(learning_rate=spec.learning_rate)
    return Parts(network, loss, optimizer, initial_weights, logits=False)


def build_keras(spec: Numbers = SPEC) -> Parts:
    """Build it in Keras."""
    import keras
    from keras import layers

    (hidden,) = spec.hidden
    network = keras.Sequential(
        [
            layers.Input((spec.inputs,)),
            layers.Dense(hidden),
            layers.Activation("sigmoid"),
            layers.Dense(spec.outputs),
            layers.Activation("sigmoid"),
        ]
    )
    loss = keras.losses.MeanSquaredError()
    optimizer = keras.optimizers.SGD(learning_rate=spec.learning_rate)
    return Parts(network, loss, optimizer, initial_weights, logits=False)


def build_pytorch(spec: Numbers = SPEC) -> Parts:
    """Build it in PyTorch."""
    import torch
    from torch import nn

    (hidden,) = spec.hidden
    network = nn.Sequential(
        nn.Linear(spec.inputs, hidden),
        nn.Sigmoid(),
        nn.Linear(hidden, spec.outputs),
        nn.Sigmoid(),
    )
    loss = nn.MSELoss()
    optimizer = torch.optim.SGD(network.parameters(), lr=spec.learning_rate)
    return Parts(network, loss, optimizer, initial_weights, logits=False)


EXPERIMENT = Experiment(
    page=__name__,
    data="an 11 x 11 grid",
    spec=SPEC,
    load=load,
    builders=(build_python, build_scratch, build_keras, build_pytorch),
    band={"real": (1.0, 1.0)},
    certified="mpmath",
    benchmarked=True,
)
