"""What keeps the compiler from code that is not scratch's own, and seeds from one another."""

import numpy as np
import pytest

from scratch import (
    SGD,
    Adam,
    Batch,
    Dense,
    Dropout,
    MeanSquaredError,
    Sequential,
    Tanh,
    iter_epochs,
    iter_seeds,
)
from scratch.compiler import Parts
from scratch.compiler.tracing import CannotFollow, Trace, plain


def with_own(kind, method):
    """Return an instance of a class of one's own that overrides a method with what it does."""

    def own(self, *args, **options):
        return getattr(super(cls, self), method)(*args, **options)

    cls = type("Own", (kind,), {method: own})
    return cls()


@pytest.mark.parametrize("method", ["forward", "backward", "backward_params"])
def test_layer_with_a_method_of_ones_own_is_not_compiled(method):
    assert Parts(Sequential(Tanh()), MeanSquaredError(), SGD(0.1)).are_own()
    network = Sequential(with_own(Tanh, method))
    assert not Parts(network, MeanSquaredError(), SGD(0.1)).are_own()


@pytest.mark.parametrize("method", ["step", "advance"])
def test_optimizer_with_a_method_of_ones_own_is_not_compiled(method):
    network = Sequential(Dense(1, 1))
    assert not Parts(network, MeanSquaredError(), with_own(Adam, method)).are_own()


def test_seeds_trained_at_once_count_their_steps_apart_afterwards():
    networks, optimizers = [Sequential(Dense(1, 1)) for _ in range(2)], [Adam(), Adam()]
    X = np.ones((2, 1))
    next(iter_seeds(networks, MeanSquaredError(), optimizers, Batch(X, X), [[None] * 2], 2))
    optimizers[0].step(networks[0].theta, networks[0].grad)
    assert [int(optimizer.state["t"]) for optimizer in optimizers] == [2, 1]


def test_elements_at_computed_places_are_not_followed():
    trace = Trace()
    x, places = trace.watch(np.arange(3.0)), trace.watch(np.array([0, 1]))
    assert plain(x.take(np.array([0, 2]))).tolist() == [0, 2]
    with pytest.raises(CannotFollow, match="at computed places"):
        x.take(places * 2)


def test_compiled_steps_take_the_masks_that_are_handed_over_for_each():
    def trained(compiled):
        layers = Dropout(0.5), Dense(2, 3), Tanh() if compiled else with_own(Tanh, "forward")
        network = Sequential(*layers, Dense(3, 1)).initialize(np.random.default_rng(0))
        rng, X = np.random.default_rng(1), np.random.default_rng(2).normal(size=(12, 2))
        results = iter_epochs(
            network,
            MeanSquaredError(),
            SGD(0.1),
            Batch(X, X[:, :1]),
            [None] * 4,
            2,
            masks=lambda n: [2.0 * (rng.random((n, 2)) >= 0.5)],
        )
        return [result.loss for result in results], network.theta.tolist()

    assert trained(compiled=True) == trained(compiled=False)
