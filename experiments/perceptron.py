"""Perceptron: can one sigmoid neuron find the column that decides?

Three inputs, one output, no bias; in the four training rows the first column is the answer.
Full-batch gradient descent with learning rate 1 on half the sum of squared errors, 10,000 steps.

Source: the classic nine-line network. From its own initial weights (`published_weights`) the final
weights are 9.67299303, -0.2078435, -4.62963669, the outputs on the training rows 0.009664,
0.99211997, 0.99358931, 0.00786466, and on the new situation [1, 0, 0] 0.99993704.
"""

from dataclasses import dataclass

import numpy as np

from datasets import Dataset, Policy, load_truth_table
from experiments.harness.experiment import Experiment
from frameworks import Parts, Spec
from scratch import uniform


@dataclass(frozen=True)
class Numbers(Spec):
    """One neuron: only the learning rate is needed."""

    inputs: int = 3
    outputs: int = 1
    epochs: int = 10_000
    batch_size: int = 4  # all rows
    learning_rate: float = 1.0


SPEC = Numbers()


def load(policy: Policy = "auto", data_dir: str | None = None) -> Dataset:
    """Load the truth table; it is the same under every policy."""
    return load_truth_table()


def initial_weights(spec: Numbers, rng: np.random.Generator) -> list[np.ndarray]:
    """Draw W ~ U[-1, 1)."""
    return [uniform(rng, (spec.inputs, spec.outputs), -1.0, 1.0)]


def published_weights() -> list[np.ndarray]:
    """Return the published initial weights: -0.16595599, 0.44064899, -0.99977125."""
    return [2 * np.random.RandomState(1).random_sample((3, 1)) - 1]


def build_python(spec: Numbers = SPEC) -> Parts:
    """Build it in pure Python."""
    from scratch import NeuronNetwork

    network = NeuronNetwork([[[0.0] * spec.outputs] * spec.inputs], mean=False)
    loss = network.loss
    optimizer = spec.learning_rate
    return Parts(network, loss, optimizer, initial_weights, logits=False)


def build_scratch(spec: Numbers = SPEC) -> Parts:
    """Build it in NumPy."""
    from scratch import SGD, Dense, HalfSquaredError, Sequential, Sigmoid

    network = Sequential(
        Dense(spec.inputs, spec.outputs, bias=False),
        Sigmoid(),
    )
    loss = HalfSquaredError()
    optimizer = SGD(learning_rate=spec.learning_rate)
    return Parts(network, loss, optimizer, initial_weights, logits=False)


def build_keras(spec: Numbers = SPEC) -> Parts:
    """Build it in Keras."""
    import keras
    from keras import layers

    class HalfSquaredError(keras.losses.Loss):  # differs: Keras has the mean, not half the sum
        def call(self, y: keras.KerasTensor, a: keras.KerasTensor) -> keras.KerasTensor:
            return keras.ops.sum(keras.ops.square(a - y), axis=-1) / 2

    network = keras.Sequential(
        [
            layers.Input((spec.inputs,)),
            layers.Dense(spec.outputs, use_bias=False),
            layers.Activation("sigmoid"),
        ]
    )
    loss = HalfSquaredError(reduction="sum")
    optimizer = keras.optimizers.SGD(learning_rate=spec.learning_rate)
    return Parts(network, loss, optimizer, initial_weights, logits=False)


def build_pytorch(spec: Numbers = SPEC) -> Parts:
    """Build it in PyTorch."""
    import torch
    from torch import nn

    class HalfSquaredError(nn.MSELoss):  # differs: PyTorch has the whole sum
        def forward(self, a: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
            return super().forward(a, y) / 2

    network = nn.Sequential(
        nn.Linear(spec.inputs, spec.outputs, bias=False),
        nn.Sigmoid(),
    )
    loss = HalfSquaredError(reduction="sum")
    optimizer = torch.optim.SGD(network.parameters(), lr=spec.learning_rate)
    return Parts(network, loss, optimizer, initial_weights, logits=False)


EXPERIMENT = Experiment(
    page=__name__,
    data="four rows of a truth table",
    spec=SPEC,
    load=load,
    builders=(build_python, build_scratch, build_keras, build_pytorch),
    band={"real": (1.0, 1.0)},
    certified="mpmath",
    benchmarked=True,
)
