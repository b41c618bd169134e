"""Networks of convolutions of every kind, written like pages: images in branches, and sequences.

Images (8, 6, 2) and sequences (12, 3) in rows; no two lengths alike, and "same" at stride 2 on an
even length, where the frameworks' paddings differ.
"""

import numpy as np

from frameworks import Parts, float32
from frameworks.default_network import DenseSpec
from scratch import glorot_uniform

from .regularized import keras_optimizer, pytorch_optimizer, scratch_optimizer

SHAPE, T, D, K = (8, 6, 2), 12, 3, 3
RATE, KEEP, EPSILON = 0.25, 0.875, 2**-10
IMAGES = DenseSpec(inputs=96, outputs=K, learning_rate=float32(0.01))
STEPS = DenseSpec(inputs=T * D, outputs=K, learning_rate=float32(0.01))


def data(network, n=23):
    """Return n rows and their classes: the last of five batches holds 3."""
    rng = np.random.default_rng(4)
    inputs = {"images": IMAGES, "steps": STEPS}[network].inputs
    return rng.normal(size=(n, inputs)), rng.integers(K, size=n)


def drawn(*shapes):
    """Return a function that draws arrays of these shapes; vectors too, so that none is home."""

    def initial_weights(spec: DenseSpec, rng: np.random.Generator) -> list[np.ndarray]:
        return [
            glorot_uniform(rng, shape) if len(shape) > 1 else rng.uniform(0.25, 1, size=shape)
            for shape in shapes
        ]

    return initial_weights


IMAGE_WEIGHTS = drawn(
    *((3, 3, 2, 6), (6,), (6,)),  # the first convolution has no bias; γ and β
    *((3, 3, 3, 2), (2,)),  # in two groups
    *((3, 3, 1, 12), (12,), (1, 1, 12, 4), (4,)),  # depthwise, then one pixel
    *((4, 4, 4, 12), (4,)),  # transposed: outputs first
    *((4, K), (K,)),
)
STEP_WEIGHTS = drawn(
    *((3, 3, 5), (5,)), *((3, 5, 6), (6,), (6,)), *((4, 4, 6), (4,)), *((4, K), (K,))
)  # fmt: skip


def images_scratch(spec: DenseSpec = IMAGES) -> Parts:
    from scratch import (
        AveragePool2D,
        BatchNorm,
        CategoricalCrossEntropy,
        Concatenate,
        Conv2D,
        Conv2DTranspose,
        Dense,
        DepthwiseConv2D,
        Dropout,
        GlobalAveragePool,
        Identity,
        ReLU,
        Reshape,
        Sequential,
    )

    numbers = {"momentum": KEEP, "epsilon": EPSILON, "unbiased_running_variance": False}
    separable = DepthwiseConv2D(6, 3, multiplier=2, padding="same"), ReLU(), Conv2D(12, 4, 1)
    network = Sequential(
        Reshape(*SHAPE),
        Conv2D(2, 6, 3, stride=2, padding="same", bias=False),
        BatchNorm(6, **numbers),
        ReLU(),
        Dropout(RATE),
        Concatenate(
            Conv2D(6, 2, 3, padding="same", groups=2), Sequential(*separable), Identity()
        ),
        Conv2DTranspose.keras(12, 4, 4, stride=2, padding="same"),
        ReLU(),
        AveragePool2D(2),
        GlobalAveragePool(),
        Dense(4, spec.outputs),
    )  # fmt: skip
    return Parts(network, CategoricalCrossEntropy(), scratch_optimizer(spec), IMAGE_WEIGHTS)


def images_keras(spec: DenseSpec = IMAGES) -> Parts:
    import keras
    from keras import layers

    X = layers.Input((spec.inputs,))
    x = layers.Reshape(SHAPE)(X)
    x = layers.Conv2D(6, 3, strides=2, padding="same", use_bias=False)(x)
    x = layers.BatchNormalization(momentum=KEEP, epsilon=EPSILON)(x)
    x = layers.ReLU()(x)
    x = layers.Dropout(RATE)(x)
    grouped = layers.Conv2D(2, 3, padding="same", groups=2)(x)
    y = layers.DepthwiseConv2D(3, depth_multiplier=2, padding="same")(x)
    y = layers.ReLU()(y)
    y = layers.Conv2D(4, 1)(y)
    x = layers.Concatenate()([grouped, y, x])
    x = layers.Conv2DTranspose(4, 4, strides=2, padding="same")(x)
    x = layers.ReLU()(x)
    x = layers.AveragePooling2D(2)(x)
    x = layers.GlobalAveragePooling2D()(x)
    network = keras.Model(X, layers.Dense(spec.outputs)(x))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    return Parts(network, loss, keras_optimizer(spec), IMAGE_WEIGHTS)


