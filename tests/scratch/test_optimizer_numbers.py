"""Optimizers: which settings each refuses, its paper's defaults, and the types of its numbers."""

import numpy as np
import pytest

from scratch import (
    LAMB,
    SGD,
    Adadelta,
    Adamax,
    Batch,
    Dense,
    Lion,
    MeanSquaredError,
    NAdam,
    Sequential,
    TrainOnly,
    iter_seeds,
)

ABOVE_0, FRACTION = "must be above 0, got 0", "must be at least 0 and below 1, got 1"
NOT_NEGATIVE = "must be at least 0, got -1"
SETTINGS = {
    "learning_rate": (0, ABOVE_0),
    "beta_1": (1, FRACTION),
    "beta_2": (1, FRACTION),
    "epsilon": (-1, NOT_NEGATIVE),
}


@pytest.mark.parametrize(
    ("optimizer", "name"),
    [
        *((optimizer, name) for optimizer in (Adamax, NAdam, LAMB) for name in SETTINGS),
        *((Adadelta, name) for name in ("learning_rate", "epsilon")),
        *((Lion, name) for name in ("learning_rate", "beta_1", "beta_2")),
    ],
)
def test_setting_out_of_its_range_is_refused_by_name(optimizer, name):
    value, message = SETTINGS[name]
    with pytest.raises(ValueError, match=f"^{name} {message}$"):
        optimizer(**{name: value})


def test_defaults_of_lion_and_lamb_are_those_of_their_papers():
    # Chen et al., 2023, and You et al., 2020
    lion, lamb = Lion(), LAMB()
    assert (lion.eta, lion.beta_1, lion.beta_2) == (1e-4, 0.9, 0.99)
    assert (lamb.eta, lamb.beta_1, lamb.beta_2) == (1e-3, 0.9, 0.999)
    assert (lamb.epsilon, lamb.weight_decay) == (1e-6, 0.01)


def test_lamb_keeps_the_sizes_that_it_was_given():
    assert LAMB(sizes=[1, 2]).sizes == [1, 2]


def test_second_step_of_lamb_is_corrected_for_the_second_time():
    theta = np.array([3.0, 4.0])
    lamb = LAMB(0.5, weight_decay=1, beta_1=0.5, beta_2=0.5, epsilon=0)
    for _ in range(2):  # of an equal gradient: r is its sign each time
        lamb.step(theta, np.array([7.0, -7.0]))
    # u = (1 + 3, 4 − 1), as long as θ: θ = (1, 2.5); then u = (2, 1.5), of the length 2.5
    expected = np.array([1, 2.5]) - 0.5 * np.sqrt(7.25) / 2.5 * np.array([2, 1.5])
    assert theta == pytest.approx(expected, rel=1e-14)  # a dozen operations, each rounded to 1e-16


def test_nadam_keeps_its_product_and_multiplies_by_numbers_that_leave_float32_as_it_is():
    nadam = NAdam()
    assert {type(number) for number in nadam.advance(np.ones(2, np.float32))} == {float}
    assert nadam.state.keys() == {"t", "m", "v", "product"}


def test_only_what_is_trained_is_kept_of_arrays_that_are_cut_from_the_parameters():
    optimizer = TrainOnly(np.array([True, False, True, False]), SGD(1))
    W, b = optimizer.only_trained([np.array([[1.0, 2.0, 3.0]]), np.array([4.0])])
    assert (W.tolist(), b.tolist()) == ([[1, 0, 3]], [0])


@pytest.mark.parametrize(("count", "accuracy"), [(True, 0.5), (False, None)])
def test_seeds_trained_at_once_count_classes_where_that_is_asked_for(count, accuracy):
    networks = [Sequential(Dense(1, 1)) for _ in range(2)]  # with outputs of 0: the first class
    data, optimizers = Batch(np.ones((2, 1)), np.array([[0.0], [1.0]])), [SGD(0.1), SGD(0.1)]
    (epoch,) = iter_seeds(
        networks, MeanSquaredError(), optimizers, data, [[None] * 2], 2, count=count
    )
    assert [each.accuracy for each in epoch] == [accuracy, accuracy]
