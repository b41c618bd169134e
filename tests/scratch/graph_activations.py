"""The smooth and the hard activations on the computational graph; as in `graph_layers`."""

import math

import numpy as np

from scratch import ELU, GELU, SELU, HardSigmoid, HardSwish, Mish, SiLU, Softplus

from .layer_case import LayerCase, ties

SHAPE = (5, 4)
SCALE, ALPHA = 1.0507009873554805, 1.6732632423543772  # SELU's, as the paper prints them


def gelu(root_half=0.5**0.5):
    return lambda z: 0.5 * z * (1 + (root_half * z).erf())


def gelu_by_tanh(cubic=0.044715):
    return lambda z: 0.5 * z * (1 + (math.sqrt(2 / math.pi) * (z + cubic * z**3)).tanh())


def elu(alpha):
    """max(z, 0) + α (e^min(z, 0) − 1): at 0 the derivative from the left."""
    return lambda z: z.relu() + alpha * ((-((-z).relu())).exp() - 1)


def softplus(z):
    return (1 + z.exp()).log()


def hard_sigmoid(z):
    return (z + 3).relu() / 6 - (z - 3).relu() / 6


def beyond(rng, shape):
    """Inputs on both sides of −3 and of 3, where the hard ones bend, and of 0."""
    return rng.choice([-5.0, -2.0, 0.5, 2.0, 5.0], size=shape) + rng.uniform(0, 0.1, size=shape)


CASES: dict[type, dict[str, LayerCase]] = {
    GELU: {
        "": LayerCase(GELU, SHAPE, gelu()),
        "by tanh": LayerCase(lambda: GELU(approximate=True), SHAPE, gelu_by_tanh()),
        "of Keras": LayerCase(GELU.keras, SHAPE, gelu(float(np.float32(0.5**0.5)))),
        "by tanh, of Keras": LayerCase(
            lambda: GELU.keras(approximate=True), SHAPE, gelu_by_tanh(float(np.float32(0.044715)))
        ),
    },
    Mish: {"": LayerCase(Mish, SHAPE, lambda z: z - 2 * z / ((1 + z.exp()) ** 2 + 1))},
    SiLU: {"": LayerCase(SiLU, SHAPE, lambda z: z / (1 + (-z).exp()))},
    Softplus: {
        "": LayerCase(Softplus, SHAPE, softplus),
        "straight above 1": LayerCase(
            lambda: Softplus(1.0),
            SHAPE,
            lambda z: softplus(z) * (z.value <= 1) + z * (z.value > 1),
        ),
    },
    ELU: {
        "": LayerCase(ELU, SHAPE, elu(1.0)),
        "of another slope": LayerCase(lambda: ELU(0.25), SHAPE, elu(0.25)),
    },
    SELU: {"": LayerCase(SELU, SHAPE, lambda z: SCALE * elu(ALPHA)(z))},
    HardSigmoid: {
        "": LayerCase(HardSigmoid, SHAPE, hard_sigmoid, beyond),
        "near the middle": LayerCase(HardSigmoid, SHAPE, lambda z: z / 6 + 0.5, ties),
    },
    HardSwish: {
        "": LayerCase(HardSwish, SHAPE, lambda z: z * hard_sigmoid(z), beyond),
        "near the middle": LayerCase(HardSwish, SHAPE, lambda z: z * z / 6 + 0.5 * z, ties),
    },
}
