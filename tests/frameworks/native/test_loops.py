"""Native loops: the losses, accuracies, weights and outputs that they come to."""

from dataclasses import replace

import numpy as np
import pytest

from frameworks import CLASSIFICATION
from frameworks.errors import RequestError, first_line

from .pages import BUILDERS, NAMES, SPEC, X, Y, build_keras, build_pytorch, build_scratch, train


@pytest.mark.parametrize("name", NAMES)
def test_without_classes_nothing_is_counted_and_the_loss_is_the_frameworks_own(name):
    trained, _ = train(name)
    assert trained.threshold is None
    assert [epoch.accuracy for epoch in trained.history] == [None] * 3
    outputs = trained.outputs(X)
    expected = np.mean((outputs - Y) ** 2)
    assert trained.loss(outputs, Y) == pytest.approx(expected, rel=1e-12)  # a sum's order


@pytest.mark.parametrize("name", NAMES)
def test_two_classes_may_have_two_outputs(monkeypatch, name):
    def build(spec, good=BUILDERS[name]):
        return good(spec)._replace(loss=cross_entropy(name))

    monkeypatch.setitem(BUILDERS, name, build)
    y = np.array([0, 1, 1])
    trained, _ = train(name, replace(SPEC, outputs=2, epochs=200), y, CLASSIFICATION)
    right = (trained.outputs(X).argmax(1) == y).mean()
    assert trained.history[-1].accuracy == right == 1


def cross_entropy(name):
    if name == "scratch":
        from scratch import CategoricalCrossEntropy

        return CategoricalCrossEntropy()
    if name == "keras":
        import keras

        return keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    import torch

    return torch.nn.CrossEntropyLoss()


def test_dropout_of_scratch_draws_from_the_loops_generator(monkeypatch):
    from scratch import Dropout, Sequential

    def build(spec):
        parts = build_scratch(spec)
        return parts._replace(network=Sequential(*parts.network.layers, Dropout(0.5)))

    monkeypatch.setitem(BUILDERS, "scratch", build)
    losses = [epoch.loss for epoch in train("scratch", replace(SPEC, epochs=6))[0].history]
    assert len(set(losses)) == 6
    assert losses == [epoch.loss for epoch in train("scratch", replace(SPEC, epochs=6))[0].history]


def test_a_dropout_within_a_layer_of_layers_draws_from_it_too(monkeypatch):
    from scratch import Dropout, Residual, Sequential

    def build(spec):
        parts = build_scratch(spec)
        return parts._replace(network=Sequential(*parts.network.layers, Residual(Dropout(0.5))))

    monkeypatch.setitem(BUILDERS, "scratch", build)
    losses = [epoch.loss for epoch in train("scratch", replace(SPEC, epochs=6))[0].history]
    assert len(set(losses)) == 6


def test_a_layer_of_the_pages_own_keeps_what_it_was_made_with_but_for_zeros(monkeypatch):
    from scratch import Layer, Sequential

    class Scale(Layer):
        def __init__(self):
            super().__init__([np.full(1, 0.5), np.zeros((1, 1)), np.zeros(1)])

        def forward(self, x, training=False):
            self.x = x
            return x * self.params[0] + x @ self.params[1] + self.params[2]

        def backward(self, da):
            self.grads[0][:] = (da * self.x).sum(axis=0)
            self.grads[1][:] = self.x.T @ da
            self.grads[2][:] = da.sum(axis=0)
            return da * self.params[0] + da @ self.params[1].T

    def build(spec):
        parts = build_scratch(spec)
        return parts._replace(network=Sequential(*parts.network.layers, Scale()))

    monkeypatch.setitem(BUILDERS, "scratch", build)
    trained, _ = train("scratch")
    scale, kernel, bias = trained.initial_weights[-3:]
    assert (scale, bias) == (0.5, 0.0)
    assert kernel != 0


