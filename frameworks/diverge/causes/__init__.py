"""Known causes: hypotheses that are tested on the numbers, and named only if confirmed.

To add one, write a function of the evidence (see `evidence`) and add it to its level's list; the
first in the list that is confirmed is named.
"""

from collections.abc import Sequence

from frameworks.diverge.causes import forward, gradients, inputs, kernels, losses, results, steps
from frameworks.diverge.evidence import Evidence, Hypothesis

__all__ = ["HYPOTHESES", "likely_cause"]

HYPOTHESES: dict[str, Sequence[Hypothesis]] = {
    "inputs": inputs.HYPOTHESES,
    "forward": forward.HYPOTHESES,
    "loss": losses.HYPOTHESES,
    "gradient": gradients.HYPOTHESES,
    "step": steps.HYPOTHESES,
    "trajectory": (kernels.less_exact_sigmoid, *steps.HYPOTHESES),
    "result": (kernels.less_exact_sigmoid, *results.HYPOTHESES),
}


def likely_cause(evidence: Evidence) -> str | None:
    """Return the sentence of the level's first hypothesis that the numbers confirm, or None."""
    for hypothesis in HYPOTHESES[evidence.level]:
        if sentence := hypothesis(evidence):
            return sentence
    return None
