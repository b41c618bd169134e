"""Training as each framework's users write it, with that framework's own defaults.

A page's builder gives the layers and the loss; of its optimizer only the kind and the learning
rate, with its schedule, are taken, the rest is the framework's default: epsilon, for one. The
initial weights are those that the framework draws for its layers, and it shuffles the rows its own
way. Nothing is aligned, and the seed means something else in each framework.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from frameworks import Builder, Parts, Spec
from scratch import Batch, count_correct

__all__ = ["NATIVE_LOOPS", "Trained"]

Report = Callable[[int, float], None]


class Trained(NamedTuple):
    """A network after its training; weights are in the framework's own layout."""

    history: list[tuple[float, float]]  # loss and accuracy of each epoch
    initial_weights: list[np.ndarray]
    weights: list[np.ndarray]
    outputs: Callable[[np.ndarray], np.ndarray]  # (n, k) for X (n, d)


def train_scratch(build: Builder, spec: Spec, seed: int, data: Batch, report: Report) -> Trained:
    """Train with `scratch.train`: Glorot's weights, one generator for all."""
    import scratch

    rng, parts = np.random.default_rng(seed), build(spec)
    network = parts.network
    network.bind(data.X.dtype)
    initial_weights = [w.copy() for w in network.initialize(rng).weights]
    optimizer = type(getattr(parts.optimizer, "optimizer", parts.optimizer))(spec.learning_rate)
    if spec.halve_every:
        rate = scratch.StepRate(spec.learning_rate, factor=0.5, size=spec.halve_every)
        optimizer = scratch.Scheduled(rate, optimizer)
    n = len(data.X)
    orders = (rng.permutation(n) if spec.shuffle else None for _ in range(spec.epochs))
    history = []
    for result in scratch.iter_epochs(
        network, parts.loss, optimizer, data, orders, spec.batch_size
    ):
        history.append((result.loss, result.accuracy))
        report(len(history), result.loss)
    return Trained(history, initial_weights, network.weights, network.predict)


def train_keras(build: Builder, spec: Spec, seed: int, data: Batch, report: Report) -> Trained:
    """Train with `compile` and `fit`.

    After `set_random_seed`, Keras' `fit` draws one permutation and repeats it in every epoch.
    """
    import keras

    keras.utils.set_random_seed(seed)
    keras.config.set_floatx(data.X.dtype.name)
    keras.config.set_dtype_policy(data.X.dtype.name)
    parts = build(spec)
    network, rate = parts.network, spec.learning_rate
    initial_weights = network.get_weights()
    accuracy = keras.metrics.SparseCategoricalAccuracy()
    if spec.outputs == 1:
        accuracy = keras.metrics.BinaryAccuracy(threshold=0.0 if parts.logits else 0.5)
    if spec.halve_every:
        decay = keras.optimizers.schedules.ExponentialDecay
        rate = decay(rate, spec.halve_every, decay_rate=0.5, staircase=True)
    network.compile(type(parts.optimizer)(rate), parts.loss, metrics=[accuracy])
    epochs = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: report(epoch + 1, logs["loss"])
    )
    options = {"shuffle": spec.shuffle, "verbose": 0, "callbacks": [epochs]}
    history = network.fit(data.X, data.y, spec.batch_size, spec.epochs, **options).history
    results = list(zip(history["loss"], history[accuracy.name], strict=True))
    weights = network.get_weights()
    return Trained(results, initial_weights, weights, lambda X: network.predict(X, verbose=0))


def train_pytorch(build: Builder, spec: Spec, seed: int, data: Batch, report: Report) -> Trained:
    """Train with a `DataLoader` and the loop that every introduction shows."""
    import torch
    from torch.optim.lr_scheduler import StepLR
    from torch.utils.data import DataLoader, TensorDataset

    torch.manual_seed(seed)
    parts = build(spec)
    X, y = torch.from_numpy(data.X), torch.from_numpy(data.y)
    network = parts.network.to(X.dtype)
    weights = [w.detach().numpy() for w in network.parameters()]  # views: they follow the training
    initial_weights = [w.copy() for w in weights]
    optimizer = type(parts.optimizer)(network.parameters(), lr=spec.learning_rate)
    schedule = StepLR(optimizer, spec.halve_every, 0.5) if spec.halve_every else None
    loader = DataLoader(TensorDataset(X, y), spec.batch_size, shuffle=spec.shuffle)
    history: list[tuple[float, float]] = []
    for _ in range(spec.epochs):
        history.append(_train_epoch(parts, loader, optimizer, schedule))
        report(len(history), history[-1][0])
    network.eval()
    return Trained(
        history, initial_weights, weights, lambda X: network(torch.from_numpy(X)).detach().numpy()
    )


def _train_epoch(parts: Parts, loader: Any, optimizer: Any, schedule: Any) -> tuple[float, float]:
    """Train PyTorch for an epoch; return the mean loss and the accuracy."""
    total, correct, rows = 0.0, 0, len(loader.dataset)
    for X, y in loader:
        optimizer.zero_grad()
        outputs = parts.network(X)
        loss = parts.loss(outputs, y)
        loss.backward()
        optimizer.step()
        if schedule:
            schedule.step()
        total += loss.item() * len(X)
        threshold = 0.0 if parts.logits else 0.5
        correct += count_correct(outputs.detach().numpy(), y.numpy(), threshold)
    return total / rows, correct / rows


NATIVE_LOOPS: dict[str, Callable[..., Trained]] = {
    "scratch": train_scratch,
    "keras": train_keras,
    "pytorch": train_pytorch,
}