def test_pytorch_trains_though_its_builder_left_it_in_evaluation_mode(monkeypatch):
    import torch

    def build(spec):
        parts = build_pytorch(spec)
        network = torch.nn.Sequential(parts.network, torch.nn.Dropout(0.5))
        return parts._replace(network=network.eval())

    monkeypatch.setitem(BUILDERS, "pytorch", build)
    losses = [epoch.loss for epoch in train("pytorch", replace(SPEC, epochs=6))[0].history]
    monkeypatch.setitem(BUILDERS, "pytorch", build_pytorch)
    without = [epoch.loss for epoch in train("pytorch", replace(SPEC, epochs=6))[0].history]
    assert losses != pytest.approx(without, rel=0.01)  # far more than rounding is apart


def test_frozen_features_of_scratch_are_the_pages(monkeypatch):
    import scratch

    def build(spec):
        parts = build_scratch(spec)
        fixed, head = scratch.Dense(1, 2), scratch.Dense(2, 1)
        fixed.W[:] = [[0.5, -0.25]]
        network = scratch.Sequential(fixed, head)
        optimizer = scratch.TrainOnly(scratch.layer_mask(network, head), scratch.SGD(0.0625))
        return parts._replace(network=network, optimizer=optimizer)

    monkeypatch.setitem(BUILDERS, "scratch", build)
    trained, _ = train("scratch")
    assert trained.initial_weights[0].tolist() == trained.weights[0].tolist() == [[0.5, -0.25]]
    assert trained.initial_weights[2].any()
    assert not np.array_equal(trained.initial_weights[2], trained.weights[2])


@pytest.mark.parametrize("pruned", [0.0, 9.0])
def test_single_elements_that_scratch_freezes_are_the_pages(monkeypatch, pruned):
    import scratch

    mask = np.array([True, False, False, True, True, True, True, True, True, True])

    def build(spec):
        parts = build_scratch(spec)
        network = scratch.Sequential(scratch.Dense(1, 3), scratch.Dense(3, 1))
        network.layers[0].W[:] = [[0.0, pruned, pruned]]
        optimizer = scratch.TrainOnly(mask, scratch.SGD(0.0625))
        return parts._replace(network=network, optimizer=optimizer)

    monkeypatch.setitem(BUILDERS, "scratch", build)
    trained, _ = train("scratch")
    for first, *_ in (trained.initial_weights, trained.weights):
        assert first[0, 0] != 0
        assert first[0, 1:].tolist() == [pruned, pruned]
    assert trained.initial_weights[2].all()


def test_weights_are_those_at_the_end_where_a_step_puts_others_in_their_place(monkeypatch):
    import torch

    class Mine(torch.optim.SGD):
        @torch.no_grad()
        def step(self, closure=None):
            for group in self.param_groups:
                for p in group["params"]:
                    p.data = p.data - group["lr"] * p.grad

    def build(spec):
        parts = build_pytorch(spec)
        return parts._replace(optimizer=Mine(parts.network.parameters(), lr=0.0625))

    monkeypatch.setitem(BUILDERS, "pytorch", build)
    trained, _ = train("pytorch")
    kernel, bias = trained.weights
    assert np.allclose(X @ kernel.T + bias, trained.outputs(X), rtol=0, atol=1e-12)  # of order 1
    assert not np.array_equal(kernel, trained.initial_weights[0])


@pytest.mark.parametrize("name", ["keras", "pytorch"])
def test_a_network_that_returns_several_outputs_is_refused(monkeypatch, name):
    import keras
    import torch

    def build(spec):
        parts = whole(spec)
        if name == "keras":
            inputs = keras.Input((1,))
            both = [keras.layers.Dense(1)(inputs), keras.layers.Dense(1)(inputs)]
            return parts._replace(network=keras.Model(inputs, both))

        class Both(torch.nn.Module):
            def forward(self, x):
                return x, x

        return parts._replace(network=Both())

    whole = BUILDERS[name]
    monkeypatch.setitem(BUILDERS, name, build)
    said = r"^the network of build returns a (list|tuple), the targets need one array of outputs$"
    with pytest.raises(RequestError, match=said):
        train(name)


