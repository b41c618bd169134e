"""Diabetes: how far will the disease have gone in a year?

Ten measurements of 442 patients, the first 353 of a fixed shuffle for training and 89 for testing;
columns and target standardised on the training rows. One hidden layer of 16 tanh neurons, one
output; mean squared error, weights U(-0.1, 0.1), full batch, 250 steps of Adam with learning rate
0.002. Small weights start it as a linear model, and 250 steps, the best of 50, 100, ..., 1,000 in
a tenfold cross-validation of the training rows, let it bend a little; by 1,000 it has overfitted.

Source: Efron, Hastie, Johnstone and Tibshirani, "Least angle regression", The Annals of Statistics
32, 2004, which fits linear models to these patients. Expected: a test RMSE of 57.1 to 59.1 points
of the target, which runs from 25 to 346. Over 200 seeds it was 57.6 to 58.7, the standardised mean
squared error 0.542 to 0.561, R² 0.329 to 0.352. Linear least squares has 58.5, 0.559 and 0.332: the
network was better with 193 of the seeds, but only slightly. Over 100 other splits its R² was 0.479
on average, that of least squares 0.469; both vary by 0.07 between splits.
"""

from dataclasses import dataclass

import numpy as np

from datasets import Dataset, Policy, load_diabetes
from experiments.harness.experiment import Experiment
from frameworks import Parts, Spec, float32
from frameworks.task import REGRESSION
from scratch import uniform, zeros


@dataclass(frozen=True)
class Numbers(Spec):
    """A hidden layer, and Adam's numbers."""

    inputs: int = 10
    outputs: int = 1
    hidden: tuple[int] = (16,)
    epochs: int = 250
    batch_size: int = 353  # all rows
    learning_rate: float = float32(2e-3)
    beta_1: float = float32(0.9)
    beta_2: float = float32(0.999)
    epsilon_hat: float = float32(1e-7)


SPEC = Numbers()


def load(policy: Policy = "auto", data_dir: str | None = None) -> Dataset:
    """Load the patients; they are the same under every policy."""
    return load_diabetes()


def initial_weights(spec: Numbers, rng: np.random.Generator) -> list[np.ndarray]:
    """Draw W ~ U[-0.1, 0.1); biases are zero."""
    (hidden,) = spec.hidden
    return [
        uniform(rng, (spec.inputs, hidden), -0.1, 0.1),
        zeros(hidden),
        uniform(rng, (hidden, spec.outputs), -0.1, 0.1),
        zeros(spec.outputs),
    ]


def build_scratch(spec: Numbers = SPEC) -> Parts:
    """Build it in NumPy."""
    from scratch import Adam, Dense, MeanSquaredError, Sequential, Tanh

    (hidden,) = spec.hidden
    network = Sequential(
        Dense(spec.inputs, hidden),
        Tanh(),
        Dense(hidden, spec.outputs),
    )
    loss = MeanSquaredError()
    optimizer = Adam(
        learning_rate=spec.learning_rate,
        beta_1=spec.beta_1,
        beta_2=spec.beta_2,
        epsilon=spec.epsilon_hat,
        epsilon_hat=True,
    )
    return Parts(network, loss, optimizer, initial_weights)


def build_keras(spec: Numbers = SPEC) -> Parts:
    """Build it in Keras."""
    import keras
    from keras import layers

    (hidden,) = spec.hidden
    network = keras.Sequential(
        [
            layers.Input((spec.inputs,)),
            layers.Dense(hidden),
            layers.Activation("tanh"),
            layers.Dense(spec.outputs),
        ]
    )
    loss = keras.losses.MeanSquaredError()
    optimizer = keras.optimizers.Adam(
        learning_rate=spec.learning_rate,
        beta_1=spec.beta_1,
        beta_2=spec.beta_2,
        epsilon=spec.epsilon_hat,
    )
    return Parts(network, loss, optimizer, initial_weights)


def build_pytorch(spec: Numbers = SPEC) -> Parts:
    """Build it in PyTorch."""
    import torch
    from torch import nn

    from frameworks.pytorch.hooks import use_epsilon_hat

    (hidden,) = spec.hidden
    network = nn.Sequential(
        nn.Linear(spec.inputs, hidden),
        nn.Tanh(),
        nn.Linear(hidden, spec.outputs),
    )
    loss = nn.MSELoss()
    optimizer = torch.optim.Adam(
        network.parameters(),
        lr=spec.learning_rate,
        betas=(spec.beta_1, spec.beta_2),
        eps=spec.epsilon_hat,
        fused=True,
    )
    use_epsilon_hat(optimizer)  # differs: PyTorch adds ε after the bias correction
    return Parts(network, loss, optimizer, initial_weights)


EXPERIMENT = Experiment(
    page=__name__,
    data="442 patients",
    spec=SPEC,
    load=load,
    builders=(build_scratch, build_keras, build_pytorch),
    task=REGRESSION,
    band={"real": (57.1, 59.1)},  # RMSE, in points of the target
)
