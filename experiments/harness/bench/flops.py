"""The floating-point operations of a training step, counted from the layers of a scratch network.

The convention, the same for every implementation, however it computes:

- a matrix product (m, k) (k, n) is 2 m n k operations, a multiplication and an addition each;
- a convolution is the matrix product of its windows with its kernels;
- every elementwise operation is 1 for each number, an exponential too, and so is an activation; a
  bias is 1 for each output;
- the gradient of an activation is 1 for each number, that of a product of two numbers 2;
- a maximum or mean over windows is 1 for each number in a window, and so is its gradient;
- the gradient by the network's inputs is not counted, since nobody asks for it;
- an optimizer is its operations on each parameter, as counted below;
- what only moves numbers is none: gathering a batch's rows, padding, a change of shape.
"""

from dataclasses import dataclass
from functools import singledispatch
from math import prod

import numpy as np

from frameworks import Parts
from frameworks.scratch.walking import walk
from frameworks.spec import Shape
from scratch import (
    GELU,
    GRU,
    LSTM,
    SGD,
    Adam,
    AMSGrad,
    Conv2D,
    Dense,
    Embedding,
    Flatten,
    Layer,
    LayerNorm,
    PositionEmbedding,
    ReLU,
    Reshape,
    Residual,
    Scheduled,
    SelfAttention,
    Sigmoid,
    SimpleRNN,
    Tanh,
)
from scratch.layers import AveragePool2D, MaxPool2D
from scratch.layers.recurrent import Recurrent

__all__ = ["Flops", "count_flops"]


@dataclass(frozen=True)
class Flops:
    """Operations of one step."""

    forward: float  # the loss included
    backward: float
    optimizer: float

    @property
    def step(self) -> float:
        """All of them."""
        return self.forward + self.backward + self.optimizer


def count_flops(parts: Parts, rows: float, inputs: Shape) -> Flops:
    """Count a step of scratch's `parts` on a batch of `rows` rows (n, *inputs), on average.

    Raises TypeError for a layer or an optimizer that is not counted here.
    """
    forward, backward, inside = 0, 0, False
    for layer, X, z in walk(parts.network, np.zeros((1, *np.atleast_1d(inputs)))):
        ahead, by_params, by_inputs = _operations(layer, X, z)
        forward += ahead
        backward += by_params + (by_inputs if inside else 0)
        inside = inside or bool(layer.params)
    elementwise_loss = z.size
    optimizer = _of_optimizer(parts.optimizer) * parts.network.theta.size
    return Flops(
        rows * (forward + elementwise_loss), rows * (backward + elementwise_loss), optimizer
    )


@singledispatch
def _operations(layer: Layer, X: np.ndarray, z: np.ndarray) -> tuple[int, int, int]:
    """Count for one row: forward, gradient by the parameters, gradient by X (1, ...)."""
    raise TypeError(f"the operations of {type(layer).__name__} are not counted in flops.py")


@_operations.register
def _(layer: Dense, X: np.ndarray, z: np.ndarray) -> tuple[int, int, int]:
    product, bias = 2 * z.size * len(layer.W), z.size * (len(layer.params) - 1)
    return product + bias, product + bias, product


@_operations.register
def _(layer: Conv2D, X: np.ndarray, z: np.ndarray) -> tuple[int, int, int]:
    product, bias = 2 * z.size * prod(layer.W.shape[:3]), z.size * (len(layer.params) - 1)
    return product + bias, product + bias, product


@_operations.register(Embedding)
def _(layer: Embedding, X: np.ndarray, z: np.ndarray) -> tuple[int, int, int]:
    return 0, z.size, 0


@_operations.register(PositionEmbedding)
def _(layer: PositionEmbedding, X: np.ndarray, z: np.ndarray) -> tuple[int, int, int]:
    return z.size, z.size, 0


@_operations.register(Residual)
def _(layer: Residual, X: np.ndarray, z: np.ndarray) -> tuple[int, int, int]:
    return z.size, 0, z.size  # the sum; what is added is counted layer by layer


@_operations.register(LayerNorm)
def _(layer: LayerNorm, X: np.ndarray, z: np.ndarray) -> tuple[int, int, int]:
    # (x − μ)/σ with both means: 5, γ x̂ + β: 2; dγ: 2, dβ: 1; (γ da − mean − x̂ mean)/σ: 8
    return 7 * z.size, 3 * z.size, 8 * z.size


@_operations.register(SelfAttention)
def _(layer: SelfAttention, X: np.ndarray, z: np.ndarray) -> tuple[int, int, int]:
    (t, d), weights = X.shape[1:], layer.weights.size
    dense, bias = 2 * t * d * d, z.size * (len(layer.params) // 4 - 1)
    scores = 2 * t * t * d  # of all heads, and so are the weighted sums of v
    ahead = 4 * (dense + bias) + 2 * scores + 6 * weights  # scaled; softmax: 5
    inside = dense + 4 * scores + 5 * weights  # through W_o; dv, dw, dq, dk; softmax and scale
    return ahead, 4 * (dense + bias) + inside, 3 * dense + 2 * z.size


@_operations.register(Recurrent)
def _(layer: Recurrent, X: np.ndarray, z: np.ndarray) -> tuple[int, int, int]:
    t, d, (W, _, *biases) = X.shape[1], layer.d_out, layer.params
    by_x, by_h, bias = 2 * W.size, 2 * d * W.shape[1], W.shape[1] * len(biases)
    elementwise, back = _ELEMENTWISE[type(layer)]
    through_time = by_h + back * d
    ahead = by_x + by_h + bias + elementwise * d
    return t * ahead, t * (by_x + by_h + bias + through_time), t * by_x


# Of each step and unit, forward and back: activations, products, sums.
_ELEMENTWISE: dict[type, tuple[int, int]] = {
    SimpleRNN: (1, 1),
    LSTM: (5 + 3 + 1, 5 + 2 * 3 + 1),
    GRU: (3 + 3 + 2, 3 + 2 * 3 + 2),
}


@_operations.register(ReLU)
@_operations.register(Sigmoid)
@_operations.register(Tanh)
@_operations.register(GELU)
def _(layer: Layer, X: np.ndarray, z: np.ndarray) -> tuple[int, int, int]:
    return z.size, 0, z.size


@_operations.register(MaxPool2D)
@_operations.register(AveragePool2D)
def _(layer: MaxPool2D | AveragePool2D, X: np.ndarray, z: np.ndarray) -> tuple[int, int, int]:
    return z.size * prod(layer.size), 0, z.size * prod(layer.size)


@_operations.register(Flatten)
@_operations.register(Reshape)
def _(layer: Layer, X: np.ndarray, z: np.ndarray) -> tuple[int, int, int]:
    return 0, 0, 0


def _of_optimizer(optimizer: object) -> int:
    """Count for one parameter; the powers of β are scalars, and free."""
    match optimizer:
        case Scheduled():
            return _of_optimizer(optimizer.optimizer)
        case Adam():  # m: 2 products, a sum; v: 3 and a sum; √, + ε, /, · η, −; AMSGrad's maximum
            return 12 + isinstance(optimizer, AMSGrad)
        case SGD():  # · η, −; with momentum μ v + g; with Nesterov's g + μ v
            return 2 + 2 * bool(optimizer.mu) + 2 * optimizer.nesterov
    raise TypeError(f"the operations of {type(optimizer).__name__} are not counted in flops.py")
