"""Whole trainings beside scikit-learn's MLPClassifier, which shares no code with this."""

import numpy as np
import pytest
from sklearn.neural_network import MLPClassifier

from scratch import (
    L2,
    SGD,
    Adam,
    Batch,
    BinaryCrossEntropy,
    CategoricalCrossEntropy,
    Dense,
    ReLU,
    Sequential,
    Sigmoid,
    Tanh,
    WeightedMean,
    softmax,
    train,
    weight_mask,
)

from .closeness import assert_close

LIMIT = 1e-12  # the suite's limit for float64; measured: below 1e-14


@pytest.mark.parametrize(
    ("activation", "layer"), [("relu", ReLU), ("tanh", Tanh), ("logistic", Sigmoid)]
)
@pytest.mark.parametrize(
    ("solver", "optimizer"),
    [
        ("adam", lambda: Adam.sklearn(0.01)),
        ("sgd", lambda: SGD.sklearn(0.01)),
    ],
)
@pytest.mark.parametrize(
    ("classes", "alpha", "weighted"),
    [(2, 0.0, False), (3, 0.0, True), (2, 0.5, True), (3, 0.5, False)],
)
def test_50_epochs_equal_those_of_scikit_learn(
    activation, layer, solver, optimizer, classes, alpha, weighted
):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(30, 4)), rng.integers(classes, size=30)
    w = rng.uniform(0.2, 4, size=30) if weighted else None
    theirs = MLPClassifier(
        (6, 5),
        activation,
        solver=solver,
        alpha=alpha,
        batch_size=8,  # the last batch holds 6 rows
        learning_rate_init=0.01,
        shuffle=False,
        random_state=0,
    )
    theirs.partial_fit(X, y, classes=range(classes))
    del theirs._optimizer  # from here on it counts its steps from one again
    outputs = 1 if classes == 2 else classes
    network = Sequential(Dense(4, 6), layer(), Dense(6, 5), layer(), Dense(5, outputs))
    pairs = zip(theirs.coefs_, theirs.intercepts_, strict=True)
    network.set_weights([w for pair in pairs for w in pair])

    loss = WeightedMean(BinaryCrossEntropy() if classes == 2 else CategoricalCrossEntropy())
    data = Batch(X, y[:, np.newaxis].astype(float) if classes == 2 else y, w)
    penalty = L2.sklearn(alpha, weight_mask(network))
    epochs = train(network, loss, optimizer(), data, [None] * 50, batch_size=8, penalty=penalty)
    ours = [epoch.loss for epoch in epochs]
    for _ in range(50):
        theirs.partial_fit(X, y, sample_weight=w)
    assert_close(ours, theirs.loss_curve_[-50:], LIMIT)
    for w, coefs, b, intercepts in zip(
        network.weights[::2], theirs.coefs_, network.weights[1::2], theirs.intercepts_, strict=True
    ):
        assert_close(w, coefs, LIMIT)
        assert_close(b, intercepts, LIMIT)
    if classes > 2:
        assert_close(softmax(network.forward(X)), theirs.predict_proba(X), LIMIT)
