"""Networks with dropout and with batch normalization, written like pages.

A dense one, with the normalization's numbers as in Keras; and one of images (5, 6, 2) in rows of
60, with no two lengths alike, where one dropout follows the convolution and one the flattening.
"""

import numpy as np

from frameworks import Parts, float32
from frameworks.default_network import DenseSpec
from scratch import glorot_uniform

from .cases import table

RATE, WIDTH = 0.375, 7
SHAPE, KERNEL, CHANNELS = (5, 6, 2), (2, 3), 3
AFTER = (4, 4, CHANNELS)  # the shape after the convolution
FLAT = 4 * 4 * CHANNELS
DENSE = DenseSpec(inputs=5, outputs=3, learning_rate=float32(0.01))
IMAGES = DenseSpec(inputs=60, outputs=3, learning_rate=float32(0.01))
KEEP, EPSILON = 0.875, 2**-10  # of the images' normalization


def data(network="dense", dtype=float):
    """Return 23 rows of a network's width and their classes: the last of five batches holds 3."""
    return table(3, 23, {"dense": DENSE, "images": IMAGES}[network].inputs, dtype)


def weights_of(kernel, flat, *, norm):
    """Return a function that draws biases, gamma and beta too: none is home in a wrong place."""
    d = kernel[-1]

    def initial_weights(spec: DenseSpec, rng: np.random.Generator) -> list[np.ndarray]:
        vectors = [rng.uniform(0.5, 1.5, d), rng.normal(size=d)] if norm else [rng.normal(size=d)]
        last = [glorot_uniform(rng, (flat, spec.outputs)), rng.normal(size=spec.outputs)]
        return [glorot_uniform(rng, kernel), *vectors, *last]

    return initial_weights


def dense_weights(norm):
    return weights_of((DENSE.inputs, WIDTH), WIDTH, norm=norm)


def image_weights(norm):
    return weights_of((*KERNEL, SHAPE[2], CHANNELS), FLAT, norm=norm)


def scratch_optimizer(spec):
    from scratch import Adam

    return Adam(
        spec.learning_rate,
        beta_1=spec.beta_1,
        beta_2=spec.beta_2,
        epsilon=spec.epsilon_hat,
        epsilon_hat=True,
    )


def keras_optimizer(spec):
    import keras

    return keras.optimizers.Adam(
        spec.learning_rate, beta_1=spec.beta_1, beta_2=spec.beta_2, epsilon=spec.epsilon_hat
    )


def pytorch_optimizer(spec, network):
    import torch

    from frameworks.pytorch.hooks import use_epsilon_hat

    betas = spec.beta_1, spec.beta_2
    return use_epsilon_hat(
        torch.optim.Adam(
            network.parameters(), lr=spec.learning_rate, betas=betas, eps=spec.epsilon_hat
        )
    )


def dense_scratch(spec: DenseSpec = DENSE, *, rate=RATE, norm=False) -> Parts:
    from scratch import BatchNorm, CategoricalCrossEntropy, Dense, Dropout, Sequential, Tanh

    network = Sequential(
        *([] if rate is None else [Dropout(rate / 2)]),
        Dense(spec.inputs, WIDTH, bias=not norm),
        *([BatchNorm.keras(WIDTH)] if norm else []),
        Tanh(),
        *([] if rate is None else [Dropout(rate)]),
        Dense(WIDTH, spec.outputs),
    )
    return Parts(network, CategoricalCrossEntropy(), scratch_optimizer(spec), dense_weights(norm))


