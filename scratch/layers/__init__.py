"""The layers: each a function and its derivative, next to each other."""

from scratch.layers.activations import ReLU, Sigmoid, Softmax, Tanh, sigmoid, softmax
from scratch.layers.dense import Dense
from scratch.layers.layer import Layer

__all__ = ["Dense", "Layer", "ReLU", "Sigmoid", "Softmax", "Tanh", "sigmoid", "softmax"]
