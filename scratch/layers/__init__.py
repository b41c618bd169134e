"""The layers: each a function with its derivative next to it."""

from scratch.layers.activations import (
    LeakyReLU,
    ReLU,
    Sigmoid,
    Softmax,
    Step,
    Tanh,
    sigmoid,
    softmax,
)
from scratch.layers.batch_norm import BatchNorm
from scratch.layers.convolution import Conv2D
from scratch.layers.dense import Dense
from scratch.layers.dropout import Dropout
from scratch.layers.flatten import Flatten, Reshape
from scratch.layers.layer import Layer
from scratch.layers.pooling import AveragePool2D, MaxPool2D

__all__ = [
    "AveragePool2D",
    "BatchNorm",
    "Conv2D",
    "Dense",
    "Dropout",
    "Flatten",
    "Layer",
    "LeakyReLU",
    "MaxPool2D",
    "ReLU",
    "Reshape",
    "Sigmoid",
    "Softmax",
    "Step",
    "Tanh",
    "sigmoid",
    "softmax",
]
