"""Known causes, each a hypothesis that is tested on the numbers: confirmed, or not mentioned.

To add one, write a function of the evidence (see `evidence`) and put it into its level's list; the
first of the list that is confirmed is named.
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
    """Return the first hypothesis of the level that the numbers confirm, as a sentence."""
    for hypothesis in HYPOTHESES[evidence.level]:
        if sentence := hypothesis(evidence):
            return sentence
    return None
