"""The training loops that one writes without lockstep: what `lockstep bench` holds `fit` against.

Each trains what a builder builds, from given weights over given orders of the rows, as someone at
home in that framework would; it returns the last epoch's mean loss, by which the benchmark sees
that it did the same.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from frameworks import Builder, Parts

__all__ = ["PLAIN_LOOPS"]

Arrays = list[np.ndarray]


def train_scratch(
    build: Builder, weights: Arrays, X: np.ndarray, y: np.ndarray, orders: Arrays, size: int
) -> float:
    """Train a `scratch.Sequential`, step by step."""
    parts = build()
    network, loss, optimizer = parts[:3]
    network.bind(X.dtype)
    network.set_weights(weights)
    for order in orders:
        total = correct = 0.0
        for start in range(0, len(order), size):
            rows = order[start : start + size]
            batch, targets = X[rows], y[rows]
            outputs = network.forward(batch)
            total += loss.forward(outputs, targets) * len(rows)
            correct += np.count_nonzero(_classes(outputs, parts) == targets)
            network.backward(loss.backward())
            optimizer.step(network.theta, network.grad)
    return total / len(X)


def _classes(outputs: np.ndarray, parts: Parts) -> np.ndarray:
    if outputs.shape[1] == 1:
        return outputs > (0.0 if parts.logits else 0.5)
    return outputs.argmax(1)


def train_keras(
    build: Builder, weights: Arrays, X: np.ndarray, y: np.ndarray, orders: Arrays, size: int
) -> float:
    """Train with `compile` and `fit`, an epoch's steps in one execution."""
    import keras
    import tensorflow as tf

    keras.config.set_floatx(X.dtype.name)
    keras.config.set_dtype_policy(X.dtype.name)  # once a layer was built, floatx is not enough
    parts = build()
    parts.network.set_weights(weights)
    steps = -(-len(X) // size)
    if parts.network.output_shape[1] == 1:
        accuracy = keras.metrics.BinaryAccuracy(threshold=0.0 if parts.logits else 0.5)
    else:
        accuracy = keras.metrics.SparseCategoricalAccuracy()
    parts.network.compile(
        parts.optimizer, parts.loss, metrics=[accuracy], steps_per_execution=steps
    )
    inputs, targets, slices = tf.constant(X), tf.constant(y), tf.data.Dataset.from_tensor_slices
    batches = (
        slices(np.stack(orders))
        .flat_map(lambda order: slices(order).batch(size))
        .map(lambda rows: (tf.gather(inputs, rows), tf.gather(targets, rows)))
        .prefetch(tf.data.AUTOTUNE)
    )
    history = parts.network.fit(
        batches, epochs=len(orders), steps_per_epoch=steps, shuffle=False, verbose=0
    )
    return history.history["loss"][-1]


def train_pytorch(
    build: Builder, weights: Arrays, X: np.ndarray, y: np.ndarray, orders: Arrays, size: int
) -> float:
    """Train with autograd and `torch.optim`, step by step."""
    import torch

    parts = build()
    network, loss, optimizer = parts[:3]
    inputs, targets = torch.from_numpy(X), torch.from_numpy(y)
    network.to(inputs.dtype).train()
    with torch.no_grad():
        for own, new in zip(network.parameters(), weights, strict=True):
            own.copy_(torch.from_numpy(new.T if new.ndim < 4 else new.transpose(3, 2, 0, 1)))
    for order in map(torch.from_numpy, orders):
        total = torch.zeros((), dtype=inputs.dtype)
        correct = torch.zeros((), dtype=torch.int64)
        for rows in order.split(size):
            output, target = network(inputs[rows]), targets[rows]
            value = loss(output, target)
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
            total += value.detach() * len(rows)
            if output.shape[1] == 1:
                correct += ((output > (0.0 if parts.logits else 0.5)) == target).sum()
            else:
                correct += (output.argmax(1) == target).sum()
    return float(total) / len(X)


def train_python(
    build: Builder, weights: Arrays, X: np.ndarray, y: np.ndarray, orders: Arrays, size: int
) -> float:
    """Train a `scratch.NeuronNetwork`, step by step."""
    parts = build()
    network, learning_rate = parts.network, parts.optimizer
    network.weights = [w.tolist() for w in weights]
    inputs, targets = X.tolist(), y.tolist()
    for order in orders:
        total = correct = 0.0
        for start in range(0, len(order), size):
            rows = order[start : start + size].tolist()
            labels = [targets[i] for i in rows]
            loss, outputs = network.step([inputs[i] for i in rows], labels, learning_rate)
            total += loss * len(rows)
            correct += sum(
                (a > 0.5) == label for (a,), (label,) in zip(outputs, labels, strict=True)
            )
    return total / len(X)


PLAIN_LOOPS: dict[str, Callable[..., Any]] = {
    "scratch": train_scratch,
    "keras": train_keras,
    "pytorch": train_pytorch,
    "python": train_python,
}
