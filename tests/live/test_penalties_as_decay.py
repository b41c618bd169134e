"""Penalties against decays, in float32: taken out of every trace, and what rounding is then."""

from dataclasses import replace

import numpy as np
import pytest

from frameworks.live.judging import Judge
from frameworks.live.levels import LIMITS
from frameworks.live.noise import Noise
from frameworks.live.pairs import Pair
from frameworks.live.penalties import as_judged, penalties_as_decay
from frameworks.recordings.trace import Facts, LayerTrace, StepTrace, Trace, Weight
from tests.live.hand_made import pair_of, trace, with_values

W, G = np.full((2, 2), 2.0), np.ones((2, 2))
RATE, REST = 0.5, 0.25  # the penalty is ¼ Σ w² = 4, and 16 times the rest of the loss
SGD = Facts("sgd", {"learning_rate": 0.0})


def side(name: str, rest: float = REST, penalized: bool = False) -> Trace:
    """Return a trace whose one weight stays, with a penalty or a decay."""
    facts = with_values(Facts("dense"), **({"kernel_decay": RATE} if penalized else {}))
    loss, g = (rest + 4, G + RATE * W) if penalized else (rest, G)
    return trace(
        name,
        dtype="float32",
        layers=[LayerTrace("fc", facts, (0,))],
        weights=[Weight("fc.kernel", W, group=0)],
        optimizer=[SGD if penalized else with_values(SGD, coupled_decay=RATE)],
        first_loss=loss,
        shorter_loss=loss,
        inputs=(np.ones((8, 1)),),
        gradients=[g],
        steps=[StepTrace(loss, [g], [W])],
        final_weights=[W],
    )


def judged(rest: float) -> Pair:
    pair, note = penalties_as_decay(pair_of(side("keras", rest, penalized=True), side("pytorch")))
    assert "are compared as one" in note
    return pair


def test_a_loss_without_its_penalties_is_as_much_more_rounded_as_it_is_smaller() -> None:
    pair = judged(REST)
    assert pair.a.first_loss == pair.a.shorter_loss == REST
    np.testing.assert_array_equal(pair.a.gradients[0], G)
    assert pair.magnified == (REST + 4) / REST == 17


@pytest.mark.parametrize(("error", "level"), [(8e-6, ""), (32e-6, "loss")])
def test_rounding_in_a_large_penalty_is_no_difference(error: float, level: str) -> None:
    """Sixteen roundings of 2⁻²⁴ are the limit, each of a number 17 times the loss: 1.6e-5.

    So is the limit of later losses, if the penalized ones are 10⁻⁶ apart for a nudge.
    """
    pair = judged(REST * (1 + error))
    noise = Noise({("loss", 0, 1): 1e-6}, 4)
    found = Judge(pair, dict(LIMITS), noise=lambda _: noise, losses_equal=True).judge()
    assert found.level == level


def test_another_trace_of_a_side_is_treated_as_its_judged_one() -> None:
    again = side("keras", penalized=True)
    assert as_judged(again, judged(REST).a).first_loss == REST
    assert as_judged(again, again) is again
    assert as_judged(side("pytorch"), judged(REST).b).first_loss == REST
    clipped = replace(again, optimizer=[with_values(SGD, clip_norm=1.0)])
    assert as_judged(clipped, judged(REST).a) is clipped
