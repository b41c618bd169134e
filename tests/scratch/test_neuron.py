"""The neuron in pure Python: published numbers, and the NumPy network on the same weights."""

import random
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import scratch
from scratch import (
    SGD,
    Batch,
    Dense,
    HalfSquaredError,
    MeanSquaredError,
    Neuron,
    NeuronNetwork,
    Sequential,
    Sigmoid,
    train,
)

from .closeness import assert_close

CIRCLE = [[i / 2.5, j / 2.5] for j in range(-5, 6) for i in range(-5, 6)]  # -2, -1.6 ... 2
INSIDE = [[float(x * x + y * y < 1)] for x, y in CIRCLE]
PUBLISHED_LOSSES = (
    "0.2919 0.1420 0.0663 0.0289 0.0234 0.0202 0.0176 0.0154 0.0134 0.0117 0.0103 0.0091 0.0079 "
    "0.0070 0.0062 0.0055 0.0050 0.0045 0.0041 0.0038 0.0035"
)


@pytest.fixture(scope="module")
def circle():
    """The published training: the network, and the loss before each of its 2,000 steps."""
    network = NeuronNetwork.draw(random.Random(0), [2, 4, 1])
    return network, network.fit(CIRCLE, INSIDE, steps=2000, learning_rate=10.0)


def test_untrained_circle_network_gives_the_published_output():
    network = NeuronNetwork.draw(random.Random(0), [2, 4, 1])
    assert round(network.predict([[0.0, 0.0]])[0][0], 8) == 0.55882367


def test_circle_losses_are_the_published_ones(circle):
    _, losses = circle
    steps = [1, *range(100, 2001, 100)]
    assert " ".join(f"{losses[step - 1]:.4f}" for step in steps) == PUBLISHED_LOSSES


def test_trained_circle_network_has_the_published_loss_and_every_point_right(circle):
    network, _ = circle
    outputs = network.predict(CIRCLE)
    assert [[float(a > 0.5)] for (a,) in outputs] == INSIDE
    loss = network.loss(outputs, INSIDE)
    # 1e-13: another library's exp may end in another digit, and 2,000 steps carry that along
    assert loss == pytest.approx(0.0034561929870923383, rel=1e-13)


def test_circle_training_is_that_of_the_numpy_network(circle):
    network, losses = circle
    numpy_network = Sequential(Dense(2, 4), Sigmoid(), Dense(4, 1), Sigmoid())
    start = NeuronNetwork.draw(random.Random(0), [2, 4, 1])
    numpy_network.set_weights([np.array(w) for w in start.weights])
    data = Batch(np.array(CIRCLE), np.array(INSIDE))
    epochs = train(numpy_network, MeanSquaredError(), SGD(10.0), data, [None] * 2000, 121)
    # 1e-12: the suite's limit for the losses, 1e-9 for the weights at the end
    assert_close(losses, [epoch.loss for epoch in epochs], 1e-12)
    for ours, theirs in zip(network.weights, numpy_network.weights, strict=True):
        assert_close(ours, theirs, 1e-9)


def test_perceptron_gives_the_published_numbers():
    X, y = [[0, 0, 1], [1, 1, 1], [1, 0, 1], [0, 1, 1]], [[0], [1], [1], [0]]
    start = (2 * np.random.RandomState(1).random_sample((3, 1)) - 1).tolist()
    network = NeuronNetwork([start], mean=False)
    losses = network.fit(X, y, steps=10_000, learning_rate=1.0)
    (weights,) = network.weights
    assert [round(w, 8) for (w,) in weights] == [9.67299303, -0.2078435, -4.62963669]
    outputs = [round(a, 8) for (a,) in network.predict([*X, [1, 0, 0]])]
    assert outputs == [0.009664, 0.99211997, 0.99358931, 0.00786466, 0.99993704]
    assert len(losses) == 10_000
    assert losses[-1] < losses[0]


def test_one_neuron_rounds_to_1():
    neuron = Neuron([7.0, 3.0], bias=-5.0)
    assert round(neuron.forward([1, 1]), 6) == 0.993307
    assert round(neuron.a) == 1


def test_a_new_neuron_has_learned_nothing():
    weights = [0.0]
    neuron = Neuron(weights)
    weights[0] = 5.0  # its own are its own
    assert (neuron.w, neuron.b, neuron.forward([1.0])) == ([0.0], 0.0, 0.5)
    neuron.backward(1.0)
    assert (neuron.dw, neuron.db) == ([0.25], 0.25)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("mean", "loss"), [(True, MeanSquaredError), (False, HalfSquaredError)])
@pytest.mark.parametrize("bias", [True, False])
def test_step_of_a_deep_network_is_that_of_numpy(bias, mean, loss, weighted):
    rng = np.random.default_rng(0)
    layers = [Dense(3, 4, bias=bias), Dense(4, 2, bias=bias), Dense(2, 3, bias=bias)]
    numpy_network = Sequential(*(part for layer in layers for part in (layer, Sigmoid())))
    numpy_network.theta[:] = rng.normal(size=numpy_network.theta.shape)
    network = NeuronNetwork([w.tolist() for w in numpy_network.weights], mean=mean)
    X, y = rng.normal(size=(6, 3)), rng.random((6, 3))
    w = rng.uniform(0.5, 2, size=6) if weighted else None
    for _ in range(3):
        outputs = numpy_network.forward(X).copy()
        value, grads = numpy_network.loss_and_grad(loss(), X, y, w)
        numpy_network.theta -= 0.5 * np.concatenate([g.ravel() for g in grads])
        before, seen = network.step(X.tolist(), y.tolist(), 0.5, w if w is None else w.tolist())
        # 1e-14: some ten roundings, in another order
        assert_close([before, 1], [value, 1], 1e-14)
        assert_close(seen, outputs, 1e-14)
        for ours, theirs in zip(network.weights, numpy_network.weights, strict=True):
            assert_close(ours, theirs, 1e-14)


