"""Two small convolutional networks, written like pages, on the digits of `pages`."""

import numpy as np

from frameworks import Parts
from scratch import glorot_uniform

from .pages import Numbers, page

# --- images: a kernel of 2 x 2 and a pool of 3 x 3, which padding would not change in shape ---

IMAGES = Numbers(hidden=(4, 4))


def image_weights(spec: Numbers, rng: np.random.Generator) -> list[np.ndarray]:
    """Draw kernels; the convolutions' biases are zero, as where the margin is to stay dark."""
    a, b = spec.hidden
    return [
        glorot_uniform(rng, (2, 2, 1, a)),
        np.zeros(a),
        glorot_uniform(rng, (2, 2, a, b)),
        rng.normal(size=b) / 8,
        glorot_uniform(rng, (2 * 2 * b, spec.outputs)),
        rng.normal(size=spec.outputs) / 8,
    ]


def scratch_images(spec: Numbers = IMAGES) -> Parts:
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

    a, b = spec.hidden
    network = Sequential(
        Reshape(8, 8, 1),
        Conv2D(1, a, kernel=2),
        ReLU(),
        Conv2D(a, b, kernel=2),
        ReLU(),
        MaxPool2D(3),
        Flatten(),
        Dense(2 * 2 * b, spec.outputs),
    )
    return Parts(network, CategoricalCrossEntropy(), SGD(spec.learning_rate), image_weights)


def pytorch_images(spec: Numbers = IMAGES, channels_last: bool = True) -> Parts:
    import torch
    from torch import nn

    class ChannelsLast(nn.Module):
        def forward(self, x):
            return x.permute(0, 2, 3, 1)

    a, b = spec.hidden
    network = nn.Sequential(
        nn.Unflatten(1, (1, 8, 8)),
        nn.Conv2d(1, a, kernel_size=2),
        nn.ReLU(),
        nn.Conv2d(a, b, kernel_size=2),
        nn.ReLU(),
        nn.MaxPool2d(3),
        ChannelsLast() if channels_last else nn.Identity(),
        nn.Flatten(),
        nn.Linear(2 * 2 * b, spec.outputs),
    )
    optimizer = torch.optim.SGD(network.parameters(), lr=spec.learning_rate)
    return Parts(network, nn.CrossEntropyLoss(), optimizer, image_weights)


images = page("images", IMAGES, scratch=scratch_images, pytorch=pytorch_images)

# --- a maximum that is there more than once: the kernel sees one pixel, of which many are white ---

TIES = Numbers(hidden=(2,))


def tied_weights(spec: Numbers, rng: np.random.Generator) -> list[np.ndarray]:
    (channels,) = spec.hidden
    kernel = np.zeros((2, 2, 1, channels))
    kernel[0, 0, 0, 0] = kernel[1, 1, 0, 1] = 1
    dense = glorot_uniform(rng, (2 * 2 * channels, spec.outputs))
    return [kernel, np.zeros(channels), dense, rng.normal(size=spec.outputs)]


def scratch_ties(spec: Numbers = TIES) -> Parts:
    from scratch import (
        SGD,
        CategoricalCrossEntropy,
        Conv2D,
        Dense,
        Flatten,
        MaxPool2D,
        Reshape,
        Sequential,
    )

    (channels,) = spec.hidden
    dense = Dense(2 * 2 * channels, spec.outputs)
    network = Sequential(
        Reshape(8, 8, 1), Conv2D(1, channels, kernel=2), MaxPool2D(3), Flatten(), dense
    )
    return Parts(network, CategoricalCrossEntropy(), SGD(spec.learning_rate), tied_weights)


def pytorch_ties(spec: Numbers = TIES) -> Parts:
    import torch
    from torch import nn

    class ChannelsLast(nn.Module):
        def forward(self, x):
            return x.permute(0, 2, 3, 1)

    (channels,) = spec.hidden
    network = nn.Sequential(
        nn.Unflatten(1, (1, 8, 8)),
        nn.Conv2d(1, channels, kernel_size=2),
        nn.MaxPool2d(3),
        ChannelsLast(),
        nn.Flatten(),
        nn.Linear(2 * 2 * channels, spec.outputs),
    )
    optimizer = torch.optim.SGD(network.parameters(), lr=spec.learning_rate)
    return Parts(network, nn.CrossEntropyLoss(), optimizer, tied_weights)


ties = page("ties", TIES, scratch=scratch_ties, pytorch=pytorch_ties)
