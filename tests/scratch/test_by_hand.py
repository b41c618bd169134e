"""Layers, losses and whole networks against numbers worked out by hand."""

import math

import numpy as np
import pytest

from scratch import (
    SGD,
    Batch,
    BinaryCrossEntropy,
    CategoricalCrossEntropy,
    Dense,
    HalfSquaredError,
    MeanSquaredError,
    ReLU,
    Sequential,
    Sigmoid,
    Softmax,
    Tanh,
    sigmoid,
    softmax,
    train_step,
)

ROUNDING = 1e-15  # one or two roundings; what can be exact is compared with ==
LN2, LN3, LN5 = math.log(2), math.log(3), math.log(5)


def dense(W, b=None):
    layer = Dense(len(W), len(W[0]), bias=b is not None)
    layer.W[:] = W
    if b is not None:
        layer.b[:] = b
    return layer


def relu_network():
    return Sequential(dense([[1, -1], [2, 1]], [0.5, -2]), ReLU(), dense([[2], [3]], [-10]))


def test_relu_network_of_2_2_1_gives_every_gradient_by_hand():
    # x = (1, 2):  z1 = (1 + 4 + 0.5, -1 + 2 - 2) = (5.5, -1), a1 = (5.5, 0), z2 = 11 - 10 = 1
    # L = (1 - 3)² = 4, dz2 = 2 (1 - 3) = -4
    # dW2 = a1 dz2 = (-22, 0), db2 = -4, da1 = -4 (2, 3) = (-8, -12), dz1 = (-8, 0)
    # dW1 = x dz1 = ((-8, 0), (-16, 0)), db1 = (-8, 0)
    network, loss = relu_network(), MeanSquaredError()
    value, (dW1, db1, dW2, db2) = network.loss_and_grad(
        loss, np.array([[1.0, 2.0]]), np.array([[3.0]])
    )
    assert value == 4
    assert (dW2.tolist(), db2.tolist()) == ([[-22], [0]], [-4])
    assert (dW1.tolist(), db1.tolist()) == ([[-8, 0], [-16, 0]], [-8, 0])


def test_training_step_of_the_relu_network_moves_every_weight_by_hand():
    # the gradients above, learning rate 1/4; then z1 = (3 + 12 + 2.5, -1) and z2 = 131.25 - 9
    network, batch = relu_network(), Batch(np.array([[1.0, 2.0]]), np.array([[3.0]]))
    value, outputs = train_step(network, MeanSquaredError(), SGD(0.25), batch)
    assert (value, outputs.tolist()) == (4, [[1]])
    W1, b1, W2, b2 = (w.tolist() for w in network.weights)
    assert (W1, b1) == ([[3, -1], [6, 1]], [2.5, -2])
    assert (W2, b2) == ([[7.5], [3]], [-9])
    assert network.forward(batch.X).tolist() == [[122.25]]


def test_sigmoid_network_of_2_2_1_gives_every_gradient_by_hand():
    # x = (1, 1):  z1 = (ln 3, 0), a1 = (3/4, 1/2), z2 = 3/4 · 4/3 ln 3 = ln 3, a2 = 3/4
    # L = ½ (3/4 - 1/4)² = 1/8, da2 = 1/2, dz2 = 1/2 · 3/4 · 1/4 = 3/32
    # dW2 = 3/32 (3/4, 1/2), da1 = 3/32 (4/3 ln 3, 0), dz1 = (3/16 · 1/8 ln 3, 0), dW1 = x dz1
    W1, W2 = [[LN3, -1], [0, 1]], [[4 / 3 * LN3], [0]]
    network = Sequential(dense(W1), Sigmoid(), dense(W2), Sigmoid())
    value, (dW1, dW2) = network.loss_and_grad(
        HalfSquaredError(), np.array([[1.0, 1.0]]), np.array([[0.25]])
    )
    assert value == pytest.approx(1 / 8, rel=ROUNDING)
    assert dW2.ravel() == pytest.approx([9 / 128, 3 / 64], rel=ROUNDING)
    dz1 = 3 / 128 * LN3
    assert dW1.ravel() == pytest.approx([dz1, 0, dz1, 0], rel=ROUNDING)


def test_dense_gradients_sum_over_the_rows():
    # dW = x₁ dz₁ + x₂ dz₂ = 1·10 + 3·20, 2·10 + 4·20; db = 10 + 20; dX = dz Wᵀ
    layer = dense([[1], [-1]], [5])
    assert layer.forward(np.array([[1.0, 2.0], [3.0, 4.0]])).tolist() == [[4], [4]]
    assert layer.backward(np.array([[10.0], [20.0]])).tolist() == [[10, -10], [20, -20]]
    dW, db = layer.grads
    assert (dW.tolist(), db.tolist()) == ([[70], [100]], [30])


def test_dense_without_bias_has_one_parameter():
    layer = dense([[2]])
    assert [p.shape for p in layer.params] == [(1, 1)]
    assert layer.forward(np.array([[3.0]])).tolist() == [[6]]


