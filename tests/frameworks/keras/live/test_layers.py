"""The layers of a live Keras model: in the order in which they run, with what goes in and out."""

from functools import cache

import keras
import numpy as np
import pytest

from frameworks.keras.live import KerasLive
from frameworks.live.model import Rows, Training
from scratch import GELU

from .models import MODELS, rows_for, trained

EXACT = 1e-15  # relative: one rounding of a float64 product


@cache
def traced(name):
    """Return the live model, its layers and outputs, without dropout."""
    live = KerasLive(Training(trained(name)), rows_for(name), "float64")
    return live, *live.trace_layers(rows_for(name))


def close(a, b):
    return a.shape == b.shape and np.abs(a - b).max() <= EXACT * max(1, np.abs(b).max())


ORDERS = {
    "mlp": ["hidden: dense", "hidden.activation: relu", "drop: dropout", "out: dense"],
    "cnn": [
        "conv1: convolution",
        "norm: batch normalization",
        "relu: relu",
        "conv2: convolution",
        "conv2.activation: tanh",
        "add: sum",
        "pool: max pooling",
        "flatten: rearrangement",
        "out: dense",
    ],
    "shared": ["twice: dense", "twice: dense", "head: dense"],
    "sentences": ["words: embedding", "both: bidirectional", "out: dense"],
    "attention": [
        "block/norm: layer normalization",
        "block/attention: attention",
        "block/feed/up: dense",
        "block/feed/up.activation: gelu",
        "block: Block",
        "mean: average pooling",
        "out: dense",
    ],
}


@pytest.mark.parametrize("name", MODELS)
def test_layers_come_in_the_order_in_which_they_run(name):
    _, layers, _ = traced(name)
    head = "head" if name == "shared" else "out"
    found = [f"{layer.path}: {layer.facts.kind}" for layer in layers]
    assert found == [*ORDERS[name], f"{head}.activation: softmax"]


@pytest.mark.parametrize("name", MODELS)
def test_the_last_layer_returns_the_output_of_the_model(name):
    live, layers, (output,) = traced(name)
    assert np.array_equal(layers[-1].output, output)
    assert np.array_equal(live.outputs(rows_for(name))[0], output)
    assert output.dtype == np.float64


@pytest.mark.parametrize("name", MODELS)
def test_every_weight_belongs_to_a_layer_in_order(name):
    live, layers, _ = traced(name)
    used = [position for layer in layers for position in layer.weights]
    assert [*dict.fromkeys(used)] == [*range(len(live.weights()))]


def test_a_dense_layer_ends_before_its_activation():
    live, (hidden, relu, *_), _ = traced("mlp")
    W, b = (live.weights()[i].values for i in hidden.weights)
    assert close(hidden.output, hidden.inputs[0] @ W + b)
    assert np.array_equal(relu.inputs[0], hidden.output)
    assert np.array_equal(relu.output, np.maximum(hidden.output, 0))
    assert (relu.weights, relu.rearranges) == ((), False)


def test_an_operator_is_a_layer_with_both_inputs():
    _, layers, _ = traced("cnn")
    relu, tanh, added = layers[2], layers[4], layers[5]
    assert np.array_equal(added.inputs[0], relu.output)
    assert np.array_equal(added.inputs[1], tanh.output)
    assert np.array_equal(added.output, relu.output + tanh.output)


def test_only_a_layer_that_moves_numbers_rearranges():
    _, layers, _ = traced("cnn")
    assert [layer.path for layer in layers if layer.rearranges] == ["flatten"]


def test_training_mode_normalizes_by_the_batch_and_leaves_the_states():
    live, layers, _ = traced("cnn")
    norm = layers[1]
    assert [live.states()[i].name for i in norm.states] == [
        "norm.moving_mean",
        "norm.moving_variance",
    ]
    assert np.array_equal(live.states()[0].values, np.zeros(4))  # as they were: no step was taken
    x = norm.training_inputs[0]
    gamma, beta = (live.weights()[i].values for i in norm.weights)
    standard = (x - x.mean((0, 1, 2))) / np.sqrt(x.var((0, 1, 2)) + 1e-3)
    assert np.abs(norm.training_output - (gamma * standard + beta)).max() <= 1e-13  # some roundings
    assert np.abs(norm.output - norm.training_output).max() > 0.1


def test_a_shared_layer_runs_twice_with_the_same_weights():
    live, (first, second, head, _), _ = traced("shared")
    assert first.weights == second.weights == (0, 1)
    assert head.weights == (2, 3)
    assert [weight.name for weight in live.weights()][:2] == ["twice.kernel", "twice.bias"]


