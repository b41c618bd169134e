"""What a phase takes over from earlier ones is each implementation's own, as in `run`."""

from dataclasses import replace

import numpy as np

from experiments import xor
from experiments.harness.phases import How, Phase
from experiments.harness.sides import sides
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
