"""Operators that are layers of rows: activations, dense layers, dropout, normalization.

Each function has the inputs and attributes of the ONNX operator, with their names and defaults, and
returns its outputs in their order, computed by scratch. An attribute that it does not name is one
that scratch has nothing for.
"""

import math

import numpy as np

from scratch import (
    ELU,
    GELU,
    SELU,
    BatchNorm,
    Dense,
    Dropout,
    Flatten,
    GroupNorm,
    HardSigmoid,
    HardSwish,
    LayerNorm,
    LeakyReLU,
    LogSoftmax,
    Mish,
    ReLU,
    RMSNorm,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
)


def channels_last(x):
    return np.moveaxis(x, 1, -1)


def channels_first(x):
    return np.moveaxis(x, -1, 1)


def elementwise(layer):
    return lambda x: layer().forward(x)


def elu(x, *, alpha=1.0):
    return ELU(alpha).forward(x)


def selu(x, *, alpha=None, gamma=None):
    if alpha is gamma is None:
        return SELU().forward(x)
    return gamma * ELU(alpha).forward(x)


def leaky_relu(x, *, alpha=0.01):
    return LeakyReLU(alpha).forward(x)


def hard_sigmoid(x, *, alpha=0.2, beta=0.5):
    return HardSigmoid().forward(6 * (alpha * x + beta) - 3)  # whose own slope is 1/6


def gelu(x, *, approximate="none"):
    return GELU(approximate=approximate == "tanh").forward(x)


def swish(x, *, alpha=1.0):
    return SiLU().forward(alpha * x) / alpha


def softmax(x, *, axis=-1):
    return np.moveaxis(Softmax().forward(np.moveaxis(x, axis, -1)), -1, axis)


def log_softmax(x, *, axis=-1):
    return np.moveaxis(LogSoftmax().forward(np.moveaxis(x, axis, -1)), -1, axis)


def flatten(x, *, axis=1):
    rows = math.prod(x.shape[:axis]) if axis else 1
    return Flatten().forward(x.reshape(rows, *x.shape[axis:]))


def gemm(A, B, C=None, *, alpha=1.0, beta=1.0, transA=0, transB=0):
    A, B = A.T if transA else A, alpha * (B.T if transB else B)
    layer = Dense(*B.shape)
    layer.W[:], layer.b[:] = B, 0 if C is None else beta * np.ravel(C)
    return layer.forward(A)


def dropout(x, ratio=0.5, training_mode=False, *, seed=None, **attributes):
    """The uniforms are those of ONNX's cases, of NumPy's generator before 2019."""
    layer = Dropout(float(attributes.get("ratio", ratio)))
    u = np.random.RandomState(seed).uniform(size=x.shape)  # noqa: NPY002
    layer.use((u >= layer.rate) / (1 - layer.rate))
    y = layer.forward(x, training=bool(training_mode))
    return y, np.ones(x.shape, bool) if layer.mask is None else layer.mask > 0


def batch_normalization(
    x, scale, bias, mean, variance, *, epsilon=1e-5, momentum=0.9, training_mode=0
):
    d = len(scale)
    layer = BatchNorm(d, momentum=momentum, epsilon=epsilon, unbiased_running_variance=False)
    layer.params[0][:], layer.params[1][:] = scale, bias
    layer.state["mean"][:], layer.state["variance"][:] = mean, variance
    y = layer.forward(channels_last(x), training=bool(training_mode))
    return channels_first(y), layer.state["mean"], layer.state["variance"]


def group_normalization(x, scale, bias, *, num_groups, epsilon=1e-5):
    layer = GroupNorm(len(scale), num_groups, epsilon=epsilon)
    layer.params[0][:], layer.params[1][:] = scale, bias
    return channels_first(layer.forward(channels_last(x)))


def instance_normalization(x, scale, bias, *, epsilon=1e-5):
    return group_normalization(x, scale, bias, num_groups=len(scale), epsilon=epsilon)


def layer_normalization(x, scale, bias=0.0, *, axis=-1, epsilon=1e-5):
    """The axes from `axis` on are one axis of a row."""
    rows, one = x.reshape(*x.shape[:axis], -1), x.shape[:axis] + (1,) * len(x.shape[axis:])
    layer = LayerNorm(rows.shape[-1], epsilon=epsilon)
    layer.params[0][:], layer.params[1][:] = np.ravel(scale), np.ravel(bias)
    y = layer.forward(rows).reshape(x.shape)
    mean = (rows - layer.x_hat / layer.scale)[..., :1]  # of which the layer keeps no copy
    return y, mean.reshape(one), layer.scale.reshape(one)


def rms_normalization(x, scale, *, axis=-1, epsilon=1e-5):
    rows = x.reshape(*x.shape[:axis], -1)
    layer = RMSNorm(rows.shape[-1], epsilon=epsilon)
    layer.params[0][:] = np.ravel(scale)
    return layer.forward(rows).reshape(x.shape)


OPERATORS = {
    "BatchNormalization": batch_normalization,
    "Dropout": dropout,
    "Elu": elu,
    "Flatten": flatten,
    "Gelu": gelu,
    "Gemm": gemm,
    "GroupNormalization": group_normalization,
    "HardSigmoid": hard_sigmoid,
    "HardSwish": elementwise(HardSwish),
    "InstanceNormalization": instance_normalization,
    "LayerNormalization": layer_normalization,
    "LeakyRelu": leaky_relu,
    "LogSoftmax": log_softmax,
    "Mish": elementwise(Mish),
    "RMSNormalization": rms_normalization,
    "Relu": elementwise(ReLU),
    "Selu": selu,
    "Sigmoid": elementwise(Sigmoid),
    "Softmax": softmax,
    "Softplus": elementwise(Softplus),
    "Swish": swish,
    "Tanh": elementwise(Tanh),
}
