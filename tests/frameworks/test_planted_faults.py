"""Faults that people make, planted on purpose: each turns the parity check red at its level."""

from dataclasses import replace

import numpy as np
import pytest

import frameworks
import frameworks.pytorch.adapter
import frameworks.pytorch.hooks
import scratch
from experiments import churn, mnist
from frameworks import PyTorchClassifier, ScratchClassifier, Spec
from frameworks.draws import Draws
from frameworks.keras.adapter import KerasAdapter
from frameworks.pytorch.adapter import PyTorchAdapter
from frameworks.scratch.adapter import ScratchAdapter

from .cases import table
from .parity import assert_lockstep, observe

PARAMETERS = {"epochs": 3, "batch_size": 5, "dtype": "float64", "random_state": 1}
X, Y = table(2, 23, 11)
W = np.linspace(0.5, 2, 23)


def churn_with(classifier, short, change=lambda parts: parts):
    """Make a classifier for the churn page, whose two hidden layers make a square kernel."""

    def build(spec: Spec = churn.SPEC):
        return change(getattr(churn, f"build_{short}")(spec))

    return getattr(frameworks, classifier)(build=build, **PARAMETERS)


def train_churn(short="pytorch", change=lambda parts: parts, w=None):
    classifiers = {"scratch": "Scratch", "keras": "Keras", "pytorch": "PyTorch"}
    return observe(churn_with(f"{classifiers[short]}Classifier", short, change), X, Y, w)


@pytest.fixture(scope="module")
def honest():
    return train_churn("scratch")


def assert_parts(one, other, level):
    with pytest.raises(AssertionError, match=rf"^{level}\["):
        assert_lockstep(one, other)


def test_without_a_fault_the_check_is_green(honest):
    assert_lockstep(honest, train_churn("pytorch"))


def test_kernel_transposed_on_the_way_in_shows_in_the_initial_weights(monkeypatch, honest):
    def set_weights(self, weights):
        original(self, [w.T.copy() if w.shape == (6, 6) else w for w in weights])

    original = PyTorchAdapter.set_weights
    monkeypatch.setattr(PyTorchAdapter, "set_weights", set_weights)
    assert_parts(honest, train_churn(), "initial_weights")


def test_kernel_transposed_both_ways_shows_in_the_outputs(monkeypatch, honest):
    def untransposed(module):
        layout = original(module)
        square = layout.own and layout.own[0].shape == (6, 6)
        return replace(layout, to_canonical=list, from_canonical=list) if square else layout

    original = frameworks.pytorch.adapter.layout_of
    monkeypatch.setattr(frameworks.pytorch.adapter, "layout_of", untransposed)
    assert_parts(honest, train_churn(), "outputs")


def test_other_random_numbers_show_in_the_orders(monkeypatch, honest):
    def spoil(self, random_state):
        original(self, random_state)
        self._orders = np.random.default_rng(random_state)

    original = Draws.__init__
    monkeypatch.setattr(Draws, "__init__", spoil)
    assert_parts(honest, train_churn(), "orders")


def test_softmax_applied_twice_shows_in_the_outputs():
    def build(spec: Spec = mnist.SPEC):
        parts = mnist.build_scratch(spec)
        layers = *parts.network.layers, scratch.Softmax()
        return parts._replace(network=scratch.Sequential(*layers))

    digits = table(3, 23, 4)
    faulty = observe(ScratchClassifier(build=build, **PARAMETERS), *digits)
    stock = observe(PyTorchClassifier(build=mnist.build_pytorch, **PARAMETERS), *digits)
    assert_parts(faulty, stock, "outputs")


def test_sum_for_a_mean_shows_in_the_loss(honest):
    def change(parts):
        parts.loss.reduction = "sum"
        return parts

    assert_parts(honest, train_churn(change=change), "loss")


@pytest.mark.parametrize("divisor", [None, W.sum()], ids=["no weights", "sum of the weights"])
def test_another_weighting_of_rows_shows_in_the_gradients(monkeypatch, divisor):
    def loss(self, output, y, w=None):
        if divisor is None:
            return original(self, output, y)
        return original(self, output, y, w) * len(y) / w.sum()

    weighted, original = train_churn("scratch", w=W), PyTorchAdapter._loss
    monkeypatch.setattr(PyTorchAdapter, "_loss", loss)
    assert_parts(weighted, train_churn(w=W), "gradients")


