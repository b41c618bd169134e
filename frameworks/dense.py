"""The network of the classifiers when no builder is given: dense, ReLU, sigmoid or softmax on top.

Three builders of one network, written like an experiment's page.
"""

import numpy as np

from frameworks.spec import Parts, Spec
from scratch.initializers import glorot_uniform, zeros

__all__ = ["build_keras", "build_pytorch", "build_scratch", "initial_weights"]


def initial_weights(spec: Spec, rng: np.random.Generator) -> list[np.ndarray]:
    """Draw Glorot-uniform weights and zero biases, layer by layer."""
    widths = (spec.inputs, *spec.hidden, spec.outputs)
    weights = []
    for d_in, d_out in zip(widths, widths[1:], strict=False):
        weights += [glorot_uniform(rng, (d_in, d_out)), zeros(d_out)]
    return weights


def build_scratch(spec: Spec) -> Parts:
    """Build the network in NumPy."""
    from scratch import Adam, BinaryCrossEntropy, CategoricalCrossEntropy, Dense, ReLU, Sequential

    layers, width = [], spec.inputs
    for hidden in spec.hidden:
        layers += [Dense(width, hidden), ReLU()]
        width = hidden
    network = Sequential(*layers, Dense(width, spec.outputs))
    loss = BinaryCrossEntropy() if spec.outputs == 1 else CategoricalCrossEntropy()
    optimizer = Adam(
        learning_rate=spec.learning_rate,
        beta_1=spec.beta_1,
        beta_2=spec.beta_2,
        epsilon=spec.epsilon_hat,
        epsilon_hat=True,
    )
    return Parts(network, loss, optimizer, initial_weights)


def build_keras(spec: Spec) -> Parts:
    """Build the network in Keras."""
    import keras
    from keras.layers import Dense, Input, ReLU
    from keras.losses import BinaryCrossentropy, SparseCategoricalCrossentropy

    layers = [Input((spec.inputs,))]
    for hidden in spec.hidden:
        layers += [Dense(hidden), ReLU()]
    network = keras.Sequential([*layers, Dense(spec.outputs)])
    cross_entropy = BinaryCrossentropy if spec.outputs == 1 else SparseCategoricalCrossentropy
    loss = cross_entropy(from_logits=True)
    optimizer = keras.optimizers.Adam(
        learning_rate=spec.learning_rate,
        beta_1=spec.beta_1,
        beta_2=spec.beta_2,
        epsilon=spec.epsilon_hat,
    )
    return Parts(network, loss, optimizer, initial_weights)


def build_pytorch(spec: Spec) -> Parts:
    """Build the network in PyTorch."""
    import torch
    from torch import nn

    from frameworks.epsilon import use_epsilon_hat

    layers, width = [], spec.inputs
    for hidden in spec.hidden:
        layers += [nn.Linear(width, hidden), nn.ReLU()]
        width = hidden
    network = nn.Sequential(*layers, nn.Linear(width, spec.outputs))
    loss = nn.BCEWithLogitsLoss() if spec.outputs == 1 else nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(
        network.parameters(),
        lr=spec.learning_rate,
        betas=(spec.beta_1, spec.beta_2),
        eps=spec.epsilon_hat,
        fused=True,
    )
    use_epsilon_hat(optimizer)  # differs: PyTorch adds ε after the bias correction
    return Parts(network, loss, optimizer, initial_weights)
