"""XOR: can a hidden layer learn what one neuron cannot?

The four rows of the exclusive or, with a third input that is always 1 instead of biases; four
hidden neurons, one output, sigmoid everywhere; full-batch gradient descent with learning rate 1 on
the sum of squared errors, 1,500 steps.

Source: a published two-layer network in NumPy. From its own initial weights (`published_weights`)
the loss falls at every step from 1.298103813489028 to 0.0028002218560012598, and the outputs are
0.01009649, 0.97157766, 0.97166525, 0.03297871, all measured before the step.
"""

from dataclasses import dataclass

import numpy as np

from datasets import Dataset, Policy, load_xor
from experiments.harness.experiment import Experiment
from frameworks import Parts, Spec
from scratch import uniform


@dataclass(frozen=True)
class Numbers(Spec):
    """A hidden layer, and the learning rate."""

    inputs: int = 3
    outputs: int = 1
    hidden: tuple[int] = (4,)
    epochs: int = 1_500
    batch_size: int = 4  # all rows
    learning_rate: float = 1.0


SPEC = Numbers()


def load(policy: Policy = "auto", data_dir: str | None = None) -> Dataset:
    """Load the four rows; they are the same under every policy."""
    return load_xor()


def initial_weights(spec: Numbers, rng: np.random.Generator) -> list[np.ndarray]:
    """Draw W ~ U[0, 1)."""
    (hidden,) = spec.hidden
    return [
        uniform(rng, (spec.inputs, hidden), 0.0, 1.0),
        uniform(rng, (hidden, spec.outputs), 0.0, 1.0),
    ]


def published_weights() -> list[np.ndarray]:
    """Return the published initial weights, drawn layer by layer."""
    rng = np.random.RandomState(0)
    return [rng.random_sample((3, 4)), rng.random_sample((4, 1))]


def build_scratch(spec: Numbers = SPEC) -> Parts:
    """Build it in NumPy."""
    from scratch import SGD, Dense, Sequential, Sigmoid, SumSquaredError

    (hidden,) = spec.hidden
    network = Sequential(
        Dense(spec.inputs, hidden, bias=False),
        Sigmoid(),
        Dense(hidden, spec.outputs, bias=False),
        Sigmoid(),
    )
    loss = SumSquaredError()
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
            layers.Dense(hidden, use_bias=False),
            layers.Activation("sigmoid"),
            layers.Dense(spec.outputs, use_bias=False),
            layers.Activation("sigmoid"),
        ]
    )
    loss = keras.losses.MeanSquaredError(reduction="sum")
    optimizer = keras.optimizers.SGD(learning_rate=spec.learning_rate)
    return Parts(network, loss, optimizer, initial_weights, logits=False)


def build_pytorch(spec: Numbers = SPEC) -> Parts:
    """Build it in PyTorch."""
    import torch
    from torch import nn

    (hidden,) = spec.hidden
    network = nn.Sequential(
        nn.Linear(spec.inputs, hidden, bias=False),
        nn.Sigmoid(),
        nn.Linear(hidden, spec.outputs, bias=False),
        nn.Sigmoid(),
    )
    loss = nn.MSELoss(reduction="sum")
    optimizer = torch.optim.SGD(network.parameters(), lr=spec.learning_rate)
    return Parts(network, loss, optimizer, initial_weights, logits=False)


EXPERIMENT = Experiment(
    page=__name__,
    data="four rows of the exclusive or",
    spec=SPEC,
    load=load,
    builders=(build_scratch, build_keras, build_pytorch),
    band={"real": (1.0, 1.0)},
    certified="mpmath",
)
