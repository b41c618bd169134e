"""The numbers that are drawn for all implementations, and those that a Spec takes."""

from dataclasses import dataclass, replace
from itertools import islice

import numpy as np
import pytest

from frameworks import Spec, float32
from frameworks.default_network import DenseSpec
from frameworks.draws import Draws


def test_every_order_is_a_permutation_and_no_two_are_alike():
    orders = list(Draws(0).orders(n=50, batch_size=8, epochs=20))
    assert all(sorted(order) == list(range(50)) for order in orders)
    assert len({tuple(order) for order in orders}) == 20


@pytest.mark.parametrize(("n", "batch_size"), [(8, 8), (8, 9)])
def test_one_batch_keeps_the_rows_in_order(n, batch_size):
    assert list(Draws(0).orders(n, batch_size, epochs=2)) == [None, None]


def test_without_shuffling_the_rows_stay_in_order_and_nothing_is_drawn():
    draws, untouched = Draws(0), Draws(0)
    assert list(draws.orders(9, 2, epochs=3, shuffle=False)) == [None] * 3
    assert draws.orders_sha256 == ""
    (order,), (first,) = draws.orders(9, 2, epochs=1), untouched.orders(9, 2, epochs=1)
    assert np.array_equal(order, first)


def test_weights_and_orders_are_streams_of_their_own():
    one, other = Draws(0), Draws(0)
    one.weights.random(1000)
    for a, b in zip(one.orders(9, 2, 3), other.orders(9, 2, 3), strict=True):
        assert np.array_equal(a, b)
    one, other = Draws(0), Draws(0)
    list(one.orders(9, 2, 3))
    assert one.weights.random() == other.weights.random()


def test_digest_tells_orders_apart_and_follows_the_epochs():
    digests = []
    for seed, epochs in ((0, 2), (0, 2), (0, 3), (1, 2)):
        draws = Draws(seed)
        list(draws.orders(9, 2, epochs))
        digests.append(draws.orders_sha256)
    assert digests[0] == digests[1]
    assert len(set(digests)) == 3
    in_two_parts = Draws(0)
    list(in_two_parts.orders(9, 2, 1))
    list(islice(in_two_parts.orders(9, 2, 5), 1))
    assert in_two_parts.orders_sha256 == digests[0]


def test_float32_rounds_once():
    assert float32(0.9) == 15099494 / 2**24  # 24 bits: 0.9 · 2²⁴ = 15099494.4
    assert float32(float32(0.1)) == float32(0.1)
    assert type(float32(1)) is float


@pytest.mark.parametrize("name", ["learning_rate", "beta_1", "beta_2", "epsilon_hat"])
def test_a_spec_rounds_the_numbers_that_float32_does_not_hold_and_says_which(name):
    assert DenseSpec(**{name: 0.375}).rounded == {}
    spec = DenseSpec(**{name: 0.3})
    assert getattr(spec, name) == float32(0.3)
    assert spec.rounded[name] == 0.3
    assert replace(spec, epochs=3).rounded == {}  # what it holds now is rounded


def test_the_numbers_of_a_tuple_are_rounded_too():
    @dataclass(frozen=True)
    class Adam(Spec):
        betas: tuple = (0.9, (0.999, 0.5), 3, "text")
        halves: tuple = (0.5, 0.25)

    spec = Adam()
    assert spec.betas == (float32(0.9), (float32(0.999), 0.5), 3, "text")
    assert spec.rounded == {"betas": (0.9, (0.999, 0.5), 3, "text")}
