"""Known causes, each a hypothesis that is tested on the numbers: confirmed, or not mentioned.

To add one, write a function of the evidence (see `evidence`) and put it into its level's list; the
first of the list that is confirmed is named.
"""

from collections.abc import Sequence

from frameworks.diverge.causes import (
    float32,
    forward,
    gradients,
    inputs,
    losses,
    results,
    steps,
)
from frameworks.diverge.evidence import Evidence, Hypothesis

__all__ = ["HYPOTHESES", "likely_cause"]

HYPOTHESES: dict[str, Sequence[Hypothesis]] = {
    "inputs": inputs.HYPOTHESES,
    "forward": forward.HYPOTHESES,
    "loss": losses.HYPOTHESES,
    "gradient": gradients.HYPOTHESES,
    "step": steps.HYPOTHESES,
    "trajectory": (*float32.HYPOTHESES, *steps.HYPOTHESES),
    "result": (*float32.HYPOTHESES, *results.HYPOTHESES),
}


def likely_cause(level: str, evidence: Evidence) -> str | None:
    """Return the first hypothesis of a level that the numbers confirm, as a sentence."""
    for hypothesis in HYPOTHESES[level]:
        if sentence := hypothesis(evidence):
            return sentence
    return None