def test_weights_are_given_back_as_they_came():
    weights = [[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], [7.0, 8.0, 9.0], [[1.0], [2.0], [3.0]]]
    network = NeuronNetwork(weights)
    assert network.weights == weights
    network.step([[1, 1]], [[0]], 1.0)
    assert network.weights != weights
    assert weights[1] == [7.0, 8.0, 9.0]
    network.weights = weights
    assert network.weights == weights


def test_far_sums_do_not_overflow():
    neuron = Neuron([1.0], bias=None)
    assert neuron.forward([1e4]) == 1
    assert 0 <= neuron.forward([-1e4]) < 1e-300


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([], "weights must hold at least one matrix, got none"),
        ([[]], r"weights\[0\]: expected numbers, got none"),
        ([[1.0, 2.0]], r"weights\[0\]: expected a matrix, got 2 numbers"),
        ([[[1.0], [2.0, 3.0]]], r"weights\[0\]: expected rows of equal length"),
        ([[[1.0, 2.0]], [1.0]], r"weights\[1\]: expected 2 biases, got 1"),
        ([[[1.0]], [1.0], [1.0]], r"weights\[2\]: expected a matrix, got 1 numbers"),
        ([[[1.0, 2.0]], [[1.0]]], r"weights\[1\]: expected 2 rows, got 1"),
    ],
)
def test_weights_that_do_not_fit_are_named(weights, message):
    with pytest.raises(ValueError, match=message):
        NeuronNetwork(weights)


def test_data_that_do_not_fit_are_refused():
    network = NeuronNetwork([[[1.0], [2.0]]])
    with pytest.raises(ValueError, match="X must hold at least one row, got none"):
        network.step([], [], 1.0)
    for X, y, w in [
        ([[1, 2]], [[0], [0]], None),  # rows
        ([[1, 2, 3]], [[0]], None),  # inputs
        ([[1, 2]], [[0, 0]], None),  # outputs
        ([[1, 2]], [[0]], [1, 1]),  # weights
    ]:
        with pytest.raises(ValueError, match="zip"):
            network.step(X, y, 1.0, w)
        assert network.weights == [[[1.0], [2.0]]]


@pytest.mark.parametrize(
    ("outputs", "y", "w"),
    [([[0.5]], [[1], [1]], None), ([[0.5, 0.5]], [[1]], None), ([[0.5]], [[1]], [1, 1])],
    ids=["rows", "outputs", "weights"],
)
def test_a_loss_of_what_is_not_equally_long_is_refused(outputs, y, w):
    with pytest.raises(ValueError, match="zip"):
        NeuronNetwork([[[1.0]]]).loss(outputs, y, w)


def test_a_drawn_network_has_the_loss_that_is_asked_for():
    assert NeuronNetwork.draw(random.Random(0), [1, 1], mean=False).loss([[3.0]], [[1.0]]) == 2
    assert NeuronNetwork.draw(random.Random(0), [1, 1]).loss([[3.0]], [[1.0]]) == 4
    assert NeuronNetwork([[[1.0]]]).loss([[3.0]], [[1.0]]) == 4  # the mean, unless asked


def test_step_after_a_refused_one_is_as_if_that_had_not_been():
    weights, X, y = [[[0.5], [-1.0]], [0.25]], [[1, 2], [3, 4]], [[0], [1]]
    used, new = NeuronNetwork(weights), NeuronNetwork(weights)
    with pytest.raises(ValueError, match="zip"):
        used.step([[1, 2], [3]], y, 1.0)  # the first row was fine
    assert used.step(X, y, 1.0) == new.step(X, y, 1.0)
    assert used.weights == new.weights


def test_neurons_train_and_print_when_the_package_is_run(capsys):
    lesson = runpy.run_module("scratch.neuron", run_name="lesson")  # no warning: those are errors
    lesson["main"](steps=200)
    head, columns, *rows = capsys.readouterr().out.splitlines()
    assert head == "121 points, 21 of them inside the circle"
    assert columns.split() == ["step", "loss", "right"]
    assert [row.split()[:2] for row in rows[:2]] == [["1", "0.2919"], ["200", "0.0663"]]
    drawn = [mark for row in reversed(rows[-11:]) for mark in row.split()]
    assert len(drawn) == 121
    assert sum([mark == "#"] == inside for mark, inside in zip(drawn, INSIDE, strict=True)) == 111


def test_file_runs_without_any_installed_package():
    file = Path(scratch.__file__).parent / "neuron" / "neuron.py"
    # -I: nothing of the user's; -S: no site-packages
    lesson = "import runpy, sys; runpy.run_path(sys.argv[1]); print('numpy' in sys.modules)"
    command = [sys.executable, "-I", "-S", "-c", lesson, str(file)]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "False"
