"""Neural networks from scratch: the reference that the frameworks are compared with.

NumPy and nothing else. One notation throughout:

    X  (n, d_in)       a batch of n rows              a       after the activation
    W  (d_in, d_out)   weights                        z       before it
    b  (d_out,)        biases                         dz, da  dL/dz, dL/da
    y  targets         θ, g  all parameters, all gradients, as flat vectors

Images are X (n, h, w, c), kernels W (kh, kw, c_in, c_out): channels last, as in Keras.

Layers have `forward` and `backward`; losses start from logits and say whether they are sums or
means; an optimizer sees only θ and g; everything random takes a `numpy.random.Generator`.

>>> import numpy as np
>>> rng = np.random.default_rng(0)
>>> network = Sequential(Dense(2, 8), Tanh(), Dense(8, 1)).initialize(rng)
>>> X = rng.normal(size=(100, 2))
>>> y = (X[:, :1] * X[:, 1:] > 0).astype(float)
>>> loss, grads = network.loss_and_grad(BinaryCrossEntropy(), X, y)
>>> round(loss, 6), [g.shape for g in grads]
(0.695398, [(2, 8), (8,), (8, 1), (1,)])
"""

from scratch.augmentation import random_shift, shift
from scratch.batches import Batch
from scratch.gradient_check import WrongGradient, check_gradients
from scratch.graph import Node
from scratch.initializers import (
    glorot_normal,
    glorot_uniform,
    he_normal,
    he_uniform,
    kaiming_normal,
    kaiming_uniform,
    lecun_normal,
    lecun_uniform,
    pytorch_uniform,
    sklearn_uniform,
    uniform,
    xavier_normal,
    xavier_uniform,
    zeros,
)
from scratch.layers import (
    AveragePool2D,
    BatchNorm,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    Layer,
    LeakyReLU,
    MaxPool2D,
    ReLU,
    Reshape,
    Sigmoid,
    Softmax,
    Step,
    Tanh,
    sigmoid,
    softmax,
)
from scratch.losses import (
    BinaryCrossEntropy,
    CategoricalCrossEntropy,
    HalfSquaredError,
    Loss,
    MeanSquaredError,
    PerceptronLoss,
    SumSquaredError,
)
from scratch.masks import layer_mask, weight_mask
from scratch.network import Residual, Sequential
from scratch.neuron import Neuron, NeuronNetwork
from scratch.optimizers import (
    SGD,
    Adagrad,
    Adam,
    AdamW,
    ClipEachNorm,
    ClipNorm,
    ClipValue,
    CoupledWeightDecay,
    DecoupledWeightDecay,
    Optimizer,
    RMSprop,
    Scheduled,
    TrainOnly,
)
from scratch.penalties import L2
from scratch.schedules import (
    ConstantRate,
    CosineRate,
    ExponentialRate,
    InverseTimeRate,
    PiecewiseConstantRate,
    StepRate,
)
from scratch.stopping import KerasEarlyStopping, SklearnEarlyStopping
from scratch.training import (
    EpochResult,
    count_correct,
    evaluate,
    iter_epochs,
    iter_seeds,
    train,
    train_epoch,
    train_step,
)

__all__ = [
    "L2",
    "SGD",
    "Adagrad",
    "Adam",
    "AdamW",
    "AveragePool2D",
    "Batch",
    "BatchNorm",
    "BinaryCrossEntropy",
    "CategoricalCrossEntropy",
    "ClipEachNorm",
    "ClipNorm",
    "ClipValue",
    "ConstantRate",
    "Conv2D",
    "CosineRate",
    "CoupledWeightDecay",
    "DecoupledWeightDecay",
    "Dense",
    "Dropout",
    "EpochResult",
    "ExponentialRate",
    "Flatten",
    "HalfSquaredError",
    "InverseTimeRate",
    "KerasEarlyStopping",
    "Layer",
    "LeakyReLU",
    "Loss",
    "MaxPool2D",
    "MeanSquaredError",
    "Neuron",
    "NeuronNetwork",
    "Node",
    "Optimizer",
    "PerceptronLoss",
    "PiecewiseConstantRate",
    "RMSprop",
    "ReLU",
    "Reshape",
    "Residual",
    "Scheduled",
    "Sequential",
    "Sigmoid",
    "SklearnEarlyStopping",
    "Softmax",
    "Step",
    "StepRate",
    "SumSquaredError",
    "Tanh",
    "TrainOnly",
    "WrongGradient",
    "check_gradients",
    "count_correct",
    "evaluate",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "iter_epochs",
    "iter_seeds",
    "kaiming_normal",
    "kaiming_uniform",
    "layer_mask",
    "lecun_normal",
    "lecun_uniform",
    "pytorch_uniform",
    "random_shift",
    "shift",
    "sigmoid",
    "sklearn_uniform",
    "softmax",
    "train",
    "train_epoch",
    "train_step",
    "uniform",
    "weight_mask",
    "xavier_normal",
    "xavier_uniform",
    "zeros",
]
