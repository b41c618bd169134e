"""A small convolutional network, written like a page: no two lengths alike, and two channels.

Images (6, 9, 2) in rows of 108, a kernel (2, 3), and pools that leave the last row and column out.
"""

import numpy as np

from frameworks import Parts
from frameworks.default_network import DenseSpec
from scratch import glorot_uniform

SHAPE, KERNEL, CHANNELS = (6, 9, 2), (2, 3), 3
FLAT = 2 * 3 * CHANNELS  # (5, 7) without the border of the kernel, then (2, 3) pooled
SPEC = DenseSpec(inputs=108, outputs=3, learning_rate=0.125)
SHAPES = [(2, 3, 2, 3), (3,), (18, 3), (3,)]  # kernel: (kh, kw, c_in, c_out)


def initial_weights(spec: DenseSpec, rng: np.random.Generator) -> list[np.ndarray]:
    """Draw biases too, so that none is at home in the wrong place."""
    return [
        glorot_uniform(rng, (*KERNEL, SHAPE[2], CHANNELS)),
        rng.normal(size=CHANNELS),
        glorot_uniform(rng, (FLAT, spec.outputs)),
        rng.normal(size=spec.outputs),
    ]


def build_scratch(spec: DenseSpec = SPEC) -> Parts:
    from scratch import (
        SGD,
        CategoricalCrossEntropy,
        Conv2D,
        Dense,
        Flatten,
        MaxPool2D,
        ReLU,
        Reshape,
        Sequential,
    )

    network = Sequential(
        Reshape(*SHAPE),
        Conv2D(SHAPE[2], CHANNELS, kernel=KERNEL),
        ReLU(),
        MaxPool2D(2),
        Flatten(),
        Dense(FLAT, spec.outputs),
    )
    return Parts(network, CategoricalCrossEntropy(), SGD(spec.learning_rate), initial_weights)


def build_keras(spec: DenseSpec = SPEC) -> Parts:
    import keras
    from keras import layers

    network = keras.Sequential(
        [
            layers.Input((spec.inputs,)),
            layers.Reshape(SHAPE),
            layers.Conv2D(CHANNELS, kernel_size=KERNEL),
            layers.ReLU(),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dense(spec.outputs),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    optimizer = keras.optimizers.SGD(learning_rate=spec.learning_rate)
    return Parts(network, loss, optimizer, initial_weights)


def build_pytorch(spec: DenseSpec = SPEC, *, channels_last: bool = True) -> Parts:
    import torch
    from torch import nn

    class Permute(nn.Module):
        def __init__(self, *axes: int) -> None:
            super().__init__()
            self.axes = axes

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.permute(self.axes)

    network = nn.Sequential(
        nn.Unflatten(1, SHAPE),
        Permute(0, 3, 1, 2),
        nn.Conv2d(SHAPE[2], CHANNELS, kernel_size=KERNEL),
        nn.ReLU(),
        nn.MaxPool2d(2),
        Permute(0, 2, 3, 1) if channels_last else nn.Identity(),
        nn.Flatten(),
        nn.Linear(FLAT, spec.outputs),
    )
    optimizer = torch.optim.SGD(network.parameters(), lr=spec.learning_rate)
    return Parts(network, nn.CrossEntropyLoss(), optimizer, initial_weights)
