"""digits_autoencoder: how much of a digit passes through eight linear neurons?

1,797 images of 8 x 8 pixels in 0..1, each pixel's mean subtracted; 64 inputs, a code of eight, 64
outputs, neither activations nor biases; the targets are the inputs. Mean squared error over all
pixels, weights U(-0.01, 0.01), full batch, 500 steps of gradient descent with learning rate 16
(the gradient of a mean over 64 pixels is small) and momentum 0.9.

Source: Baldi and Hornik, "Neural networks and principal component analysis: learning from examples
without local minima", Neural Networks 2, 1989: every minimum is global, and it is the projection
onto the first eight principal components. Expected: their reconstruction error, 0.0239132529..., to
within a relative 1e-6, wherever the weights start. Over 12 seeds it was larger by a relative 5.4e-8
to 8.7e-8. Weights U(-0.1, 0.1) would leave 5e-6 to 7e-6: pixels that hardly vary have hardly any
gradient, and keep their initial weights. The means alone, without a code, have an error of 0.0733.
"""

from dataclasses import dataclass

import numpy as np

from datasets import Dataset, Policy, load_digits
from experiments.harness.experiment import Experiment
from frameworks import Parts, Spec, float32
from frameworks.task import RECONSTRUCTION
from scratch import uniform

# Eight principal components leave this mean squared error: the squares of the other 56 singular
# values of X (n, d), over n d. No network of this form has a smaller one.
PCA_ERROR = 0.02391325293670511


@dataclass(frozen=True)
class Numbers(Spec):
    """The width of the code, the learning rate and the momentum."""

    inputs: int = 64
    outputs: int = 64
    hidden: tuple[int] = (8,)
    epochs: int = 500
    batch_size: int = 1_797  # all rows
    learning_rate: float = 16.0
    momentum: float = float32(0.9)


SPEC = Numbers()


def load(policy: Policy = "auto", data_dir: str | None = None) -> Dataset:
    """Load the digits; they are the same under every policy."""
    return load_digits()


def initial_weights(spec: Numbers, rng: np.random.Generator) -> list[np.ndarray]:
    """Draw W ~ U[-0.01, 0.01); there are no biases."""
    (hidden,) = spec.hidden
    return [
        uniform(rng, (spec.inputs, hidden), -0.01, 0.01),
        uniform(rng, (hidden, spec.outputs), -0.01, 0.01),
    ]


def build_scratch(spec: Numbers = SPEC) -> Parts:
    """Build it in NumPy."""
    from scratch import SGD, Dense, MeanSquaredError, Sequential

    (hidden,) = spec.hidden
    network = Sequential(
        Dense(spec.inputs, hidden, bias=False),
        Dense(hidden, spec.outputs, bias=False),
    )
    loss = MeanSquaredError()
    optimizer = SGD(
        learning_rate=spec.learning_rate,
        momentum=spec.momentum,
    )
    return Parts(network, loss, optimizer, initial_weights)


def build_keras(spec: Numbers = SPEC) -> Parts:
    """Build it in Keras."""
    import keras
    from keras import layers

    (hidden,) = spec.hidden
    network = keras.Sequential(
        [
            layers.Input((spec.inputs,)),
            layers.Dense(hidden, use_bias=False),
            layers.Dense(spec.outputs, use_bias=False),
        ]
    )
    loss = keras.losses.MeanSquaredError()
    optimizer = keras.optimizers.SGD(
        learning_rate=spec.learning_rate,
        momentum=spec.momentum,
    )
    return Parts(network, loss, optimizer, initial_weights)


def build_pytorch(spec: Numbers = SPEC) -> Parts:
    """Build it in PyTorch."""
    import torch
    from torch import nn

    (hidden,) = spec.hidden
    network = nn.Sequential(
        nn.Linear(spec.inputs, hidden, bias=False),
        nn.Linear(hidden, spec.outputs, bias=False),
    )
    loss = nn.MSELoss()
    optimizer = torch.optim.SGD(
        network.parameters(),
        lr=spec.learning_rate,
        momentum=spec.momentum,
    )
    return Parts(network, loss, optimizer, initial_weights)


EXPERIMENT = Experiment(
    page=__name__,
    data="1,797 digits",
    spec=SPEC,
    load=load,
    builders=(build_scratch, build_keras, build_pytorch),
    task=RECONSTRUCTION,
    # Mean squared error; only rounding, 1e-7 in float32, could bring it below the optimum.
    band={"real": (PCA_ERROR * (1 - 1e-6), PCA_ERROR * (1 + 1e-6))},
)
