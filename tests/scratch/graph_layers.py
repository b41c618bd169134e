"""Every layer of scratch, defined a second time on the computational graph.

Each definition is the mathematics of the docstring and nothing else: no gradient, no stabilized
form, and no code of the layers. A case says how to make the layer, how to draw its inputs, and what
it computes.
"""

import numpy as np

from scratch import (
    AveragePool2D,
    BatchNorm,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    LeakyReLU,
    LogSoftmax,
    MaxPool2D,
    Node,
    ReLU,
    Reshape,
    Residual,
    Sequential,
    Sigmoid,
    Softmax,
    Step,
    Tanh,
)

from . import graph_activations, graph_convolutions, graph_recurrent, graph_sequences
from .layer_case import LayerCase, ties


def convolution(stride, pad):
    def define(x, W, *b):
        kh, kw, c_in, c_out = W.shape
        windows = x.pad([(0, 0), *pad, (0, 0)]).windows((kh, kw), stride)
        rows = windows.reshape((*windows.shape[:3], kh * kw * c_in))
        z = rows @ W.reshape((kh * kw * c_in, c_out))
        return z + b[0] if b else z

    return define


def pool(size, stride, join):
    def define(x):
        windows = x.windows(size, stride)
        return join(windows.reshape((*windows.shape[:3], size[0] * size[1], windows.shape[-1])))

    return define


def normalize(x, mean, variance, gamma, beta):
    return gamma * (x - mean) / (variance + 0.01) ** 0.5 + beta


def normalize_by_the_batch(x, gamma, beta):
    axes = tuple(range(len(x.shape) - 1))
    mean = x.mean(axes)
    return normalize(x, mean, ((x - mean) ** 2).mean(axes), gamma, beta)


MEAN, VARIANCE = np.array([0.5, -1.0, 2.0]), np.array([1.5, 0.25, 4.0])


def batch_norm(unbiased=False):
    layer = BatchNorm(3, momentum=0.9, epsilon=0.01, unbiased_running_variance=unbiased)
    layer.state = {"mean": MEAN.copy(), "variance": VARIANCE.copy()}
    return layer


def dropout():
    return Dropout(0.25, np.random.default_rng(5))


def dropped_out(x):
    return x * (np.random.default_rng(5).random(x.shape) >= 0.25) / 0.75


def twice():
    dense, tanh = Dense(3, 3), Tanh()
    return Sequential(dense, tanh, dense, tanh)


def three_times():
    dense = Dense(3, 3)
    block = Sequential(dense, Tanh())
    return Sequential(block, block, dense)


IMAGES = (2, 6, 5, 3)