def images_pytorch(spec: DenseSpec = IMAGES) -> Parts:
    import torch
    from torch import nn

    from frameworks.pytorch.hooks import use_biased_running_variance

    class ChannelsFirst(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.permute(0, 3, 1, 2)

    class Branches(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.grouped = nn.Conv2d(6, 2, 3, padding=1, groups=2)
            self.separable = nn.Sequential(
                nn.Conv2d(6, 12, 3, padding=1, groups=6), nn.ReLU(), nn.Conv2d(12, 4, 1)
            )

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.cat([self.grouped(x), self.separable(x), x], 1)

    network = nn.Sequential(
        *(nn.Unflatten(1, SHAPE), ChannelsFirst()),
        nn.ZeroPad2d((0, 1, 0, 1)),  # differs: PyTorch pads both sides alike
        nn.Conv2d(2, 6, 3, stride=2, bias=False),
        nn.BatchNorm2d(6, eps=EPSILON, momentum=1 - KEEP),
        nn.ReLU(),
        nn.Dropout(RATE),
        Branches(),
        nn.ConvTranspose2d(12, 4, 4, stride=2, padding=1),
        nn.ReLU(),
        nn.AvgPool2d(2),
        *(nn.AdaptiveAvgPool2d(1), nn.Flatten()),
        nn.Linear(4, spec.outputs),
    )
    use_biased_running_variance(network)  # differs: PyTorch keeps the unbiased one
    optimizer = pytorch_optimizer(spec, network)
    return Parts(network, nn.CrossEntropyLoss(), optimizer, IMAGE_WEIGHTS)


def steps_scratch(spec: DenseSpec = STEPS) -> Parts:
    from scratch import (
        BatchNorm,
        CategoricalCrossEntropy,
        Conv1D,
        Conv1DTranspose,
        Dense,
        Dropout,
        GlobalMaxPool,
        MaxPool1D,
        ReLU,
        Reshape,
        Sequential,
        Tanh,
    )

    numbers = {"momentum": KEEP, "epsilon": EPSILON, "unbiased_running_variance": False}
    network = Sequential(
        Reshape(T, D),
        Conv1D(D, 5, 3, padding="causal", dilation=2),
        Tanh(),
        Dropout(RATE),
        Conv1D(5, 6, 3, stride=2, padding="same", bias=False),
        BatchNorm(6, **numbers),
        ReLU(),
        Conv1DTranspose.keras(6, 4, 4, stride=2, padding="same"),
        MaxPool1D(2),
        GlobalMaxPool.keras(),
        Dense(4, spec.outputs),
    )
    return Parts(network, CategoricalCrossEntropy(), scratch_optimizer(spec), STEP_WEIGHTS)


def steps_keras(spec: DenseSpec = STEPS) -> Parts:
    import keras
    from keras import layers

    network = keras.Sequential(
        [
            layers.Input((spec.inputs,)),
            layers.Reshape((T, D)),
            layers.Conv1D(5, 3, padding="causal", dilation_rate=2),
            layers.Activation("tanh"),
            layers.Dropout(RATE),
            layers.Conv1D(6, 3, strides=2, padding="same", use_bias=False),
            layers.BatchNormalization(momentum=KEEP, epsilon=EPSILON),
            layers.ReLU(),
            layers.Conv1DTranspose(4, 4, strides=2, padding="same"),
            layers.MaxPooling1D(2),
            layers.GlobalMaxPooling1D(),
            layers.Dense(spec.outputs),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    return Parts(network, loss, keras_optimizer(spec), STEP_WEIGHTS)


def steps_pytorch(spec: DenseSpec = STEPS) -> Parts:
    import torch
    from torch import nn

    from frameworks.pytorch.hooks import use_biased_running_variance

    class ChannelsFirst(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.permute(0, 2, 1)

    network = nn.Sequential(
        *(nn.Unflatten(1, (T, D)), ChannelsFirst()),
        nn.ZeroPad1d((4, 0)),  # differs: PyTorch has no causal padding
        nn.Conv1d(D, 5, 3, dilation=2),
        nn.Tanh(),
        nn.Dropout(RATE),
        nn.ZeroPad1d((0, 1)),  # differs: PyTorch pads both sides alike
        nn.Conv1d(5, 6, 3, stride=2, bias=False),
        nn.BatchNorm1d(6, eps=EPSILON, momentum=1 - KEEP),
        nn.ReLU(),
        nn.ConvTranspose1d(6, 4, 4, stride=2, padding=1),
        nn.MaxPool1d(2),
        *(nn.AdaptiveMaxPool1d(1), nn.Flatten()),
        nn.Linear(4, spec.outputs),
    )
    use_biased_running_variance(network)  # differs: PyTorch keeps the unbiased one
    optimizer = pytorch_optimizer(spec, network)
    return Parts(network, nn.CrossEntropyLoss(), optimizer, STEP_WEIGHTS)


BUILDERS = {
    "images": {
        "ScratchClassifier": images_scratch,
        "KerasClassifier": images_keras,
        "PyTorchClassifier": images_pytorch,
    },
    "steps": {
        "ScratchClassifier": steps_scratch,
        "KerasClassifier": steps_keras,
        "PyTorchClassifier": steps_pytorch,
    },
}