def test_bias_without_a_gradient_shows_in_the_gradients(monkeypatch, honest):
    def backward_params(self, dz):
        original(self, dz)
        self.grads[1][...] = 0

    original = scratch.Dense.backward_params
    monkeypatch.setattr(scratch.Dense, "backward_params", backward_params)
    assert_parts(train_churn("scratch"), honest, "gradients")


def test_epsilon_after_the_correction_shows_in_the_step(monkeypatch, honest):
    monkeypatch.setattr(frameworks.pytorch.hooks, "use_epsilon_hat", lambda optimizer: optimizer)
    assert_parts(honest, train_churn(), "step")


def test_epsilon_inside_the_root_shows_in_the_step(honest):
    class Inside(scratch.Adam):
        def step(self, theta, g):  # each step as if it were the first: only that one is looked at
            m, v = g * (1 - self.beta_1), g**2 * (1 - self.beta_2)
            factor = np.sqrt(1 - self.beta_2) / (1 - self.beta_1)
            theta -= self.eta * factor * m / np.sqrt(v + self.epsilon)

    def change(parts):
        return parts._replace(optimizer=Inside(churn.SPEC.learning_rate, epsilon=1e-7))

    assert_parts(train_churn("scratch", change), honest, "step")


def test_missing_bias_correction_shows_in_the_step(honest):
    class Uncorrected(scratch.Adam):
        def step(self, theta, g):
            if self.state:
                self.state["t"][...] = 10**6  # both corrections are 1 by now
            else:
                self.state = {"t": np.array(10**6), "m": np.zeros_like(g), "v": np.zeros_like(g)}
            super().step(theta, g)

    def change(parts):
        return parts._replace(optimizer=Uncorrected(churn.SPEC.learning_rate))

    assert_parts(train_churn("scratch", change), honest, "step")


@pytest.mark.parametrize("beta", ["beta_1", "beta_2"])
def test_beta_that_float32_does_not_hold_shows_in_the_step(beta):
    """Keras rounds betas through float32; that is why a Spec takes no others."""
    number = {"beta_1": 0.9, "beta_2": 0.999}[beta]

    def unrounded(parts):
        setattr(parts.optimizer, beta, number)
        return parts

    assert_parts(train_churn("scratch", unrounded), train_churn("keras", unrounded), "step")


@pytest.mark.parametrize("adapter", [KerasAdapter, PyTorchAdapter])
def test_dropped_partial_batch_shows_in_the_losses(monkeypatch, adapter, honest):
    def train(self, data, orders, batch_size):
        whole = len(data.X) // batch_size * batch_size
        cut = (order if order is None else order[:whole] for order in orders)
        return original(self, data, cut, batch_size)

    original, short = adapter.train, adapter.__name__.removesuffix("Adapter").lower()
    monkeypatch.setattr(adapter, "train", train)
    assert_parts(honest, train_churn(short), "losses")


@pytest.mark.parametrize("adapter", [ScratchAdapter, KerasAdapter, PyTorchAdapter])
def test_repeated_batch_order_shows_in_the_losses(monkeypatch, adapter, honest):
    """As a seeded `fit(shuffle=True)` of Keras does."""

    def train(self, data, orders, batch_size):
        orders = list(orders)
        return original(self, data, [orders[0]] * len(orders), batch_size)

    original, short = adapter.train, adapter.__name__.removesuffix("Adapter").lower()
    monkeypatch.setattr(adapter, "train", train)
    assert_parts(honest, train_churn(short), "losses")


def test_threshold_of_a_probability_for_a_logit_shows_in_the_accuracies(monkeypatch):
    def spoil(self, *arguments):
        original(self, *arguments)
        self.threshold = 0.5

    original = PyTorchAdapter.__init__
    monkeypatch.setattr(PyTorchAdapter, "__init__", spoil)
    small = X / 10  # small inputs make small logits, some between 0 and 0.5
    stock, faulty = (
        observe(c(**PARAMETERS), small, Y) for c in (ScratchClassifier, PyTorchClassifier)
    )
    assert_parts(stock, faulty, "accuracies")
