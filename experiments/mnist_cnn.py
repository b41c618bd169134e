"""mnist_cnn: what do neighbouring pixels add?

28 x 28 pixels in 0..1; two 3 x 3 convolutions with 16 and 32 channels and ReLU, each followed by
2 x 2 max-pooling; a dense layer of 64 ReLU neurons, and one of ten outputs; softmax cross-entropy,
Glorot-uniform weights, batches of 32, 4 epochs of Adam with learning rate 0.002, which is halved
every 1,875 steps, one epoch of the 60,000 digits.

Source: the layout of LeCun, Bottou, Bengio and Haffner, "Gradient-based learning applied to
document recognition", Proceedings of the IEEE 86, 1998, with modern layers. Expected: at least
99 % of the 10,000 test images. With a constant learning rate it stays at 98.9 %.
"""

from dataclasses import dataclass
from math import isqrt

import numpy as np

from datasets import Dataset, Policy, load_mnist
from experiments.harness.experiment import Experiment
from frameworks import Parts, Spec, float32
from scratch import glorot_uniform, zeros


@dataclass(frozen=True)
class Numbers(Spec):
    """The channels of two convolutions, the width of a dense layer, and Adam's numbers."""

    inputs: int = 784
    outputs: int = 10
    hidden: tuple[int, int, int] = (16, 32, 64)
    epochs: int = 4
    batch_size: int = 32
    learning_rate: float = float32(2e-3)
    halve_every: int = 1_875
    beta_1: float = float32(0.9)
    beta_2: float = float32(0.999)
    epsilon_hat: float = float32(1e-7)


SPEC = Numbers()


def load(policy: Policy = "auto", data_dir: str | None = None) -> Dataset:
    """Load MNIST, or its stand-in."""
    return load_mnist(policy, data_dir)


def initial_weights(spec: Numbers, rng: np.random.Generator) -> list[np.ndarray]:
    """Draw Glorot-uniform weights; biases are zero."""
    first, second, third = spec.hidden
    return [
        glorot_uniform(rng, (3, 3, 1, first)),
        zeros(first),
        glorot_uniform(rng, (3, 3, first, second)),
        zeros(second),
        glorot_uniform(rng, (5 * 5 * second, third)),
        zeros(third),
        glorot_uniform(rng, (third, spec.outputs)),
        zeros(spec.outputs),
    ]


def build_scratch(spec: Numbers = SPEC) -> Parts:
    """Build it in NumPy."""
    from scratch import (
        Adam,
        CategoricalCrossEntropy,
        Conv2D,
        Dense,
        Flatten,
        MaxPool2D,
        ReLU,
        Reshape,
        Scheduled,
        Sequential,
        StepRate,
    )

    side = isqrt(spec.inputs)
    first, second, third = spec.hidden
    network = Sequential(
        Reshape(side, side, 1),
        Conv2D(1, first, kernel=3),
        ReLU(),
        MaxPool2D(2),
        Conv2D(first, second, kernel=3),
        ReLU(),
        MaxPool2D(2),
        Flatten(),
        Dense(5 * 5 * second, third),
        ReLU(),
        Dense(third, spec.outputs),
    )
    loss = CategoricalCrossEntropy()
    rate = StepRate(spec.learning_rate, factor=0.5, size=spec.halve_every)
    optimizer = Scheduled(
        rate,
        Adam(
            beta_1=spec.beta_1,
            beta_2=spec.beta_2,
            epsilon=spec.epsilon_hat,
            epsilon_hat=True,
        ),
    )
    return Parts(network, loss, optimizer, initial_weights)


def build_keras(spec: Numbers = SPEC) -> Parts:
    """Build it in Keras."""
    import keras
    from keras import layers

    side = isqrt(spec.inputs)
    first, second, third = spec.hidden
    network = keras.Sequential(
        [
            layers.Input((side * side,)),
            layers.Reshape((side, side, 1)),
            layers.Conv2D(first, kernel_size=3),
            layers.ReLU(),
            layers.MaxPooling2D(2),
            layers.Conv2D(second, kernel_size=3),
            layers.ReLU(),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dense(third),
            layers.ReLU(),
            layers.Dense(spec.outputs),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    rate = keras.optimizers.schedules.ExponentialDecay(
        spec.learning_rate, decay_steps=spec.halve_every, decay_rate=0.5, staircase=True
    )
    optimizer = keras.optimizers.Adam(
        learning_rate=rate,
        beta_1=spec.beta_1,
        beta_2=spec.beta_2,
        epsilon=spec.epsilon_hat,
    )
    return Parts(network, loss, optimizer, initial_weights)


def build_pytorch(spec: Numbers = SPEC) -> Parts:
    """Build it in PyTorch."""
    import torch
    from torch import nn

    from frameworks.pytorch.hooks import step_rate, use_epsilon_hat, use_rate

    side = isqrt(spec.inputs)
    first, second, third = spec.hidden

    class ChannelsLast(nn.Module):  # differs: PyTorch would flatten channel by channel
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.permute(0, 2, 3, 1)

    network = nn.Sequential(
        nn.Unflatten(1, (1, side, side)),
        nn.Conv2d(1, first, kernel_size=3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(first, second, kernel_size=3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        ChannelsLast(),
        nn.Flatten(),
        nn.Linear(5 * 5 * second, third),
        nn.ReLU(),
        nn.Linear(third, spec.outputs),
    )
    loss = nn.CrossEntropyLoss()
    rate = step_rate(spec.learning_rate, factor=0.5, size=spec.halve_every)
    optimizer = torch.optim.Adam(
        network.parameters(),
        betas=(spec.beta_1, spec.beta_2),
        eps=spec.epsilon_hat,
        fused=True,
    )
    use_epsilon_hat(optimizer)  # differs: PyTorch adds ε after the bias correction
    use_rate(optimizer, rate)  # differs: PyTorch's schedulers count their own calls
    return Parts(network, loss, optimizer, initial_weights)


EXPERIMENT = Experiment(
    page=__name__,
    data="70,000 digits, or the stand-in",
    spec=SPEC,
    load=load,
    builders=(build_scratch, build_keras, build_pytorch),
    band={"real": (0.99, 1.0), "stand-in": (0.9, 1.0)},
    certified="longdouble",
    benchmarked=True,
)
