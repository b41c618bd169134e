"""dbn: what are unlabelled images worth when only a tenth of them has labels?

10,000 MNIST images in 0..1, 1,000 of them with their labels; 10,000 for testing. A deep belief
network 784-256-256-10: two Bernoulli restricted Boltzmann machines are trained one after the other
on all images, without labels, the second on the first one's hidden probabilities. Each takes ten
passes in batches of 50, with learning rate 0.05, by one step of contrastive divergence: hidden
units are sampled, what they reconstruct is taken as probabilities. Their weights become those of a
sigmoid network with a softmax on top, which learns the labels of the 1,000: gradient descent with
learning rate 0.1, batches of 20, 50 epochs. The same network starts from Glorot's weights as well.

Source: Hinton, Osindero and Teh, "A fast learning algorithm for deep belief nets", Neural
Computation 18, 2006; with back-propagation on top as in Bengio, Lamblin, Popovici and Larochelle,
"Greedy layer-wise training of deep networks", NIPS 2006; there all 60,000 images have labels, and
errors are smaller. Expected here: 7.5 to 9.5 %. Over four seeds it was 8.4 to 8.7 %, and 12.0 to
12.6 % from Glorot's weights.

The loss of a machine is the binary cross-entropy of its reconstructions. It is not what the steps
descend, but falls with it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from datasets import Dataset, Policy, load_mnist
from experiments.harness.experiment import Experiment
from experiments.harness.phases import Before, Phase
from frameworks import Parts, Program, Spec, float32
from frameworks.program import StepBatch
from frameworks.task import FEATURES
from scratch import glorot_uniform, zeros

IMAGES = 10_000
LABELLED = 1_000  # of them


@dataclass(frozen=True)
class Numbers(Spec):
    """The network of one phase: with two hidden layers, or a machine without."""

    inputs: int = 784
    outputs: int = 10
    hidden: tuple[int, ...] = (256, 256)
    epochs: int = 50
    batch_size: int = 20
    learning_rate: float = float32(0.1)


SPEC = Numbers()
FIRST = Numbers(outputs=256, hidden=(), epochs=10, batch_size=50, learning_rate=float32(0.05))
SECOND = replace(FIRST, inputs=256)


def load(policy: Policy = "auto", data_dir: str | None = None) -> Dataset:
    """Load MNIST, or its stand-in, with 10,000 training images: the same for every seed."""
    data = load_mnist(policy, data_dir)
    drawn = np.random.default_rng(0).permutation(len(data.X_train))[:IMAGES]
    return replace(data, X_train=data.X_train[drawn], y_train=data.y_train[drawn])


def initial_weights(spec: Numbers, rng: np.random.Generator) -> list[np.ndarray]:
    """Draw W by Glorot's rule, or N(0, 0.01²) for a machine; biases are 0."""
    if not spec.hidden:
        W = rng.normal(0, 0.01, (spec.inputs, spec.outputs))
        return [W, zeros(spec.outputs), zeros(spec.inputs)]
    first, second = spec.hidden
    return [
        *(glorot_uniform(rng, (spec.inputs, first)), zeros(first)),
        *(glorot_uniform(rng, (first, second)), zeros(second)),
        *(glorot_uniform(rng, (second, spec.outputs)), zeros(spec.outputs)),
    ]


def labelled(data: Dataset, before: Before) -> Dataset:
    """Return the data with the 1,000 training images only that have labels."""
    return replace(data, X_train=data.X_train[:LABELLED], y_train=data.y_train[:LABELLED])


def hidden(data: Dataset, before: Before) -> Dataset:
    """Return the data as the first machine sees them: its hidden units' probabilities."""
    first = before["first machine"]
    seen = (first.transform(X) for X in (data.X_train, data.X_test))
    X_train, X_test = (h.astype(np.result_type(h, float)) for h in seen)
    names = tuple(f"unit {i}" for i in range(X_train.shape[1]))
    return replace(data, X_train=X_train, X_test=X_test, feature_names=names)


def unrolled(spec: Numbers, rng: np.random.Generator, before: Before) -> list[np.ndarray]:
    """Return the machines' weights without the visible units' biases, and a new layer on top."""
    machines = (before[name].get_weights()[:2] for name in ("first machine", "second machine"))
    return [*(w for weights in machines for w in weights), *initial_weights(spec, rng)[4:]]


def draws(spec: Numbers, rng: np.random.Generator, n: int) -> dict[str, np.ndarray]:
    """Draw a uniform number for every hidden unit of a machine, n times."""
    return {"hidden": rng.random((n, spec.outputs))}