def dense_keras(spec: DenseSpec = DENSE, *, rate=RATE, norm=False) -> Parts:
    import keras
    from keras import layers

    network = keras.Sequential(
        [
            layers.Input((spec.inputs,)),
            *([] if rate is None else [layers.Dropout(rate / 2)]),
            layers.Dense(WIDTH, use_bias=not norm),
            *([layers.BatchNormalization()] if norm else []),
            layers.Activation("tanh"),
            *([] if rate is None else [layers.Dropout(rate)]),
            layers.Dense(spec.outputs),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    return Parts(network, loss, keras_optimizer(spec), dense_weights(norm))


def dense_pytorch(spec: DenseSpec = DENSE, *, rate=RATE, norm=False) -> Parts:
    from torch import nn

    from frameworks.pytorch.hooks import use_biased_running_variance

    network = nn.Sequential(
        *([] if rate is None else [nn.Dropout(rate / 2)]),
        nn.Linear(spec.inputs, WIDTH, bias=not norm),
        *([nn.BatchNorm1d(WIDTH, eps=1e-3, momentum=1 - 0.99)] if norm else []),
        nn.Tanh(),
        *([] if rate is None else [nn.Dropout(rate)]),
        nn.Linear(WIDTH, spec.outputs),
    )
    use_biased_running_variance(network)  # differs: PyTorch keeps the unbiased one
    optimizer = pytorch_optimizer(spec, network)
    return Parts(network, nn.CrossEntropyLoss(), optimizer, dense_weights(norm))


def images_scratch(spec: DenseSpec = IMAGES, *, rate=RATE, norm=False) -> Parts:
    from scratch import (
        BatchNorm,
        CategoricalCrossEntropy,
        Conv2D,
        Dense,
        Dropout,
        Flatten,
        ReLU,
        Reshape,
        Sequential,
    )

    numbers = {"momentum": KEEP, "epsilon": EPSILON, "unbiased_running_variance": False}
    network = Sequential(
        Reshape(*SHAPE),
        Conv2D(SHAPE[2], CHANNELS, kernel=KERNEL, bias=not norm),
        *([BatchNorm(CHANNELS, **numbers)] if norm else []),
        ReLU(),
        *([] if rate is None else [Dropout(rate)]),
        Flatten(),
        *([] if rate is None else [Dropout(rate / 2)]),
        Dense(FLAT, spec.outputs),
    )
    return Parts(network, CategoricalCrossEntropy(), scratch_optimizer(spec), image_weights(norm))


def images_keras(spec: DenseSpec = IMAGES, *, rate=RATE, norm=False) -> Parts:
    import keras
    from keras import layers

    network = keras.Sequential(
        [
            layers.Input((spec.inputs,)),
            layers.Reshape(SHAPE),
            layers.Conv2D(CHANNELS, kernel_size=KERNEL, use_bias=not norm),
            *([layers.BatchNormalization(momentum=KEEP, epsilon=EPSILON)] if norm else []),
            layers.ReLU(),
            *([] if rate is None else [layers.Dropout(rate)]),
            layers.Flatten(),
            *([] if rate is None else [layers.Dropout(rate / 2)]),
            layers.Dense(spec.outputs),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    return Parts(network, loss, keras_optimizer(spec), image_weights(norm))


def images_pytorch(spec: DenseSpec = IMAGES, *, rate=RATE, norm=False) -> Parts:
    import torch
    from torch import nn

    from frameworks.pytorch.hooks import use_biased_running_variance

    class Permute(nn.Module):
        def __init__(self, *axes: int) -> None:
            super().__init__()
            self.axes = axes

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.permute(self.axes)

    network = nn.Sequential(
        nn.Unflatten(1, SHAPE),
        Permute(0, 3, 1, 2),
        nn.Conv2d(SHAPE[2], CHANNELS, kernel_size=KERNEL, bias=not norm),
        *([nn.BatchNorm2d(CHANNELS, eps=EPSILON, momentum=1 - KEEP)] if norm else []),
        nn.ReLU(),
        *([] if rate is None else [nn.Dropout(rate)]),
        Permute(0, 2, 3, 1),
        nn.Flatten(),
        *([] if rate is None else [nn.Dropout(rate / 2)]),
        nn.Linear(FLAT, spec.outputs),
    )
    use_biased_running_variance(network)  # differs: PyTorch keeps the unbiased one
    optimizer = pytorch_optimizer(spec, network)
    return Parts(network, nn.CrossEntropyLoss(), optimizer, image_weights(norm))


BUILDERS = {
    "dense": {
        "ScratchClassifier": dense_scratch,
        "KerasClassifier": dense_keras,
        "PyTorchClassifier": dense_pytorch,
    },
    "images": {
        "ScratchClassifier": images_scratch,
        "KerasClassifier": images_keras,
        "PyTorchClassifier": images_pytorch,
    },
}
