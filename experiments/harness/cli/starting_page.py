"""starting_page: which of three irises is this flower?

Four lengths of 150 flowers, standardised on the 120 training rows; one hidden layer of ReLU
neurons, an output for each class; categorical cross-entropy, Glorot uniform weights, biases of
zero, Adam in batches. How many of each is in `Numbers`.

Source: Fisher, "The use of multiple measurements in taxonomic problems", Annals of Eugenics, 1936.
Expected: a test accuracy of 0.9 to 1.
"""

from dataclasses import dataclass

import numpy as np

from datasets import Classes, Dataset, Policy
from datasets.dataset import digest_arrays
from experiments.harness.experiment import Experiment
from frameworks import Parts, Spec, float32
from scratch import glorot_uniform, zeros


@dataclass(frozen=True)
class Numbers(Spec):
    """A hidden layer, and Adam's numbers; `--set hidden=16` changes one for a run."""

    inputs: int = 4
    outputs: int = 3
    hidden: int = 8
    epochs: int = 40
    batch_size: int = 16
    # Frameworks round some of their settings to float32: here they are rounded for all, once.
    learning_rate: float = float32(1e-2)
    beta_1: float = float32(0.9)
    beta_2: float = float32(0.999)
    epsilon_hat: float = float32(1e-7)


SPEC = Numbers()


def load(policy: Policy = "auto", data_dir: str | None = None) -> Dataset:
    """Load the flowers that come with scikit-learn, and scale them as the training rows are."""
    from sklearn.datasets import load_iris
    from sklearn.model_selection import train_test_split

    X, y = load_iris(return_X_y=True)
    parts = train_test_split(X, y.astype(np.int64), test_size=30, random_state=0, stratify=y)
    X_train, X_test, y_train, y_test = parts
    mean, deviation = X_train.mean(axis=0), X_train.std(axis=0)
    return Dataset(
        name="iris",
        source="real",
        sha256=digest_arrays(X, y),
        canonical=True,
        origin="scikit-learn",
        note="iris: the real data, which come with scikit-learn",
        X_train=np.ascontiguousarray((X_train - mean) / deviation),
        y_train=y_train,
        X_test=np.ascontiguousarray((X_test - mean) / deviation),
        y_test=y_test,
        feature_names=("sepal length", "sepal width", "petal length", "petal width"),
        targets=Classes(("setosa", "versicolor", "virginica")),
    )


def initial_weights(spec: Numbers, rng: np.random.Generator) -> list[np.ndarray]:
    """Draw W by Glorot's rule; biases are zero. All implementations begin with these."""
    return [
        glorot_uniform(rng, (spec.inputs, spec.hidden)),
        zeros(spec.hidden),
        glorot_uniform(rng, (spec.hidden, spec.outputs)),
        zeros(spec.outputs),
    ]


def build_scratch(spec: Numbers = SPEC) -> Parts:
    """Build it in NumPy."""
    from scratch import Adam, CategoricalCrossEntropy, Dense, ReLU, Sequential

    network = Sequential(
        Dense(spec.inputs, spec.hidden),
        ReLU(),
        Dense(spec.hidden, spec.outputs),
    )
    loss = CategoricalCrossEntropy()
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

    network = keras.Sequential(
        [
            layers.Input((spec.inputs,)),
            layers.Dense(spec.hidden),
            layers.ReLU(),
            layers.Dense(spec.outputs),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
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

    network = nn.Sequential(
        nn.Linear(spec.inputs, spec.hidden),
        nn.ReLU(),
        nn.Linear(spec.hidden, spec.outputs),
    )
    loss = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(
        network.parameters(),
        lr=spec.learning_rate,
        betas=(spec.beta_1, spec.beta_2),
        eps=spec.epsilon_hat,
    )
    use_epsilon_hat(optimizer)  # differs: PyTorch adds ε after the bias correction
    return Parts(network, loss, optimizer, initial_weights)


EXPERIMENT = Experiment(
    page=__name__,
    data="150 irises",
    spec=SPEC,
    load=load,
    builders=(build_scratch, build_keras, build_pytorch),
    band={"real": (0.9, 1.0)},
)
