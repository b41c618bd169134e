"""An optimizer is identified by its steps, with numbers that nobody said; noise has none."""

import numpy as np
import pytest

from frameworks.diverge.causes.identify import identify
from frameworks.diverge.causes.taken import Taken, predict, with_values
from frameworks.recordings.trace import Facts

LIMIT = 1e-9  # what two implementations may differ by at the end of a training
SAID = Facts(
    "adam",
    {
        "learning_rate": 0.01,
        "beta_1": 0.9,
        "beta_2": 0.99,
        "epsilon": 1e-6,
        "place": "after the bias correction",
    },
)


def taken(facts, noise=0.0, steps=4, p=50):
    """Return steps that an optimizer takes on drawn gradients."""
    rng = np.random.default_rng(0)
    before, g = rng.normal(size=(2, steps, p))
    blank = Taken(before, g, before, np.sqrt((g * g).sum(axis=1)), np.arange(p) % 2 == 0)
    after = predict(facts, blank) + noise * rng.normal(size=before.shape)
    return Taken(before, g, after, blank.norms, blank.kernels)


def test_an_optimizer_that_does_what_it_says_is_taken_at_its_word():
    assert identify(taken(SAID), [SAID], LIMIT).facts == SAID


@pytest.mark.parametrize(
    "does",
    [
        {"beta_1": 0.8, "learning_rate": 0.02},
        {"epsilon": 1e-3, "decoupled_decay": 0.05},
        {"place": "before the bias correction"},
        {"corrects": (False, True)},
        {"clip_global_norm": 0.5},
    ],
    ids=lambda does: ", ".join(does),
)
def test_what_an_optimizer_does_and_does_not_say_is_found(does):
    found = identify(taken(with_values(SAID, **does)), [SAID], LIMIT)
    assert {name: found.facts.values[name] for name in does} == does


def test_a_rate_that_changes_is_found_step_by_step():
    steps = taken(SAID)
    falling = steps.before + (steps.after - steps.before) * [[1.0], [1.0], [0.5], [0.25]]
    moved = Taken(steps.before, steps.gradients, falling, steps.norms, steps.kernels)
    found = identify(moved, [SAID], LIMIT)
    assert found.facts == SAID
    np.testing.assert_allclose(found.rates, [1, 1, 0.5, 0.25], rtol=1e-12)  # a quotient of sums


def test_noise_is_no_optimizer():
    assert identify(taken(SAID, noise=1e-4), [SAID], LIMIT) is None


def test_a_kind_without_a_rule_is_not_identified():
    assert identify(taken(SAID), [Facts("custom", {"learning_rate": 0.01})], LIMIT) is None