@pytest.mark.parametrize(
    ("layer", "z", "a", "da", "dz"),
    [
        (Sigmoid(), [0, LN3], [1 / 2, 3 / 4], [1, 16], [1 / 4, 3]),  # a (1-a) = 1/4, 3/16
        (Tanh(), [0, LN3], [0, 4 / 5], [1, 25], [1, 9]),  # (9-1)/(9+1); 1 - a² = 1, 9/25
        (ReLU(), [-2, 0, 4], [0, 0, 4], [7, 7, 7], [0, 0, 7]),  # at the kink 0
        # a ⊙ (da - Σ da a): Σ = 8/8 + 16/8 + 0 = 3
        (Softmax(), [0, LN2, LN5], [1 / 8, 2 / 8, 5 / 8], [8, 8, 0], [5 / 8, 10 / 8, -15 / 8]),
    ],
    ids=lambda case: type(case).__name__,
)
def test_activation_and_its_derivative_by_hand(layer, z, a, da, dz):
    assert layer.forward(np.array([z], float))[0] == pytest.approx(a, rel=ROUNDING)
    # a relative 4e-15: 1 - a and 1 - a² lose a few bits
    assert layer.backward(np.array([da], float))[0] == pytest.approx(dz, rel=4e-15)


def test_softmax_and_its_derivative_are_along_the_last_axis():
    z, da = np.random.default_rng(0).normal(size=(2, 2, 3, 4))
    layer, rows = Softmax(), Softmax()
    a, dz = layer.forward(z), layer.backward(da)
    assert np.array_equal(a, rows.forward(z.reshape(6, 4)).reshape(z.shape))
    assert np.array_equal(dz, rows.backward(da.reshape(6, 4)).reshape(z.shape))


def test_functions_are_those_of_the_layers():
    z = np.array([[0.0, LN2, LN5]])
    assert sigmoid(z)[0] == pytest.approx([1 / 2, 2 / 3, 5 / 6], rel=ROUNDING)
    assert softmax(z)[0] == pytest.approx([1 / 8, 2 / 8, 5 / 8], rel=ROUNDING)
    assert z.tolist() == [[0, LN2, LN5]]  # untouched


@pytest.mark.parametrize(
    ("loss", "outputs", "y", "w", "value", "gradient"),
    [
        # errors 1, -3: ½ (1 + 9), and ½ (2·1 + ½·9)
        (HalfSquaredError(), [[3], [1]], [[2], [4]], None, 5, [[1], [-3]]),
        (HalfSquaredError(), [[3], [1]], [[2], [4]], [2, 0.5], 3.25, [[2], [-1.5]]),
        # two rows of two outputs, errors 1, 0, -3, 2: 14/4 and (2·1 + ½·13)/4; 2/4 = ½ in front
        (MeanSquaredError(), [[3, 0], [1, 2]], [[2, 0], [4, 0]], None, 3.5, [[0.5, 0], [-1.5, 1]]),
        (
            *(MeanSquaredError(), [[3, 0], [1, 2]], [[2, 0], [4, 0]]),
            *([2, 0.5], 2.125, [[1, 0], [-0.75, 0.5]]),
        ),
        # σ(ln 3) = 3/4: -ln 3/4 for the first, -ln 1/4 for the second
        (
            *(BinaryCrossEntropy(), [[LN3], [LN3]], [[1], [0]], None),
            *((4 * LN2 - LN3) / 2, [[-1 / 8], [3 / 8]]),
        ),
        (
            *(BinaryCrossEntropy(), [[LN3], [LN3]], [[1], [0]], [0, 2]),
            *(2 * LN2, [[0], [3 / 4]]),
        ),
        # softmax (1/8, 2/8, 5/8): -ln 5/8 for the first, -ln 1/8 for the second
        (
            *(CategoricalCrossEntropy(), [[0, LN2, LN5], [0, LN2, LN5]], [2, 0], None),
            *((6 * LN2 - LN5) / 2, [[1 / 16, 1 / 8, -3 / 16], [-7 / 16, 1 / 8, 5 / 16]]),
        ),
        (
            *(CategoricalCrossEntropy(), [[0, LN2, LN5], [0, LN2, LN5]], [2, 0], [4, 0]),
            *(2 * (3 * LN2 - LN5), [[1 / 4, 1 / 2, -3 / 4], [0, 0, 0]]),
        ),
    ],
    ids=lambda case: type(case).__name__,
)
def test_loss_and_its_gradient_by_hand(loss, outputs, y, w, value, gradient):
    y = np.array(y) if isinstance(loss, CategoricalCrossEntropy) else np.array(y, float)
    w = None if w is None else np.array(w, float)
    result = loss.forward(np.array(outputs, float), y, w)
    assert np.ndim(result) == 0
    assert result == pytest.approx(value, rel=4e-15)  # a few roundings in exp and log
    assert loss.backward().ravel() == pytest.approx(np.ravel(gradient), rel=4e-15)  # likewise
