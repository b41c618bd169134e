"""What a phase takes over from earlier ones is each implementation's own, as in `run`."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from experiments import xor
from experiments.harness.phases import How, Phase
from experiments.harness.sides import _begin_alike, sides
from frameworks.diverge import walk

from .planting import changed, load

HOW = How("float64", 0, epochs=3, limit=None)


def moved(spec, rng, before):
    return before["one"].get_weights()


PHASES = Phase("one", replace(xor.SPEC, epochs=3)), Phase("two", xor.SPEC, weights=moved)


def compared(page):
    pairs = sides(page, load(page), HOW, ["scratch", "pytorch"], None)
    return [walk(a, b) for a, b in pairs]


def test_equal_trainings_of_two_phases_go_on_from_the_same_weights():
    page = replace(xor.EXPERIMENT, phases=PHASES)
    one, two = sides(page, load(page), HOW, ["scratch", "pytorch"], None)
    assert one[0].initial_weights is None
    assert two[0].initial_weights is two[1].initial_weights
    assert not any(done.findings for done in compared(page))


def test_what_an_earlier_phase_came_to_in_one_implementation_is_found_in_the_next():
    def halve(parts):
        parts.optimizer.param_groups[0]["lr"] /= 2

    page = replace(changed(xor.EXPERIMENT, "pytorch", halve), phases=PHASES)
    _, (a, b) = sides(page, load(page), HOW, ["scratch", "pytorch"], None)
    assert not all(map(np.allclose, a.initial_weights, b.initial_weights))
    _, done = compared(page)
    assert done.findings[0].level == "inputs"


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_what_is_rounded_may_differ_and_labels_may_not(dtype):
    def stage(weight=1.0, label=999):
        rows, labels = np.ones((2, 3)), np.array([0, label])
        data = SimpleNamespace(X_train=rows, y_train=labels, X_test=rows, y_test=labels)
        return SimpleNamespace(data=data, weights=[np.array([weight])])

    assert _begin_alike(stage(), stage(weight=1 + 1e-10), dtype)
    assert not _begin_alike(stage(), stage(weight=1.1), dtype)
    assert not _begin_alike(stage(), stage(label=998), dtype)
    assert not _begin_alike(stage(), stage(weight=[1.0, 1.0]), dtype)
