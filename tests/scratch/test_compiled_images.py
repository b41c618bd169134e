"""Compiled steps of convolutions, pools, upsampling and branches are those of the plain code."""

import math
from copy import deepcopy

import numpy as np
import pytest

from scratch import (
    Adam,
    Batch,
    BatchNorm,
    BilinearUpsample2D,
    CategoricalCrossEntropy,
    Concatenate,
    Conv2D,
    Conv2DTranspose,
    Dense,
    Flatten,
    GlobalAveragePool,
    GlobalMaxPool,
    MaxPool2D,
    ReLU,
    Reshape,
    Sequential,
    train,
)
from scratch.compiler import CannotFollow, Parts, StackedEpochs

from . import graph_convolutions
from .test_compiler import ROWS, assert_compiled_as_plain, orders, results

K = 3
CASES = [
    pytest.param(case, id=f"{layer.__name__} {name}".strip())
    for layer, cases in {
        Conv2D: graph_convolutions.CONV2D,
        **graph_convolutions.POOLS,
        **graph_convolutions.CASES,
    }.items()
    for name, case in cases.items()
]


def ready(case, dtype):
    """Return the case's layer between one that learns and a classifier, with random weights."""
    _, *shape = case.shape
    layers = [BatchNorm.keras(shape[-1]), case.make()]
    outputs = Sequential(*deepcopy(layers)).predict(np.zeros((1, *shape)))
    last = Dense(math.prod(outputs.shape[1:]), K)
    network = Sequential(Reshape(*shape), *layers, Flatten(), last, dtype=dtype)
    network.theta = np.random.default_rng(0).normal(scale=0.25, size=network.theta.shape)
    return network


def rows(case, dtype):
    rng = np.random.default_rng(1)
    X = case.draw(rng, (ROWS, math.prod(case.shape[1:]))).astype(dtype)
    return Batch(X, rng.integers(K, size=ROWS))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("case", CASES)
def test_every_layer(case, dtype):
    parts = ready(case, dtype), CategoricalCrossEntropy(), Adam()
    assert_compiled_as_plain(parts, rows(case, dtype), orders(1), ROWS)


STACKED = {
    "groups": graph_convolutions.CONV2D["in groups, dilated, strided and padded"],
    "transposed": graph_convolutions.CASES[Conv2DTranspose]["of Keras, same"],
    "border": graph_convolutions.AVERAGE_POOL2D["padded"],
    "place of the maximum": graph_convolutions.CASES[GlobalMaxPool]["of PyTorch, of equal numbers"],
    "matrices": graph_convolutions.CASES[BilinearUpsample2D][""],
    "branches": graph_convolutions.CASES[Concatenate]["of images"],
}


@pytest.mark.parametrize("case", STACKED.values(), ids=STACKED)
def test_many_seeds_at_once(case):
    seeds, data = range(2), rows(case, np.float64)
    stacked = [Parts(ready(case, np.float64), CategoricalCrossEntropy(), Adam()) for _ in seeds]
    for seed in seeds:
        stacked[seed].network.theta *= 1 + seed
    alone, orders = deepcopy(stacked), [np.arange(ROWS), np.arange(ROWS)[::-1]]
    epochs = StackedEpochs(stacked, data, ROWS)
    losses = [epochs.train(orders).losses for _ in range(3)]
    for seed in seeds:
        one = alone[seed].network, alone[seed].loss, alone[seed].optimizer
        expected = train(*one, data, [orders[seed]] * 3, ROWS)
        assert [each[seed] for each in losses] == [epoch.loss for epoch in expected]
        trained = stacked[seed].network, None, stacked[seed].optimizer
        assert results(trained, None) == results(one, None)


def test_a_layer_in_two_places_is_trained_one_seed_at_a_time():
    case = graph_convolutions.CASES[Concatenate]["one layer in both branches"]
    parts = Parts(ready(case, np.float64), CategoricalCrossEntropy(), Adam())
    with pytest.raises(CannotFollow, match="cannot be stacked: train them one by one"):
        StackedEpochs([parts, deepcopy(parts)], rows(case, np.float64), ROWS)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_network_of_several(dtype):
    network = Sequential(
        *(Reshape(6, 6, 2), Conv2D(2, 4, 3, padding="same", groups=2), BatchNorm.keras(4), ReLU()),
        *(MaxPool2D(3, 2, padding="same"), Conv2DTranspose.keras(4, 3, 3, stride=2), ReLU()),
        *(GlobalAveragePool(), Dense(3, K)),
        dtype=dtype,
    ).initialize(np.random.default_rng(0))
    rng = np.random.default_rng(1)
    data = Batch(rng.normal(size=(ROWS, 72)).astype(dtype), rng.integers(K, size=ROWS))
    assert_compiled_as_plain((network, CategoricalCrossEntropy(), Adam()), data, orders(), 4)