def test_a_weight_of_two_layers_stands_once():
    class Back(keras.layers.Layer):
        def __init__(self, forth):
            super().__init__(name="back")
            self.kernel, self.shift = forth.kernel, self.add_weight(shape=(3,), name="shift")

        def call(self, x):
            return x @ keras.ops.transpose(self.kernel) + self.shift

    forth = keras.layers.Dense(2, use_bias=False, name="forth")
    forth.build((None, 3))
    model = keras.Sequential([keras.Input((3,)), forth, Back(forth)])
    model.compile("sgd", "mse")
    rows = Rows((np.ones((4, 3)),), ())
    live = KerasLive(Training(model), rows, "float64")
    assert [weight.name for weight in live.weights()] == ["forth.kernel", "back.shift"]
    first, second = live.trace_layers(rows)[0]
    assert (first.weights, {*second.weights}) == ((0,), {0, 1})


def test_what_a_subclass_computes_itself_shows_between_two_layers():
    _, (first, second, head, _), _ = traced("shared")
    assert np.array_equal(second.inputs[0], np.maximum(first.output, 0))
    assert close(head.inputs[0], np.tanh(second.output))


def test_a_layer_that_never_runs_is_left_out_and_noted():
    live, *_ = traced("shared")
    assert "no layer uses idle.kernel, idle.bias" in live.notes


def test_attention_has_canonical_weights_with_names():
    live, layers, _ = traced("attention")
    names = [live.weights()[i].name for i in layers[1].weights]
    assert names[::2] == [
        f"block/attention.{part}.kernel" for part in ("query", "key", "value", "attention_output")
    ]
    assert live.weights()[layers[1].weights[0]].values.shape == (8, 8)
    assert live.weights()[layers[4].weights[0]].name == "block.scale"


def test_both_directions_have_names_and_canonical_shapes():
    live, layers, _ = traced("sentences")
    found = [(live.weights()[i].name, live.weights()[i].values.shape) for i in layers[1].weights]
    assert found[0] == ("both.forward.kernel", (4, 12))
    assert found[4] == ("both.backward.recurrent_kernel", (3, 12))


def test_a_gated_layer_with_two_biases_has_both():
    model = keras.Sequential([keras.Input((3, 2)), keras.layers.GRU(2, name="gru")])
    model.compile("sgd", "mse")
    live = KerasLive(Training(model), Rows((np.ones((4, 3, 2)),), ()), "float64")
    names = ["gru.kernel", "gru.recurrent_kernel", "gru.bias", "gru.recurrent_bias"]
    assert [weight.name for weight in live.weights()] == names
    arrays = [np.random.default_rng(0).normal(size=w.values.shape) for w in live.weights()]
    live.set_weights(arrays)
    assert all(np.array_equal(w.values, a) for w, a in zip(live.weights(), arrays, strict=True))
    assert np.array_equal(live.model.layers[0].cell.bias.numpy(), np.stack(arrays[2:]))


def test_a_frozen_layer_keeps_its_weights_in_their_place():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2), keras.layers.Dense(1)])
    model.layers[0].trainable = False
    model.compile("sgd", "mse")
    rows = Rows((np.ones((4, 3)),), (np.ones((4, 1)),))
    live = KerasLive(Training(model), rows, "float64")
    assert [weight.trainable for weight in live.weights()] == [False, False, True, True]
    _, gradients = live.loss_and_gradients(rows)
    assert [bool(g.any()) for g in gradients] == [False, False, True, True]


def test_two_layers_of_one_name_have_two_paths():
    inner = [keras.Sequential([keras.layers.Dense(2, name="dense")], name="part") for _ in range(2)]

    class Twin(keras.Model):
        def __init__(self):
            super().__init__()
            self.parts = inner

        def build(self, shape):
            for part in self.parts:
                part.build(shape)

        def call(self, x):
            return self.parts[0](x) + self.parts[1](x)

    model = Twin()
    model.compile("sgd", "mse")
    live = KerasLive(Training(model), Rows((np.ones((4, 3)),), ()), "float64")
    layers, _ = live.trace_layers(Rows((np.ones((4, 3)),), ()))
    assert [layer.path for layer in layers] == ["part/dense", "part/dense#2"]


@pytest.mark.parametrize("approximate", [False, True])
@pytest.mark.parametrize("of_a_layer", [False, True])
def test_a_gelu_is_given_the_constant_that_no_backend_rounds(approximate, of_a_layer):
    layers = [keras.layers.Dense(3, None if of_a_layer else "gelu", name="dense")]
    layers += [keras.layers.Activation("gelu", name="gelu")] if of_a_layer else []
    model = keras.Sequential([keras.Input((5,)), *layers])
    model.compile("sgd", "mse")
    live = KerasLive(Training(model), rows_for("mlp"), "float64")
    place = "gelu" if of_a_layer else "dense.activation"
    constant = 0.044715 if approximate else 0.5**0.5
    assert live.change(place, "approximate", approximate)
    assert live.change(place, "constant", constant)
    layer = live.trace_layers(rows_for("mlp"))[0][-1]
    assert (layer.path, layer.facts.values["constant"]) == (place, constant)
    expected = GELU(approximate=approximate).forward(layer.inputs[0])
    assert layer.output == pytest.approx(expected, rel=1e-13, abs=1e-15)  # 1 + erf for 2 − erfc
