"""Every layer and every loss against its second derivation, on the computational graph."""

import numpy as np
import pytest

import scratch
from scratch import Node

from .closeness import assert_close
from .graph_cases import LAYERS, LOSSES, exported

LIMIT = 1e-12  # the suite's limit for float64; measured: below 2e-15

layer_cases = pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, id=f"{layer.__name__} {name}".strip())
        for layer, cases in LAYERS.items()
        for name, case in cases.items()
    ],
)
loss_cases = pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, id=f"{loss.__name__} {name}".strip())
        for loss, cases in LOSSES.items()
        for name, case in cases.items()
    ],
)


@pytest.mark.parametrize(
    ("base", "cases"), [(scratch.Layer, LAYERS), (scratch.Loss, LOSSES)], ids=["layer", "loss"]
)
def test_each_one_that_scratch_exports_has_a_case(base, cases):
    assert exported(base) == set(cases)
    for made_from, named in cases.items():
        assert named
        assert all(type(case.make()) is made_from for case in named.values())


@layer_cases
@pytest.mark.parametrize("seed", range(3))
def test_layer_is_that_of_the_graph(case, seed):
    rng, layer = np.random.default_rng(seed), case.make()
    for p in layer.params:
        p[:] = rng.normal(size=p.shape)
    x = rng.normal(size=case.shape)
    params, node = [Node(p) for p in layer.params], Node(x)
    a = case.define(node, *params)
    assert_close(layer.forward(x), a.value, LIMIT)
    da = rng.normal(size=a.shape)
    a.backward(da)
    assert_close(layer.backward(da), node.grad, LIMIT)
    for gradient, p in zip(layer.grads, params, strict=True):
        assert_close(gradient, p.grad, LIMIT)


@loss_cases
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("n", [1, 2, 9])
def test_loss_is_that_of_the_graph(case, weighted, n):
    rng, loss = np.random.default_rng(n), case.make()
    z, w = rng.normal(scale=2, size=(n, case.k)), rng.uniform(0.5, 2, size=n)
    y = case.targets(rng, z.shape)
    node = Node(z)
    L = case.define(node, y, w if weighted else np.ones(n))
    L.backward()
    assert_close(loss.forward(z, y, w if weighted else None), L.value, LIMIT)
    assert_close(loss.backward(), node.grad, LIMIT)
