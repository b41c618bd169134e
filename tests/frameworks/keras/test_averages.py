"""Averages that a Keras optimizer keeps are the weights at the end of `fit`, as in Keras."""

import numpy as np
import pytest

from experiments import xor
from experiments.registry import find_experiment
from frameworks import KerasClassifier
from frameworks.diverge import walk

from ...experiments.planting import changed
from ..diverge.pairs import sides

X, Y = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]]), np.array([0, 1, 1, 0])


def averaging(spec=xor.SPEC):
    parts = xor.build_keras(spec)
    parts.optimizer.use_ema, parts.optimizer.ema_momentum = True, 0.5
    return parts


def fitted(build, stop_after=None, **options):
    """Return the weights after each epoch of one step, and at the end."""
    kept = []

    def keep(model, record):
        kept.append(model.get_weights())
        return len(kept) == stop_after

    model = KerasClassifier(
        build=build, epochs=3, batch_size=4, dtype="float64", random_state=0, callbacks=[keep]
    )
    model.fit(X, Y, **options)
    return [*kept, model.get_weights()]


@pytest.mark.parametrize("stop_after", [None, 2])
def test_the_averages_take_the_place_of_the_weights_at_the_end(stop_after):
    *steps, end = fitted(averaging, stop_after)
    assert len(steps) == (stop_after or 3)
    for k, last in enumerate(end):
        average = steps[0][k]
        for step in steps[1:]:
            average = (average + step[k]) / 2
        np.testing.assert_allclose(last, average, rtol=1e-14)  # of three steps, in any order
        assert not np.array_equal(last, steps[-1][k])


def test_a_page_that_averages_in_keras_alone_differs_at_the_end():
    page = find_experiment("xor")

    def average(parts):
        parts.optimizer.use_ema = True

    done = walk(*sides(page, "scratch,keras", changed(page, "keras", average), epochs=4))
    assert done.findings
    assert done.findings[0].level == "result"


def test_weights_without_averages_are_the_last_ones():
    *steps, end = fitted(xor.build_keras)
    assert all(map(np.array_equal, end, steps[-1]))
