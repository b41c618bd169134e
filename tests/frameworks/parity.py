"""Whether two implementations are one computation, level by level; the first that parts is named.

The limits are the suite's own for float64: 1e-12 from the outputs to the loss of every epoch, and
1e-9 for the weights at the end, relative to a tensor's largest magnitude. What is counted or drawn
has to be equal.
"""

from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import clone

from scratch import Batch

LIMITS = {
    "initial_weights": 0,
    "orders": 0,
    "outputs": 1e-12,
    "loss": 1e-12,
    "gradients": 1e-12,
    "step": 1e-12,
    "losses": 1e-12,
    "accuracies": 0,
    "weights": 1e-9,
    "test_loss": 1e-12,
    "probabilities": 1e-12,
    "predictions": 0,
}


@dataclass(frozen=True)
class Training:
    """What one implementation computed; the fields in the order in which faults show."""

    initial_weights: list[np.ndarray]
    orders: list[str]  # a digest
    outputs: list[np.ndarray]  # these four: of the first batch
    loss: list[float]
    gradients: list[np.ndarray]
    step: list[np.ndarray]  # the weights after it
    losses: list[np.ndarray]  # of every epoch
    accuracies: list[np.ndarray]
    weights: list[np.ndarray]  # at the end
    test_loss: list[float]
    probabilities: list[np.ndarray]
    predictions: list[np.ndarray]


def observe(classifier: Any, X: np.ndarray, y: np.ndarray, w: np.ndarray | None = None) -> Training:
    """Train copies of the classifier, and note what every level needs."""
    whole, one = clone(classifier).fit(X, y, w), clone(classifier)
    first = slice(classifier.batch_size)
    batch = Batch(X[first], y[first], None if w is None else w[first])
    one.partial_fit(batch.X, batch.y, whole.classes_, batch.w)  # one batch: one step
    step = one.get_weights()
    one.set_weights(one.initial_weights_)
    history = {name: [r[name] for r in whole.history_] for name in ("loss", "accuracy")}
    return Training(
        initial_weights=whole.initial_weights_,
        orders=[whole.orders_sha256_],
        outputs=[one.outputs(batch.X)],
        loss=[one.evaluate(batch.X, batch.y)["loss"]],
        gradients=gradients(one, batch),
        step=step,
        losses=[np.array(history["loss"])],
        accuracies=[np.array(history["accuracy"])],
        weights=whole.get_weights(),
        test_loss=[whole.evaluate(X, y)["loss"]],
        probabilities=[whole.predict_proba(X)],
        predictions=[whole.predict(X)],
    )


def assert_lockstep(a: Training, b: Training) -> None:
    """Raise AssertionError with the first level and array where the two part."""
    for level, limit in LIMITS.items():
        ours, theirs = getattr(a, level), getattr(b, level)
        assert len(ours) == len(theirs), f"{level}: {len(ours)} arrays against {len(theirs)}"
        for i, (x, y) in enumerate(zip(ours, theirs, strict=True)):
            error = distance(x, y)
            assert error <= limit, f"{level}[{i}]: {error} is above {limit}"


def distance(a: Any, b: Any) -> float:
    """The largest error relative to the largest magnitude; infinite where nothing can be compared.

    NaN equals nothing, and labels or digests are equal or infinitely far apart.
    """
    a, b = np.asarray(a), np.asarray(b)
    if a.dtype != b.dtype or a.shape != b.shape:
        return np.inf
    if a.dtype.kind != "f":
        return 0.0 if np.array_equal(a, b) else np.inf
    error, scale = np.abs(a - b).max(), np.abs(b).max()
    return np.inf if np.isnan(error) else error / scale if scale else error


def gradients(classifier: Any, batch: Batch) -> list[np.ndarray]:
    """dL/d(weights) of the framework's own loss on the batch, in the canonical layout."""
    adapter = classifier._adapter
    targets = classifier._encode(batch.y, adapter.dtype)
    kind = type(classifier).__name__
    return _GRADIENTS[kind](adapter, *batch._replace(y=targets))


def _scratch_gradients(adapter, X, y, w):
    return adapter.parts.network.loss_and_grad(adapter.parts.loss, X, y, w)[1]


def _keras_gradients(adapter, X, y, w):
    import keras

    if keras.backend.backend() != "tensorflow":
        return adapter.loss_and_gradients(Batch(X, y, w))[1]

    import tensorflow as tf

    model = adapter.parts.network
    with adapter.lent(), tf.GradientTape() as tape:
        loss = model.compute_loss(X, y, model(tf.constant(X)), w)
    return [g.numpy() for g in tape.gradient(loss, [v.value for v in model.trainable_variables])]


def _pytorch_gradients(adapter, X, y, w):
    import torch

    network = adapter.parts.network
    X, y, w = (None if a is None else torch.from_numpy(a) for a in (X, y, w))
    grads = torch.autograd.grad(adapter._loss(network(X), y, w), list(network.parameters()))
    # a kernel is (c_out, c_in, kh, kw), a matrix (d_out, d_in), and a bias its own transpose
    return [g.transpose(2, 3, 1, 0) if g.ndim == 4 else g.T for g in (g.numpy() for g in grads)]


def _python_gradients(adapter, X, y, w):
    """Its own step with learning rate 1, which goes from the weights to the weights less dL/dw."""
    network = deepcopy(adapter.parts.network)
    network.step(X.tolist(), y.tolist(), 1.0, None if w is None else w.tolist())
    before, after = adapter.parts.network.weights, network.weights
    return [np.array(a) - np.array(b) for a, b in zip(before, after, strict=True)]


_GRADIENTS = {
    "ScratchClassifier": _scratch_gradients,
    "KerasClassifier": _keras_gradients,
    "PyTorchClassifier": _pytorch_gradients,
    "PythonClassifier": _python_gradients,
}
