"""The estimators' network when no builder is given: dense layers with an activation between them.

Three builders of one network, written like an experiment's page. The loss is the cross-entropy of
a final sigmoid or softmax, or the mean squared error for a regression.
"""

from dataclasses import dataclass

import numpy as np

from frameworks.program import Parts
from frameworks.spec import Spec, float32
from scratch.initializers import glorot_uniform, zeros

__all__ = [
    *("ACTIVATIONS", "DenseSpec", "build_keras", "build_pytorch", "build_scratch"),
    "initial_weights",
]

ACTIVATIONS = ("identity", "logistic", "relu", "tanh")  # scikit-learn's names


@dataclass(frozen=True)
class DenseSpec(Spec):
    """The widths of any number of hidden layers, and Adam's numbers."""

    inputs: int = 1
    outputs: int = 1
    hidden: tuple[int, ...] = ()  # widths
    activation: str = "relu"  # of the hidden layers; one of ACTIVATIONS
    regression: bool = False
    learning_rate: float = float32(1e-3)
    beta_1: float = float32(0.9)  # decay of the mean of g
    beta_2: float = float32(0.999)  # decay of the mean of g²
    epsilon_hat: float = float32(1e-7)  # ε̂, added to √v before the bias correction


def initial_weights(spec: DenseSpec, rng: np.random.Generator) -> list[np.ndarray]:
    """Draw Glorot-uniform weights and zero biases, layer by layer."""
    widths = (spec.inputs, *spec.hidden, spec.outputs)
    weights = []
    for d_in, d_out in zip(widths, widths[1:], strict=False):
        weights += [glorot_uniform(rng, (d_in, d_out)), zeros(d_out)]
    return weights


def build_scratch(spec: DenseSpec) -> Parts:
    """Build the network in NumPy."""
    from scratch import (
        Adam,
        BinaryCrossEntropy,
        CategoricalCrossEntropy,
        Dense,
        Identity,
        MeanSquaredError,
        ReLU,
        Sequential,
        Sigmoid,
        Tanh,
    )

    activations = {"identity": Identity, "logistic": Sigmoid, "relu": ReLU, "tanh": Tanh}
    layers, width = [], spec.inputs
    for hidden in spec.hidden:
        layers += [Dense(width, hidden), activations[spec.activation]()]
        width = hidden
    network = Sequential(*layers, Dense(width, spec.outputs))
    cross_entropy = BinaryCrossEntropy if spec.outputs == 1 else CategoricalCrossEntropy
    loss = MeanSquaredError() if spec.regression else cross_entropy()
    optimizer = Adam(
        learning_rate=spec.learning_rate,
        beta_1=spec.beta_1,
        beta_2=spec.beta_2,
        epsilon=spec.epsilon_hat,
        epsilon_hat=True,
    )
    return Parts(network, loss, optimizer, initial_weights)


def build_keras(spec: DenseSpec) -> Parts:
    """Build the network in Keras."""
    import keras
    from keras.layers import Activation, Dense, Input
    from keras.losses import (
        BinaryCrossentropy,
        MeanSquaredError,
        SparseCategoricalCrossentropy,
    )

    activations = {"identity": "linear", "logistic": "sigmoid", "relu": "relu", "tanh": "tanh"}
    layers = [Input((spec.inputs,))]
    for hidden in spec.hidden:
        layers += [Dense(hidden), Activation(activations[spec.activation])]
    network = keras.Sequential([*layers, Dense(spec.outputs)])
    cross_entropy = BinaryCrossentropy if spec.outputs == 1 else SparseCategoricalCrossentropy
    loss = MeanSquaredError() if spec.regression else cross_entropy(from_logits=True)
    optimizer = keras.optimizers.Adam(
        learning_rate=spec.learning_rate,
        beta_1=spec.beta_1,
        beta_2=spec.beta_2,
        epsilon=spec.epsilon_hat,
    )
    return Parts(network, loss, optimizer, initial_weights)


def build_pytorch(spec: DenseSpec) -> Parts:
    """Build the network in PyTorch."""
    import torch
    from torch import nn

    from frameworks.pytorch.hooks import use_epsilon_hat

    activations = {
        "identity": nn.Identity,
        "logistic": nn.Sigmoid,
        "relu": nn.ReLU,
        "tanh": nn.Tanh,
    }
    layers, width = [], spec.inputs
    for hidden in spec.hidden:
        layers += [nn.Linear(width, hidden), activations[spec.activation]()]
        width = hidden
    network = nn.Sequential(*layers, nn.Linear(width, spec.outputs))
    cross_entropy = nn.BCEWithLogitsLoss if spec.outputs == 1 else nn.CrossEntropyLoss
    loss = nn.MSELoss() if spec.regression else cross_entropy()
    optimizer = torch.optim.Adam(
        network.parameters(),
        lr=spec.learning_rate,
        betas=(spec.beta_1, spec.beta_2),
        eps=spec.epsilon_hat,
        fused=True,
    )
    use_epsilon_hat(optimizer)  # differs: PyTorch adds ε after the bias correction
    return Parts(network, loss, optimizer, initial_weights)