def test_a_stateful_layer_of_keras_begins_with_zeros(monkeypatch):
    import keras

    def build(spec):
        gru = keras.layers.GRU(1, stateful=True, name="remembers")
        layers = keras.layers.Input(batch_shape=(3, 1)), keras.layers.Reshape((1, 1)), gru
        return build_keras(spec)._replace(network=keras.Sequential(layers))

    monkeypatch.setitem(BUILDERS, "keras", build)
    trained, _ = train("keras", replace(SPEC, epochs=1))
    parts = build(SPEC)
    parts.network.set_weights(trained.initial_weights)
    expected = float(keras.ops.mean(parts.loss(Y, parts.network(X))))
    assert trained.history[0].loss == pytest.approx(expected, rel=1e-12)  # a sum's order


def test_a_keras_network_of_a_fixed_batch_size_is_tested_on_any_number_of_rows(monkeypatch):
    import keras

    rnn = keras.layers.SimpleRNN(1, stateful=True)

    def build(spec):
        layers = keras.layers.Input(batch_shape=(3, 1)), keras.layers.Reshape((1, 1)), rnn
        return build_keras(spec)._replace(network=keras.Sequential(layers))

    monkeypatch.setitem(BUILDERS, "keras", build)
    trained, _ = train("keras")
    w, u, b = (float(a.item()) for a in trained.weights)
    h = rnn.states[0].numpy()
    rows = np.arange(5.0)[:, None]
    first = np.tanh(w * rows[:3] + u * h + b)
    then = np.tanh(w * rows[3:] + u * first[:2] + b)
    expected = np.concatenate([first, then])
    assert trained.outputs(rows) == pytest.approx(expected, rel=1e-15)  # two libraries' tanh


def test_what_a_layer_of_keras_raises_is_said_in_its_own_words(monkeypatch):
    import keras

    class Fails(keras.layers.Layer):
        def call(self, x):
            raise ValueError("the widths 12 and 13 do not fit")

    def build(spec):
        return build_keras(spec)._replace(network=keras.Sequential([Fails()]))

    monkeypatch.setitem(BUILDERS, "keras", build)
    with pytest.raises(ValueError, match="the widths") as raised:
        train("keras")
    assert first_line(raised.value) == "the widths 12 and 13 do not fit"


@pytest.mark.parametrize("loss", ["mse", "function of rows"])
def test_a_loss_of_keras_may_be_a_name_or_a_function_of_rows(monkeypatch, loss):
    from frameworks.keras.loading import keras

    def build(spec):
        given = loss if loss == "mse" else keras.losses.mean_squared_error
        return build_keras(spec)._replace(loss=given)

    monkeypatch.setitem(BUILDERS, "keras", build)
    trained, _ = train("keras")
    outputs, targets = np.array([[0.0], [0.5]]), np.array([[1.0], [0.0]])
    assert trained.loss(outputs, targets) == 0.625
    assert trained.history[0].loss > trained.history[-1].loss


@pytest.mark.parametrize("name", NAMES)
def test_outputs_that_a_loss_would_broadcast_are_refused(monkeypatch, name):
    """MSE of (n,) and (n, 1) is that of (n, n) in PyTorch."""
    import keras
    import torch

    import scratch

    def build(spec):
        parts = whole(spec)
        flat = {
            "scratch": lambda net: scratch.Sequential(*net.layers, scratch.Reshape()),
            "keras": lambda net: keras.Sequential([net, keras.layers.Reshape(())]),
            "pytorch": lambda net: torch.nn.Sequential(net, torch.nn.Flatten(0)),
        }
        return parts._replace(network=flat[name](parts.network))

    whole = BUILDERS[name]
    monkeypatch.setitem(BUILDERS, name, build)
    said = r"build has outputs \(\) for a row, the targets need \(1,\)"
    with pytest.raises(RequestError, match=said):
        train(name)
