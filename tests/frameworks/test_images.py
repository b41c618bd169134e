"""Images: one layout of kernels and of flattened channels in every implementation."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

import frameworks.pytorch.adapter
from experiments import mnist_cnn
from frameworks import PyTorchClassifier, ScratchClassifier
from frameworks.pytorch.adapter import PyTorchAdapter

from . import images
from .cases import table
from .parity import assert_lockstep, observe

PARAMETERS = {"epochs": 2, "batch_size": 5, "dtype": "float64", "random_state": 1}
X, Y = table(3, 23, 108)


@pytest.fixture(scope="module")
def fitted(classifier_class, builder):
    return classifier_class(build=builder(images), **PARAMETERS).fit(X, Y)


def test_kernels_are_height_width_inputs_outputs(fitted):
    assert [w.shape for w in fitted.get_weights()] == images.SHAPES
    assert all(w.flags.c_contiguous for w in fitted.get_weights())


def test_weights_set_are_the_weights_got(fitted):
    weights = [np.random.default_rng(0).normal(size=shape) for shape in images.SHAPES]
    fitted.set_weights(weights)
    for w, own in zip(weights, fitted.get_weights(), strict=True):
        assert w.tobytes() == own.tobytes()


def test_outputs_are_those_of_the_weights_in_their_layout(fitted):
    # Channel 0 of pixel (3, 6) stands at (2, 4) to the weight (1, 2), at (1, 2) after the pool.
    weights = [np.zeros(shape) for shape in images.SHAPES]
    weights[0][1, 2, 0, 1], weights[2][(1 * 3 + 2) * 3 + 1, 2], weights[3][0] = 2, 5, 7
    fitted.set_weights(weights)
    rows = np.zeros((4, *images.SHAPE))
    rows[0, 3, 6, 0], rows[1, 3, 6, 1], rows[2, 6 - 1, 3, 0], rows[3, 3, 6, 0] = 1, 1, 1, -1
    expected = [[7, 0, 2 * 5], [7, 0, 0], [7, 0, 0], [7, 0, 0]]  # ReLU stops the last
    assert fitted.outputs(rows.reshape(4, -1)).tolist() == expected


def train(classifier, build):
    return observe(classifier(build=build, **PARAMETERS), X, Y)


@pytest.fixture(scope="module")
def honest():
    return train(ScratchClassifier, images.build_scratch)


def assert_parts(one, other, level):
    with pytest.raises(AssertionError, match=rf"^{level}\["):
        assert_lockstep(one, other)


CHANGES = {
    "turned round, as a convolution in mathematics": lambda w: w[::-1, ::-1],
    "with its inputs confused": lambda w: w[:, :, ::-1],
    "with its outputs confused": lambda w: w[..., ::-1],
}


def changed(method, change):
    """Let a method of an adapter take or give kernels that are changed; twice is not at all."""

    def change_all(weights):
        return [change(w).copy() if w.ndim == 4 else w for w in weights]

    if method == "set_weights":
        original = PyTorchAdapter.set_weights
        return lambda self, weights: original(self, change_all(weights))
    original = PyTorchAdapter.get_weights
    return lambda self: change_all(original(self))


@pytest.mark.parametrize("change", CHANGES)
def test_kernel_changed_on_the_way_in_shows_in_the_initial_weights(monkeypatch, honest, change):
    monkeypatch.setattr(PyTorchAdapter, "set_weights", changed("set_weights", CHANGES[change]))
    assert_parts(honest, train(PyTorchClassifier, images.build_pytorch), "initial_weights")


@pytest.mark.parametrize("change", CHANGES)
def test_kernel_changed_both_ways_shows_in_the_outputs(monkeypatch, honest, change):
    for method in ("set_weights", "get_weights"):
        monkeypatch.setattr(PyTorchAdapter, method, changed(method, CHANGES[change]))
    assert_parts(honest, train(PyTorchClassifier, images.build_pytorch), "outputs")


def test_channels_flattened_one_by_one_show_in_the_outputs(honest):
    assert_lockstep(honest, train(PyTorchClassifier, images.build_pytorch))
    by_channel = partial(images.build_pytorch, channels_last=False)
    assert_parts(honest, train(PyTorchClassifier, by_channel), "outputs")


def test_square_kernel_transposed_both_ways_shows_in_the_outputs(monkeypatch):
    def turned(module):
        layout = original(module)
        if not layout.own or layout.own[0].ndim < 4:
            return layout
        return replace(layout, to_canonical=across, from_canonical=across)

    def across(arrays):
        return [a.T if a.ndim == 4 else a for a in arrays]

    digits = table(10, 12, 784)
    stock = observe(ScratchClassifier(build=mnist_cnn.build_scratch, **PARAMETERS), *digits)
    original = frameworks.pytorch.adapter.layout_of
    monkeypatch.setattr(frameworks.pytorch.adapter, "layout_of", turned)
    faulty = observe(PyTorchClassifier(build=mnist_cnn.build_pytorch, **PARAMETERS), *digits)
    assert_parts(stock, faulty, "outputs")
