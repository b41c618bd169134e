"""The L2 penalty: by hand, by central differences, and in whole trainings beside Keras'."""

import keras
import numpy as np
import pytest

from frameworks import float32
from scratch import (
    L2,
    SGD,
    Batch,
    BinaryCrossEntropy,
    CoupledWeightDecay,
    Dense,
    MeanSquaredError,
    Sequential,
    Tanh,
    train,
    train_step,
    weight_mask,
)

from .closeness import assert_close, assert_is_gradient

LIMIT = 1e-12  # the suite's limit for float64; measured: below 1e-14
STRENGTH = float32(0.01)  # Keras rounds it to float32


def small_network():
    return Sequential(Dense(4, 5), Tanh(), Dense(5, 1)).initialize(np.random.default_rng(0))


def small_data(rows=20):
    rng = np.random.default_rng(1)
    return Batch(rng.normal(size=(rows, 4)), rng.integers(2, size=(rows, 1)).astype(float))


def test_penalty_by_hand():
    # θ = (1, −2, 3), without the last: Σθ² = 5
    theta, mask = np.array([1.0, -2, 3]), np.array([True, True, False])
    keras_l2, sklearn_l2 = L2.keras(0.5, mask), L2.sklearn(8.0, mask)
    assert keras_l2.forward(theta, n=16) == 2.5
    assert keras_l2.backward().tolist() == [1, -2, 0]
    assert sklearn_l2.forward(theta, n=16) == 1.25  # ½ · 8 · 5/16
    assert sklearn_l2.backward().tolist() == [0.5, -1, 0]
    assert L2(0.5).forward(theta, n=16) == 7


@pytest.mark.parametrize("half_per_row", [False, True])
@pytest.mark.parametrize("masked", [False, True])
def test_penalty_backward_matches_finite_difference(half_per_row, masked):
    theta = np.random.default_rng(0).normal(size=9)
    mask = np.arange(9) % 2 == 0 if masked else None
    penalty = L2(0.5, mask=mask, half_per_row=half_per_row)
    penalty.forward(theta, 3)
    gradient = penalty.backward().copy()
    assert_is_gradient(gradient, lambda: penalty.forward(theta, 3), theta)


def test_gradient_of_a_training_step_is_that_of_the_loss_it_reports():
    network, loss, batch = small_network(), MeanSquaredError(), small_data()
    penalty = L2(0.5, mask=weight_mask(network))

    class Still:
        state = {}

        def step(self, theta, g):
            self.gradient = g.copy()

    def value():
        return train_step(network, loss, still, batch, penalty)[0]

    still = Still()
    value()
    assert_is_gradient(still.gradient.copy(), value, network.theta)


@pytest.fixture
def float64_in_keras():
    """Keras adds penalties to a loss of its default type, whatever the layers' type is."""
    floatx = keras.config.floatx()
    keras.config.set_floatx("float64")
    yield
    keras.config.set_floatx(floatx)


@pytest.mark.usefixtures("float64_in_keras")
@pytest.mark.parametrize("biases", [False, True])
def test_training_with_l2_equals_that_of_keras(biases):
    network, data = small_network(), small_data()
    regularizer = keras.regularizers.L2(STRENGTH)
    settings = {
        "kernel_regularizer": regularizer,
        "bias_regularizer": regularizer if biases else None,
        "dtype": "float64",
    }
    theirs = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(5, "tanh", **settings),
            keras.layers.Dense(1, **settings),
        ]
    )
    theirs.set_weights(network.weights)
    theirs.compile(
        keras.optimizers.SGD(0.25, momentum=0.5),
        keras.losses.BinaryCrossentropy(from_logits=True),
    )
    history = theirs.fit(data.X, data.y, batch_size=8, epochs=10, shuffle=False, verbose=0)
    penalty = L2.keras(STRENGTH, None if biases else weight_mask(network))
    sgd = SGD.keras(0.25, momentum=0.5)
    orders = [None] * 10
    epochs = train(network, BinaryCrossEntropy(), sgd, data, orders, 8, penalty=penalty)
    losses = [epoch.loss for epoch in epochs]
    assert_close(losses, history.history["loss"], LIMIT)
    for ours, their in zip(network.weights, theirs.get_weights(), strict=True):
        assert_close(ours, their, LIMIT)


def test_penalty_moves_the_weights_as_a_coupled_decay_of_twice_its_strength_does():
    one, other, data = small_network(), small_network(), small_data()
    parts = BinaryCrossEntropy(), SGD(0.25, momentum=0.5), data, [None] * 5, 8
    penalized = [e.loss for e in train(one, *parts, penalty=L2(0.05))]
    decay = CoupledWeightDecay(0.1, SGD(0.25, momentum=0.5))
    plain = [
        e.loss for e in train(other, BinaryCrossEntropy(), decay, data, [None] * 5, batch_size=8)
    ]
    assert_close(one.theta, other.theta, LIMIT)
    assert all(a > b for a, b in zip(penalized, plain, strict=True))


def test_negative_strength_is_refused():
    with pytest.raises(ValueError, match=r"^strength must be at least 0, got -0\.5$"):
        L2(-0.5)
