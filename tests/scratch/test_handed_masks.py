"""Masks that are handed to dropout, and gradients that are handed on to another network."""

import numpy as np
import pytest

from scratch import (
    SGD,
    Batch,
    Dense,
    Dropout,
    MeanSquaredError,
    Sequential,
    Tanh,
    iter_epochs,
)

X = np.arange(12.0).reshape(4, 3) + 1


def test_a_mask_takes_the_place_of_a_drawn_one_once():
    layer, drawn = (Dropout(0.5, np.random.default_rng(0)) for _ in range(2))
    mask = np.array([[2.0, 0, 2]] * 4)
    layer.use(mask)
    assert np.array_equal(layer.forward(X, training=True), X * mask)
    assert np.array_equal(layer.backward(X), X * mask)
    both = [each.forward(X, training=True) for each in (layer, drawn)]
    assert np.array_equal(*both)  # nothing had been drawn before


def test_without_a_generator_every_step_needs_a_mask():
    layer = Dropout(0.5)
    assert layer.forward(X) is X
    with pytest.raises(ValueError, match="Dropout needs an rng, or a mask for each step"):
        layer.forward(X, training=True)


def test_masks_that_are_handed_over_train_as_the_ones_that_layers_draw():
    def network(*rngs):
        layers = Dropout(0.25, rngs[0]), Dense(3, 4), Tanh(), Dropout(0.5, rngs[1]), Dense(4, 1)
        return Sequential(*layers).initialize(np.random.default_rng(1))

    def own():
        return [np.random.default_rng(seed) for seed in (2, 3)]

    rngs = own()

    def masks(n):
        pairs = zip(rngs, ((n, 3), (n, 4)), (0.25, 0.5), strict=True)
        return [(rng.random(shape) >= rate) / (1 - rate) for rng, shape, rate in pairs]

    data, orders = Batch(X, X[:, :1]), [np.array([2, 0, 3, 1]), None]
    trained = []
    for net, handed in ((network(*own()), None), (network(None, None), masks)):
        results = iter_epochs(net, MeanSquaredError(), SGD(0.01), data, orders, 3, masks=handed)
        trained.append((list(results), net.theta))
    assert trained[0][0] == trained[1][0]
    assert np.array_equal(trained[0][1], trained[1][1])


@pytest.mark.parametrize("count", [0, 2])
def test_another_number_of_masks_is_refused(count):
    network = Sequential(Dropout(0.5), Dense(3, 1))
    with pytest.raises(ValueError, match=f"masks: expected 1 arrays, got {count}"):
        network.use_masks([np.ones((4, 3))] * count)


def test_gradient_for_the_inputs_matches_finite_differences():
    rng = np.random.default_rng(0)
    network = Sequential(Tanh(), Dense(3, 4), Tanh(), Dense(4, 2)).initialize(rng)
    rows, da = rng.normal(size=(5, 3)), rng.normal(size=(5, 2))
    network.forward(rows)
    dX = network.backward(da)
    gradient = network.grad.copy()
    h = 2**-17
    for i in np.ndindex(rows.shape):
        moved = [rows.copy(), rows.copy()]
        moved[0][i] += h
        moved[1][i] -= h
        up, down = (np.vdot(network.forward(m), da) for m in moved)
        assert dX[i] == pytest.approx((up - down) / (2 * h), rel=1e-8, abs=1e-9)  # h² and eps/h
    network.forward(rows)
    network.backward_params(da)
    assert np.array_equal(network.grad, gradient)
