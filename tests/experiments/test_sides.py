"""What a phase takes over from earlier ones is each implementation's own, as in `run`."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from experiments import circle, xor
from experiments.harness.phases import How, Phase
from experiments.harness.sides import _begin_alike, sides
from frameworks import Parts
from frameworks.diverge import walk
from frameworks.pytorch.hooks import use_biased_running_variance

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

    def alike(a, b, *nudged):
        return _begin_alike(a, b, dtype, lambda: [*nudged])

    assert alike(stage(), stage(weight=1 + 1e-10))
    assert not alike(stage(), stage(weight=1.25))
    assert not alike(stage(), stage(label=998))
    assert not alike(stage(), stage(weight=[1.0, 1.0]))
    rounded = stage(), stage(weight=1.125)
    assert alike(stage(), stage(weight=1.25), *rounded)
    assert not alike(stage(), stage(label=998), *rounded)
    assert not alike(stage(), stage(weight=[1.0, 1.0]), stage(), stage(weight=[1.0, 1.0]))


def test_a_weight_that_rounding_alone_moves_keeps_no_phase_from_beginning_alike():
    """A bias before a batch normalization, with an optimizer that takes whole steps of rounding."""

    def draw(spec, rng):
        return [rng.normal(size=size) for size in [(2, 4), 4, 4, 4, (4, 1)]]

    def build_scratch(spec=circle.SPEC):
        from scratch import Adam, BatchNorm, BinaryCrossEntropy, Dense, Sequential

        network = Sequential(Dense(2, 4), BatchNorm.keras(4), Dense(4, 1, bias=False))
        return Parts(network, BinaryCrossEntropy(), Adam.pytorch(), draw)

    def build_pytorch(spec=circle.SPEC):
        from torch import nn, optim

        normalization = use_biased_running_variance(nn.BatchNorm1d(4, eps=1e-3, momentum=0.01))
        network = nn.Sequential(nn.Linear(2, 4), normalization, nn.Linear(4, 1, bias=False))
        return Parts(network, nn.BCEWithLogitsLoss(), optim.Adam(network.parameters()), draw)

    spec = replace(circle.SPEC, epochs=3, batch_size=11)
    phases = Phase("one", spec), Phase("two", spec, weights=moved)
    page = replace(circle.EXPERIMENT, builders=(build_scratch, build_pytorch), phases=phases)
    found = compared(page)
    assert not any(done.findings for done in found), [done.findings for done in found]
    for done in found:
        assert any("its gradient is rounding alone" in note for note in done.notes)
