"""Every layer and every loss against its second derivation, on the computational graph."""

import numpy as np
import pytest

import scratch
from scratch import Node

from .closeness import assert_close
from .graph_layers import LAYERS
from .graph_losses import LOSSES

LIMIT = 1e-12  # the suite's limit for float64; measured: below 1e-14

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


def exported(base: type) -> set[type]:
    """Return the classes of scratch that are made from a base class."""
    found = [getattr(scratch, name) for name in scratch.__all__]
    return {c for c in found if isinstance(c, type) and issubclass(c, base) and c is not base}


@pytest.mark.parametrize(
    ("base", "cases"), [(scratch.Layer, LAYERS), (scratch.Loss, LOSSES)], ids=["layer", "loss"]
)
def test_each_one_that_scratch_exports_has_a_case(base, cases):
    assert exported(base) == set(cases)
    for made_from, named in cases.items():
        assert named
        assert all(type(case.make()) is made_from for case in named.values())


def test_penalty_is_that_of_the_graph():
    theta, mask = np.random.default_rng(0).normal(size=7), np.array([1, 1, 0, 1, 0, 0, 1], bool)
    for half_per_row, factor in [(False, 0.3), (True, 0.3 / (2 * 5))]:
        penalty, node = scratch.L2(0.3, mask=mask, half_per_row=half_per_row), Node(theta)
        R = factor * (node[mask] ** 2).sum()
        R.backward()
        assert_close(penalty.forward(theta, n=5), R.value, LIMIT)
        assert_close(penalty.backward(), node.grad, LIMIT)


@layer_cases
@pytest.mark.parametrize("seed", range(3))
def test_layer_is_that_of_the_graph(case, seed):
    rng, layer = np.random.default_rng(seed), case.make()
    for p in layer.params:
        p[:] = rng.normal(size=p.shape)
    x = case.draw(rng, case.shape)
    params, node = [Node(p) for p in layer.params], Node(x)
    a = case.define(node, *params)
    assert_close(layer.forward(x, case.training), a.value, LIMIT)
    da = rng.normal(size=a.shape)
    if isinstance(layer, scratch.Step):  # by its contract
        with pytest.raises(NotImplementedError, match="derivative 0"):
            layer.backward(da)
        return
    a.backward(da)
    assert_close(layer.backward(da), node.grad, LIMIT)
    for i, (gradient, p) in enumerate(zip(layer.grads, params, strict=True)):
        if i in case.without_effect:  # then both are rounding
            assert_close([1, *gradient], [1, *np.zeros_like(p.grad)], LIMIT)
        else:
            assert_close(gradient, p.grad, LIMIT)


@loss_cases
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("n", [1, 2, 9])
def test_loss_is_that_of_the_graph(case, weighted, n):
    rng, loss = np.random.default_rng(n), case.make()
    z, w = case.outputs(rng, (n, *case.steps, case.k)), rng.uniform(0.5, 2, size=n)
    y = case.targets(rng, z.shape)
    node = Node(z)
    L = case.define(node, y, w if weighted else np.ones(n))
    L.backward()
    assert_close(loss.forward(z, y, w if weighted else None), L.value, LIMIT)
    assert_close(loss.backward(), node.grad, LIMIT)
