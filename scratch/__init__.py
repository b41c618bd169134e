"""Neural networks from scratch: the reference that the frameworks are held against.

NumPy and nothing else. One notation throughout:

    X  (n, d_in)       a batch of n rows              a       after the activation
    W  (d_in, d_out)   weights                        z       before it
    b  (d_out,)        biases                         dz, da  dL/dz, dL/da
    y  targets         θ, g  all parameters, all gradients, as flat vectors

Layers have `forward` and `backward`; losses start from logits and say whether they are sums or
means; an optimizer sees θ and g, nothing else; whatever is random takes a `numpy.random.Generator`.

>>> import numpy as np
>>> rng = np.random.default_rng(0)
>>> network = Sequential(Dense(2, 8), Tanh(), Dense(8, 1)).initialize(rng)
>>> X = rng.normal(size=(100, 2))
>>> y = (X[:, :1] * X[:, 1:] > 0).astype(float)
>>> loss, grads = network.loss_and_grad(BinaryCrossEntropy(), X, y)
>>> round(loss, 6), [g.shape for g in grads]
(0.695398, [(2, 8), (8,), (8, 1), (1,)])
"""

from scratch.initializers import glorot_uniform, uniform, zeros
from scratch.layers import Dense, Layer, ReLU, Sigmoid, Softmax, Tanh, sigmoid, softmax
from scratch.losses import (
    BinaryCrossEntropy,
    CategoricalCrossEntropy,
    HalfSquaredError,
    Loss,
    MeanSquaredError,
)
from scratch.network import Sequential
from scratch.optimizers import SGD, Adam, Optimizer
from scratch.training import (
    Batch,
    EpochResult,
    count_correct,
    evaluate,
    train,
    train_epoch,
    train_step,
)

__all__ = [
    "SGD",
    "Adam",
    "Batch",
    "BinaryCrossEntropy",
    "CategoricalCrossEntropy",
    "Dense",
    "EpochResult",
    "HalfSquaredError",
    "Layer",
    "Loss",
    "MeanSquaredError",
    "Optimizer",
    "ReLU",
    "Sequential",
    "Sigmoid",
    "Softmax",
    "Tanh",
    "count_correct",
    "evaluate",
    "glorot_uniform",
    "sigmoid",
    "softmax",
    "train",
    "train_epoch",
    "train_step",
    "uniform",
    "zeros",
]
