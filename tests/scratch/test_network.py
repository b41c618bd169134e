"""A network's parts: what it refuses, and the weights it starts from."""

import math
import subprocess
import sys

import numpy as np
import pytest

from scratch import (
    BatchNorm,
    Dense,
    Layer,
    ReLU,
    Reshape,
    Sequential,
    glorot_uniform,
    uniform,
    zeros,
)


def network():
    return Sequential(Dense(2, 3), ReLU(), Dense(3, 1))


def test_network_without_layers_is_refused():
    with pytest.raises(ValueError, match="at least one layer, got none"):
        Sequential()


@pytest.mark.parametrize(("d_in", "d_out", "name"), [(0, 1, "d_in"), (1, -2, "d_out")])
def test_width_below_one_is_refused(d_in, d_out, name):
    with pytest.raises(ValueError, match=f"^{name} must be at least 1, got {min(d_in, d_out)}$"):
        Dense(d_in, d_out)


def test_weights_of_another_number_are_refused():
    with pytest.raises(ValueError, match=r"^weights: expected 4 arrays, got 1$"):
        network().set_weights([np.zeros((2, 3))])


def test_weights_of_another_shape_are_refused_and_change_nothing():
    refused = network()
    weights = [np.ones((2, 3)), np.ones(3), np.ones((1, 3)), np.ones(1)]
    with pytest.raises(ValueError, match=r"^weights\[2\]: expected shape \(3, 1\), got \(1, 3\)$"):
        refused.set_weights(weights)
    assert not refused.theta.any()


def test_weights_are_copied():
    weights = [np.ones((2, 3)), np.ones(3), np.ones((3, 1)), np.ones(1)]
    copied = network()
    copied.set_weights(weights)
    weights[0][:] = 5
    assert copied.theta.tolist() == [1] * 13


def test_initialize_draws_matrices_and_leaves_biases_at_zero():
    W1, b1, W2, b2 = network().initialize(np.random.default_rng(0)).weights
    assert not b1.any()
    assert not b2.any()
    rng = np.random.default_rng(0)
    assert np.array_equal(W1, glorot_uniform(rng, (2, 3)))
    assert np.array_equal(W2, glorot_uniform(rng, (3, 1)))


def test_uniform_fills_its_interval():
    W = uniform(np.random.default_rng(0), (100, 100), -2, 6)
    assert W.min() >= -2
    assert W.max() < 6
    # mean 2, variance 8²/12; five standard errors of a mean over 10,000 draws
    assert W.mean() == pytest.approx(2, abs=5 * math.sqrt(64 / 12) / 100)


def test_glorot_uniform_has_the_variance_2_over_the_sum_of_the_widths():
    W = glorot_uniform(np.random.default_rng(0), (300, 100))
    assert np.abs(W).max() <= math.sqrt(6 / 400)
    # relative standard error √(0.8/n): five of them are 2.6 % for 30,000 draws
    assert W.var() == pytest.approx(2 / 400, rel=0.026)


def test_zeros_are_zero():
    assert zeros(2, 3).tolist() == [[0] * 3] * 2


def test_scratch_imports_numpy_and_the_standard_library_only():
    code = """
import sys, numpy.random
before = set(sys.modules)
import scratch
new = {name.split('.')[0] for name in set(sys.modules) - before}
print(sorted(new - set(sys.stdlib_module_names) - {'numpy', 'scratch'}))
"""
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout == "[]\n"


def test_gradients_without_dx_end_at_the_first_layer_with_parameters():
    asked = []

    class Asked(Dense):
        def backward(self, dz):
            asked.append(self)
            return super().backward(dz)

    first, second = Asked(4, 3), Asked(3, 1)
    network = Sequential(Reshape(4), first, ReLU(), second).initialize(np.random.default_rng(0))
    network.forward(np.ones((2, 2, 2)))
    network.backward_params(np.ones((2, 1)))
    assert asked == [second]
    assert first.grads[0].any()


def test_a_network_without_parameters_has_no_gradient():
    network = Sequential(ReLU())
    network.forward(np.ones((1, 2)))
    network.backward(np.ones((1, 2)))
    assert network.grad.size == 0


def test_gradients_of_a_new_layer_and_network_are_zero():
    assert not any(g.any() for g in Dense(2, 3).grads)
    assert not Sequential(Dense(2, 3)).grad.any()


@pytest.mark.parametrize("method", [Layer().forward, Layer().backward])
def test_a_layer_has_to_say_what_it_computes(method):
    with pytest.raises(NotImplementedError):
        method(np.ones((1, 1)))


def test_gradients_without_dx_are_those_of_backward_where_a_layer_knows_no_shorter_way():
    layer, (X, da) = BatchNorm.keras(3), np.random.default_rng(0).normal(size=(2, 4, 3))
    layer.forward(X)
    layer.backward(da)
    kept = [g.copy() for g in layer.grads]
    for g in layer.grads:
        g.fill(0)
    layer.backward_params(da)
    assert all(np.array_equal(g, k) for g, k in zip(layer.grads, kept, strict=True))
    assert all(k.any() for k in kept)
