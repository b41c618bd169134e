"""Small published networks, their numbers to every digit printed."""

import numpy as np
import pytest

from scratch import (
    SGD,
    Batch,
    Dense,
    HalfSquaredError,
    ReLU,
    Sequential,
    Sigmoid,
    Softmax,
    Tanh,
    evaluate,
    iter_epochs,
    sigmoid,
)


def network(*layers, weights):
    result = Sequential(*layers)
    result.set_weights([np.array(w, float) for w in weights])
    return result


def test_three_layers_forward_give_the_published_probabilities():
    three = network(
        *(Dense(2, 3), Sigmoid(), Dense(3, 2), Sigmoid(), Dense(2, 2), Softmax()),
        weights=[
            *([[0.1, 0.3, 0.5], [0.2, 0.4, 0.6]], [0.1, 0.2, 0.3]),
            *([[0.1, 0.4], [0.2, 0.5], [0.3, 0.6]], [0.1, 0.2]),
            *([[0.1, 0.3], [0.2, 0.4]], [0.1, 0.2]),
        ],
    )
    outputs = three.forward(np.array([[2.0, 1.0]]))
    assert outputs[0].round(8).tolist() == [0.40442364, 0.59557636]


def test_forward_propagation_through_two_hidden_nodes():
    layers = Dense(2, 2, bias=False), ReLU(), Dense(2, 1, bias=False)
    two = network(*layers, weights=[[[3, 1], [3, 5]], [[2], [-1]]])
    x = np.array([[-1.0, 2.0]])
    assert layers[0].forward(x).tolist() == [[3, 9]]
    assert two.forward(x).tolist() == [[-3]]


def test_forward_propagation_through_tanh():
    hidden, tanh, output = Dense(2, 2, bias=False), Tanh(), Dense(2, 1, bias=False)
    two = network(hidden, tanh, output, weights=[[[3, 1], [3, 5]], [[2], [-1]]])
    # 1e-15: one unit in the last place of tanh differs between mathematical libraries
    assert two.forward(np.array([[-1.0, 2.0]])).item() == pytest.approx(0.99010953783342, abs=1e-14)
    assert tanh.a[0, 0] == pytest.approx(0.9950547536867305, rel=1e-15)


def test_forward_propagation_through_two_hidden_layers():
    layers = [Dense(2, 2, bias=False), ReLU(), Dense(2, 2, bias=False), ReLU()]
    deep = network(
        *(*layers, Dense(2, 1, bias=False)),
        weights=[[[2, 4], [4, -5]], [[-1, 2], [1, 2]], [[2], [7]]],
    )
    x = np.array([[3.0, 5.0]])
    assert layers[0].forward(x).tolist() == [[26, -13]]
    assert deep.forward(x).tolist() == [[364]]


def test_two_layers_learn_xor_as_published():
    # 4 hidden units, no biases, weights of `rand` after seed 0, gradient step 1 on the sum of
    # squared errors, which is twice the half sum: learning rate 2, loss times 2
    rng = np.random.RandomState(0)
    xor = network(
        *(Dense(3, 4, bias=False), Sigmoid(), Dense(4, 1, bias=False), Sigmoid()),
        weights=[rng.rand(3, 4), rng.rand(4, 1)],
    )
    X = np.array([[0, 0, 1], [0, 1, 1], [1, 0, 1], [1, 1, 1]], float)
    data, loss = Batch(X, np.array([[0.0], [1.0], [1.0], [0.0]])), HalfSquaredError()
    epochs = iter_epochs(xor, loss, SGD(2.0), data, [None] * 1499, batch_size=4)
    losses = [2 * epoch.loss for epoch in epochs]
    assert losses[0] == pytest.approx(1.298103813489028, rel=1e-15)  # the order of four additions
    assert (np.diff(losses) < 0).all()
    last = evaluate(xor, loss, data)
    # 1e-13: 1,499 steps carry the roundings of the first ones along
    assert 2 * last.loss == pytest.approx(0.0028002218560012598, rel=1e-13)
    outputs = xor.forward(X).ravel().round(8)
    assert outputs.tolist() == [0.01009649, 0.97157766, 0.97166525, 0.03297871]
    assert last.accuracy == 1


def test_sigmoid_of_5_rounds_to_1():
    assert sigmoid(np.array([5.0])).round().tolist() == [1]
