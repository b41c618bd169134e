"""The parity check itself: what it compares, and how closely."""

import re
from dataclasses import replace

import numpy as np
import pytest

from frameworks import ScratchClassifier

from .cases import table
from .parity import LIMITS, assert_lockstep, distance, observe


@pytest.fixture(scope="module")
def honest():
    classifier = ScratchClassifier(epochs=3, batch_size=5, dtype="float64", random_state=1)
    return observe(classifier, *table(2, 23, 11))


@pytest.mark.parametrize("level", LIMITS)
def test_every_level_is_compared_and_its_limit_kept(honest, level):
    array = np.array(getattr(honest, level)[0])
    if array.dtype.kind != "f":
        beyond = [np.roll(array, 1) if array.ndim else np.array("another")]
    else:
        beyond = [array * (1 + max(1e-15, 1.1 * LIMITS[level]))]
        within = replace(honest, **{level: [array * (1 + 0.9 * LIMITS[level])]})
        only = replace(honest, **{level: [array]})
        assert_lockstep(within, only)
    with pytest.raises(AssertionError, match=rf"^{level}\["):
        assert_lockstep(replace(honest, **{level: beyond}), replace(honest, **{level: [array]}))


@pytest.mark.parametrize("level", LIMITS)
def test_a_missing_array_is_not_overlooked(honest, level):
    short = replace(honest, **{level: getattr(honest, level)[:-1]})
    with pytest.raises(AssertionError, match=re.escape(level) + ": "):
        assert_lockstep(short, honest)


def test_nan_equals_nothing_and_types_and_shapes_count():
    nan = np.array([1.0, np.nan])
    assert distance(nan, nan) == np.inf
    assert distance(np.ones(2, "float32"), np.ones(2)) == np.inf
    assert distance(np.ones(2), np.ones((2, 1))) == np.inf
    assert distance(np.array([0.0, 0.5]), np.array([0.0, 2.0])) == 0.75  # of the magnitude 2
    assert distance(np.zeros(2), np.zeros(2)) == 0
