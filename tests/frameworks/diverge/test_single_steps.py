"""Single steps: which of them a weight is left out of, as rounding alone moves it there."""

from dataclasses import replace

import numpy as np
import pytest

from frameworks.diverge import walk

from .toy import SPEC, SPLIT, build_pytorch, build_scratch, draw, side

BALANCED = replace(SPLIT, X_train=SPLIT.X_train[:6], y_train=np.arange(6) % 3)  # one batch


def from_zero(spec, rng):
    """A head that starts at 0: of balanced classes the bias has no gradient in the first step."""
    *rest, W, b = draw(spec, rng)
    return [*rest, np.zeros_like(W), np.zeros_like(b)]


def starting_at_zero(build, factor):
    def built(spec=SPEC):
        parts = build(spec)._replace(initial_weights=from_zero)
        if factor != 1:
            (group,) = parts.optimizer.param_groups
            bias = group["params"].pop()
            rate = factor * spec.learning_rate
            parts.optimizer.add_param_group({"params": [bias], "lr": rate})
        return parts

    return built


@pytest.mark.parametrize("factor", [1, 1.5])
def test_a_gradient_that_is_rounding_in_the_first_step_excuses_no_later_one(factor):
    both = [
        side(name, build=starting_at_zero(build, own), data=BALANCED)
        for name, build, own in (("scratch", build_scratch, 1), ("pytorch", build_pytorch, factor))
    ]
    found = walk(*both, single=True)
    assert any("its gradient is rounding alone" in note for note in found.notes)
    steps = [] if factor == 1 else list(range(2, found.single.steps + 1))
    assert [each.step for each in found.single.parted] == steps
