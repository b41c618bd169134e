"""regularisation: what helps against 1,000 images, a fifth of them with a wrong label?

1,000 images of 28 x 28 pixels in 0..1, of which 200 get a label drawn at random; 784 inputs, 256
ReLU neurons, ten outputs; softmax cross-entropy, Glorot-uniform weights, batches of 50, 100 epochs
of Adam with learning rate 0.001. Four trainings from the same weights: with nothing besides; the
last 200 images held out, and stopped when their loss has not fallen for five epochs, with the best
weights restored; every image shifted anew in every epoch by up to a pixel along each axis; with
dropout, 0.2 of the inputs and 0.5 of the hidden neurons.

Source: Srivastava, Hinton, Krizhevsky, Sutskever and Salakhutdinov, "Dropout: a simple way to
prevent neural networks from overfitting", Journal of Machine Learning Research 15, 2014. Expected:
each of the three lowers the error on the 10,000 test images, whose labels are right. Over three
seeds scratch had 19.8 to 20.1 % with nothing, 15.3 to 16.2 % stopped after 10 to 13 epochs, 15.5 to
16.4 % with shifts, 14.1 to 14.5 % with dropout; with seed 0 Keras and PyTorch had the same answers.
"""

from dataclasses import dataclass, replace
from math import isqrt

import numpy as np

from datasets import Dataset, Policy, load_mnist
from experiments.harness.experiment import Experiment
from experiments.harness.phases import Phase
from frameworks import Parts, Spec, float32
from scratch import glorot_uniform, random_shift, zeros

IMAGES = 1_000
RELABELLED = 200


@dataclass(frozen=True)
class Numbers(Spec):
    """The width of the hidden layer, what is done against overfitting, and Adam's numbers."""

    inputs: int = 784
    outputs: int = 10
    hidden: tuple[int] = (256,)
    drop_inputs: float = 0.0
    drop_hidden: float = 0.0
    pixels: int = 0  # shifts along each axis are at most so large
    patience: int = 0  # of early stopping; 0: there is none
    epochs: int = 100
    batch_size: int = 50
    learning_rate: float = float32(1e-3)
    beta_1: float = float32(0.9)
    beta_2: float = float32(0.999)
    epsilon_hat: float = float32(1e-7)


SPEC = Numbers()


def load(policy: Policy = "auto", data_dir: str | None = None) -> Dataset:
    """Load 1,000 images of MNIST, or of its stand-in, and draw 200 of their labels anew."""
    data, rng = load_mnist(policy, data_dir), np.random.default_rng(0)
    rows = rng.permutation(len(data.X_train))[:IMAGES]
    X, y = data.X_train[rows], data.y_train[rows]
    y[rng.permutation(IMAGES)[:RELABELLED]] = rng.integers(10, size=RELABELLED)
    return replace(data, X_train=X, y_train=y)


def initial_weights(spec: Numbers, rng: np.random.Generator) -> list[np.ndarray]:
    """Draw Glorot-uniform weights; biases are zero."""
    (hidden,) = spec.hidden
    return [
        glorot_uniform(rng, (spec.inputs, hidden)),
        zeros(hidden),
        glorot_uniform(rng, (hidden, spec.outputs)),
        zeros(spec.outputs),
    ]


def shifted(spec: Numbers, rng: np.random.Generator, X: np.ndarray) -> np.ndarray:
    """Return the images X (n, d), each shifted at random along both axes."""
    side = isqrt(X.shape[1])
    return random_shift(rng, X.reshape(-1, side, side), spec.pixels).reshape(X.shape)


def build_scratch(spec: Numbers = SPEC) -> Parts:
    """Build it in NumPy."""
    from scratch import (
        Adam,
        CategoricalCrossEntropy,
        Dense,
        Dropout,
        KerasEarlyStopping,
        ReLU,
        Sequential,
    )

    inputs, (hidden,) = spec.inputs, spec.hidden
    network = Sequential(
        Dropout(spec.drop_inputs),
        Dense(inputs, hidden),
        ReLU(),
        Dropout(spec.drop_hidden),
        Dense(hidden, spec.outputs),
    )
    loss = CategoricalCrossEntropy()
    augment = shifted if spec.pixels else None
    stopping = KerasEarlyStopping(patience=spec.patience) if spec.patience else None
    optimizer = Adam(
        learning_rate=spec.learning_rate,
        beta_1=spec.beta_1,
        beta_2=spec.beta_2,
        epsilon=spec.epsilon_hat,
        epsilon_hat=True,
    )
    return Parts(network, loss, optimizer, initial_weights, augment=augment, stopping=stopping)


def build_keras(spec: Numbers = SPEC) -> Parts:
    """Build it in Keras."""
    import keras
    from keras import layers
    from keras.callbacks import EarlyStopping

    inputs, (hidden,) = spec.inputs, spec.hidden
    network = keras.Sequential(
        [
            layers.Input((inputs,)),
            layers.Dropout(spec.drop_inputs),
            layers.Dense(hidden),
            layers.ReLU(),
            layers.Dropout(spec.drop_hidden),
            layers.Dense(spec.outputs),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    augment = shifted if spec.pixels else None
    stopping = (
        EarlyStopping(patience=spec.patience, restore_best_weights=True) if spec.patience else None
    )
    optimizer = keras.optimizers.Adam(
        learning_rate=spec.learning_rate,
        beta_1=spec.beta_1,
        beta_2=spec.beta_2,
        epsilon=spec.epsilon_hat,
    )
    return Parts(network, loss, optimizer, initial_weights, augment=augment, stopping=stopping)


def build_pytorch(spec: Numbers = SPEC) -> Parts:
    """Build it in PyTorch."""
    import torch
    from torch import nn

    from frameworks.pytorch.hooks import EarlyStopping, use_epsilon_hat

    inputs, (hidden,) = spec.inputs, spec.hidden
    network = nn.Sequential(
        nn.Dropout(spec.drop_inputs),
        nn.Linear(inputs, hidden),
        nn.ReLU(),
        nn.Dropout(spec.drop_hidden),
        nn.Linear(hidden, spec.outputs),
    )
    loss = nn.CrossEntropyLoss()
    augment = shifted if spec.pixels else None
    # differs: PyTorch leaves early stopping to the loop
    stopping = EarlyStopping(patience=spec.patience) if spec.patience else None
    optimizer = torch.optim.Adam(
        network.parameters(),
        lr=spec.learning_rate,
        betas=(spec.beta_1, spec.beta_2),
        eps=spec.epsilon_hat,
        fused=True,
    )
    use_epsilon_hat(optimizer)  # differs: PyTorch adds ε after the bias correction
    return Parts(network, loss, optimizer, initial_weights, augment=augment, stopping=stopping)


EXPERIMENT = Experiment(
    page=__name__,
    data="1,000 digits, 200 of them relabelled",
    spec=SPEC,
    load=load,
    builders=(build_scratch, build_keras, build_pytorch),
    band={"real": (0.83, 0.87), "stand-in": (0.7, 1.0)},  # with dropout
    certified="longdouble",
    certified_epochs={"real": 10, "stand-in": 10},  # of 416 at most: all take ten minutes
    long=True,
    phases=(
        Phase("nothing", SPEC),
        Phase("early stopping", Numbers(patience=5), validate=0.2),
        Phase("shifts", Numbers(pixels=1)),
        Phase("dropout", Numbers(drop_inputs=float32(0.2), drop_hidden=0.5)),
    ),
)