LAYERS: dict[type, dict[str, LayerCase]] = {
    Dense: {
        "": LayerCase(lambda: Dense(3, 4), (5, 3), lambda x, W, b: x @ W + b),
        "without bias": LayerCase(lambda: Dense(3, 4, bias=False), (5, 3), lambda x, W: x @ W),
        "of sequences": LayerCase(lambda: Dense(3, 4), (2, 5, 3), lambda x, W, b: x @ W + b),
    },
    Sigmoid: {"": LayerCase(Sigmoid, (5, 4), lambda z: 1 / (1 + (-z).exp()))},
    Tanh: {"": LayerCase(Tanh, (5, 4), lambda z: 1 - 2 / (1 + (2 * z).exp()))},
    ReLU: {
        "": LayerCase(ReLU, (5, 4), Node.relu),
        "at the kink": LayerCase(ReLU, (5, 4), Node.relu, ties),
    },
    LeakyReLU: {
        "": LayerCase(lambda: LeakyReLU(0.25), (5, 4), lambda z: z.relu() - 0.25 * (-z).relu()),
    },
    Step: {"": LayerCase(lambda: Step(0.5), (5, 4), lambda z: Node(z.value > 0.5))},
    Softmax: {"": LayerCase(Softmax, (5, 4), lambda z: z.exp() / z.exp().sum(1, keepdims=True))},
    LogSoftmax: {
        "": LayerCase(LogSoftmax, (5, 4), lambda z: z - z.exp().sum(1, keepdims=True).log())
    },
    Flatten: {"": LayerCase(Flatten, IMAGES, lambda x: x.reshape((2, 90)))},
    Reshape: {
        "": LayerCase(lambda: Reshape(3, 2, 2), (2, 12), lambda x: x.reshape((2, 3, 2, 2))),
    },
    Dropout: {
        "in training": LayerCase(dropout, (5, 4), dropped_out, training=True),
        "after training": LayerCase(dropout, (5, 4), lambda x: x + 0),
    },
    BatchNorm: {
        "in training": LayerCase(batch_norm, (5, 3), normalize_by_the_batch, training=True),
        "unbiased, of images": LayerCase(
            lambda: batch_norm(unbiased=True), IMAGES, normalize_by_the_batch, training=True
        ),
        "after training": LayerCase(
            batch_norm, IMAGES, lambda x, *p: normalize(x, MEAN, VARIANCE, *p)
        ),
    },
    Conv2D: {
        "": LayerCase(lambda: Conv2D(3, 4, (3, 2)), IMAGES, convolution((1, 1), [(0, 0), (0, 0)])),
        "without bias": LayerCase(
            lambda: Conv2D(3, 4, 2, bias=False), IMAGES, convolution((1, 1), [(0, 0), (0, 0)])
        ),
        "stride 2 by 3": LayerCase(
            lambda: Conv2D(3, 4, 2, stride=(2, 3)), IMAGES, convolution((2, 3), [(0, 0), (0, 0)])
        ),
        "same size": LayerCase(
            lambda: Conv2D(3, 4, 3, padding="same"), IMAGES, convolution((1, 1), [(1, 1), (1, 1)])
        ),
        "stride 2, padded": LayerCase(  # 3 windows cover 7 rows of 6, and 7 columns of 5
            lambda: Conv2D(3, 4, 3, stride=2, padding="same"),
            IMAGES,
            convolution((2, 2), [(0, 1), (1, 1)]),
        ),
        **graph_convolutions.CONV2D,
    },
    MaxPool2D: {
        "": LayerCase(lambda: MaxPool2D(2), IMAGES, pool((2, 2), (2, 2), lambda taps: taps.max(3))),
        "overlapping": LayerCase(
            lambda: MaxPool2D((3, 2), 1), IMAGES, pool((3, 2), (1, 1), lambda taps: taps.max(3))
        ),
        "of equal numbers": LayerCase(
            lambda: MaxPool2D(3, 2), IMAGES, pool((3, 3), (2, 2), lambda taps: taps.max(3)), ties
        ),
        **graph_convolutions.MAX_POOL2D,
    },
    AveragePool2D: {
        "": LayerCase(
            lambda: AveragePool2D(2), IMAGES, pool((2, 2), (2, 2), lambda taps: taps.mean(3))
        ),
        "overlapping": LayerCase(
            lambda: AveragePool2D((3, 2), (2, 1)),
            IMAGES,
            pool((3, 2), (2, 1), lambda taps: taps.mean(3)),
        ),
        **graph_convolutions.AVERAGE_POOL2D,
    },
    Sequential: {
        "": LayerCase(
            lambda: Sequential(Dense(3, 4), Tanh()), (5, 3), lambda x, W, b: (x @ W + b).tanh()
        ),
        "nested": LayerCase(
            lambda: Sequential(Dense(3, 4), Sequential(Tanh(), Dense(4, 2)), Tanh()),
            (5, 3),
            lambda x, W, b, V, c: ((x @ W + b).tanh() @ V + c).tanh(),
        ),
        "the same layers twice": LayerCase(
            twice, (5, 3), lambda x, W, b: ((x @ W + b).tanh() @ W + b).tanh()
        ),
        "a block twice, and one of its layers": LayerCase(
            three_times,
            (5, 3),
            lambda x, W, b: ((x @ W + b).tanh() @ W + b).tanh() @ W + b,
        ),
    },
    Residual: {
        "": LayerCase(
            lambda: Residual(Dense(3, 3), Tanh()), (5, 3), lambda x, W, b: x + (x @ W + b).tanh()
        ),
    },
    **graph_activations.CASES,
    **graph_convolutions.CASES,
    **graph_recurrent.CASES,
    **graph_sequences.CASES,
}