def machine_in_scratch(spec: Numbers) -> Program:
    """Build a machine in NumPy: the update is the paper's, two outer products."""
    from scratch import SGD, BinaryCrossEntropy, Layer, Sequential, sigmoid

    class RBM(Layer):
        def __init__(self, visible: int, hidden: int) -> None:
            super().__init__([np.zeros((visible, hidden)), np.zeros(hidden), np.zeros(visible)])

        def hidden(self, v: np.ndarray) -> np.ndarray:  # logits of P(h = 1 | v)
            W, c, _ = self.params
            return v @ W + c

        def forward(self, v: np.ndarray, training: bool = False) -> np.ndarray:  # P(h = 1 | v)
            return sigmoid(self.hidden(v))

        def visible(self, h: np.ndarray) -> np.ndarray:  # logits of P(v = 1 | h)
            W, _, b = self.params
            return h @ W.T + b

    rbm = RBM(spec.inputs, spec.outputs)
    network = Sequential(rbm)
    loss = BinaryCrossEntropy()
    optimizer = SGD(learning_rate=spec.learning_rate)

    def evaluate(batch: StepBatch, draws: Mapping[str, Any]) -> dict[str, Any]:
        h = (draws["hidden"] < rbm.forward(batch.X)).astype(batch.X.dtype)
        return {"loss": loss.forward(rbm.visible(h), batch.X)}

    def step(batch: StepBatch, draws: Mapping[str, Any]) -> dict[str, Any]:
        v, measured = batch.X, evaluate(batch, draws)
        h = rbm.forward(v)
        again = sigmoid(rbm.visible((draws["hidden"] < h).astype(v.dtype)))
        h_again = rbm.forward(again)

        dW, dc, db = rbm.grads
        dW[...] = (again.T @ h_again - v.T @ h) / len(v)
        dc[...] = (h_again - h).sum(axis=0) / len(v)
        db[...] = (again - v).sum(axis=0) / len(v)
        optimizer.step(network.theta, network.grad)
        return measured

    return Program(
        networks=(network,),
        optimizers=(optimizer,),
        step=step,
        initial_weights=initial_weights,
        draws=draws,
        evaluate=evaluate,
        algorithm="contrastive divergence",
    )


def machine_in_keras(spec: Numbers) -> Program:
    """Build a machine in Keras: the update is the gradient of a difference of free energies."""
    import keras
    import tensorflow as tf
    from keras import layers, ops

    class RBM(layers.Layer):
        def __init__(self, visible: int, hidden: int) -> None:
            super().__init__()
            self.W = self.add_weight(shape=(visible, hidden), initializer="zeros")
            self.c = self.add_weight(shape=(hidden,), initializer="zeros")
            self.b = self.add_weight(shape=(visible,), initializer="zeros")

        def hidden(self, v: Any) -> Any:  # logits of P(h = 1 | v)
            return ops.matmul(v, self.W) + self.c

        def call(self, v: Any) -> Any:  # P(h = 1 | v)
            return ops.sigmoid(self.hidden(v))

        def visible(self, h: Any) -> Any:  # logits of P(v = 1 | h)
            return ops.matmul(h, ops.transpose(self.W)) + self.b

        def free_energy(self, v: Any) -> Any:  # -log Σ exp(-E(v, h)) over all h
            softplus = ops.softplus(self.hidden(v))
            return -ops.sum(v * self.b, axis=1) - ops.sum(softplus, axis=1)

    rbm = RBM(spec.inputs, spec.outputs)
    network = keras.Sequential([rbm])
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    optimizer = keras.optimizers.SGD(learning_rate=spec.learning_rate)
    optimizer.build(rbm.trainable_weights)

    def evaluate(batch: StepBatch, draws: Mapping[str, Any]) -> dict[str, Any]:
        h = ops.cast(draws["hidden"] < rbm(batch.X), batch.X.dtype)
        return {"loss": loss(batch.X, rbm.visible(h))}

    def step(batch: StepBatch, draws: Mapping[str, Any]) -> dict[str, Any]:
        v, measured = batch.X, evaluate(batch, draws)
        h = rbm(v)
        again = ops.sigmoid(rbm.visible(ops.cast(draws["hidden"] < h, v.dtype)))

        with tf.GradientTape() as tape:
            gap = ops.mean(rbm.free_energy(v) - rbm.free_energy(again))
        gradients = tape.gradient(gap, rbm.trainable_weights)
        optimizer.apply(gradients, rbm.trainable_weights)
        return measured

    return Program(
        networks=(network,),
        optimizers=(optimizer,),
        step=step,
        initial_weights=initial_weights,
        draws=draws,
        evaluate=evaluate,
        algorithm="contrastive divergence",
    )


def machine_in_pytorch(spec: Numbers) -> Program:
    """Build a machine in PyTorch: the update is the gradient of a difference of free energies."""
    import torch
    from torch import nn
    from torch.nn import functional as F

    class RBM(nn.Module):
        def __init__(self, visible: int, hidden: int) -> None:
            super().__init__()
            self.W = nn.Parameter(torch.zeros(visible, hidden))
            self.c = nn.Parameter(torch.zeros(hidden))
            self.b = nn.Parameter(torch.zeros(visible))

        def hidden(self, v: torch.Tensor) -> torch.Tensor:  # logits of P(h = 1 | v)
            return v @ self.W + self.c

        def forward(self, v: torch.Tensor) -> torch.Tensor:  # P(h = 1 | v)
            return torch.sigmoid(self.hidden(v))

        def visible(self, h: torch.Tensor) -> torch.Tensor:  # logits of P(v = 1 | h)
            return h @ self.W.T + self.b

        def free_energy(self, v: torch.Tensor) -> torch.Tensor:  # -log Σ exp(-E(v, h)) over all h
            # differs: softplus is linear above 20 by default, which is 2e-9 less
            return -(v @ self.b) - F.softplus(self.hidden(v), threshold=40).sum(dim=1)

    rbm = RBM(spec.inputs, spec.outputs)
    network = nn.Sequential(rbm)
    loss = nn.BCEWithLogitsLoss()
    optimizer = torch.optim.SGD(network.parameters(), lr=spec.learning_rate)

    def evaluate(batch: StepBatch, draws: Mapping[str, Any]) -> dict[str, Any]:
        h = (draws["hidden"] < rbm(batch.X)).to(batch.X.dtype)
        return {"loss": loss(rbm.visible(h), batch.X)}

    def step(batch: StepBatch, draws: Mapping[str, Any]) -> dict[str, Any]:
        with torch.no_grad():
            v, measured = batch.X, evaluate(batch, draws)
            h = rbm(v)
            again = torch.sigmoid(rbm.visible((draws["hidden"] < h).to(v.dtype)))

        gap = (rbm.free_energy(v) - rbm.free_energy(again)).mean()
        optimizer.zero_grad()
        gap.backward()
        optimizer.step()
        return measured

    return Program(
        networks=(network,),
        optimizers=(optimizer,),
        step=step,
        initial_weights=initial_weights,
        draws=draws,
        evaluate=evaluate,
        algorithm="contrastive divergence",
    )


def build_scratch(spec: Numbers = SPEC) -> Parts | Program:
    """Build it in NumPy."""
    from scratch import SGD, CategoricalCrossEntropy, Dense, Sequential, Sigmoid

    if not spec.hidden:
        return machine_in_scratch(spec)
    first, second = spec.hidden
    network = Sequential(
        Dense(spec.inputs, first),
        Sigmoid(),
        Dense(first, second),
        Sigmoid(),
        Dense(second, spec.outputs),
    )
    loss = CategoricalCrossEntropy()
    optimizer = SGD(learning_rate=spec.learning_rate)
    return Parts(network, loss, optimizer, initial_weights)


def build_keras(spec: Numbers = SPEC) -> Parts | Program:
    """Build it in Keras."""
    import keras
    from keras import layers

    if not spec.hidden:
        return machine_in_keras(spec)
    first, second = spec.hidden
    network = keras.Sequential(
        [
            layers.Input((spec.inputs,)),
            layers.Dense(first, activation="sigmoid"),
            layers.Dense(second, activation="sigmoid"),
            layers.Dense(spec.outputs),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    optimizer = keras.optimizers.SGD(learning_rate=spec.learning_rate)
    return Parts(network, loss, optimizer, initial_weights)


def build_pytorch(spec: Numbers = SPEC) -> Parts | Program:
    """Build it in PyTorch."""
    import torch
    from torch import nn

    if not spec.hidden:
        return machine_in_pytorch(spec)
    first, second = spec.hidden
    network = nn.Sequential(
        nn.Linear(spec.inputs, first),
        nn.Sigmoid(),
        nn.Linear(first, second),
        nn.Sigmoid(),
        nn.Linear(second, spec.outputs),
    )
    loss = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(network.parameters(), lr=spec.learning_rate)
    return Parts(network, loss, optimizer, initial_weights)


EXPERIMENT = Experiment(
    page=__name__,
    data="20,000 digits, or the stand-in",
    spec=SPEC,
    load=load,
    builders=(build_scratch, build_keras, build_pytorch),
    phases=(
        Phase("first machine", FIRST, task=FEATURES),
        Phase("second machine", SECOND, data=hidden, task=FEATURES, stream=1),
        Phase("without the machines", SPEC, data=labelled, stream=2),
        Phase("pre-trained", SPEC, data=labelled, weights=unrolled, stream=2),
    ),
    band={"real": (0.905, 0.925), "stand-in": (0.92, 0.98)},
    certified="longdouble",
    certified_epochs={"real": 1, "stand-in": 20},  # of 120: all take ten minutes
    long=True,
)
