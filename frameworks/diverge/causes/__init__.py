"""Known causes: hypotheses that are tested on the numbers, and named only if confirmed.

Each is tested both ways: does side b follow from side a by it, and side a from side b? If both do,
and the sentences contradict each other, the numbers cannot tell which side has it, and it is not
named. So the order of the sides changes nothing.

To add one, write a function of the evidence (see `evidence`) and add it to its level's list; the
first in the list that is confirmed is named.
"""

from collections.abc import Sequence

from frameworks.diverge.causes import forward, gradients, inputs, kernels, losses, results, steps
from frameworks.diverge.evidence import Evidence, Hypothesis
from frameworks.diverge.first_batch import INPUT
from frameworks.program import Program

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
    for hypothesis in _of(evidence):
        said = {hypothesis(each) for each in (evidence, evidence.swapped)} - {None}
        if len(said) == 1:
            return said.pop()
    return None


def _of(evidence: Evidence) -> Sequence[Hypothesis]:
    """Return the hypotheses that apply: what is not finite has one, at the step level."""
    if evidence.level != "inputs" and isinstance(evidence.a.opened.adapter.parts, Program):
        return ()  # a step of the page's own may be wrong in ways of its own
    if not evidence.finite:
        return (steps.divides_by_zero,) if evidence.level == "step" else ()
    if evidence.found.where.endswith("at the end"):  # the weights: it is the steps that differ
        return HYPOTHESES["trajectory"]
    if evidence.found.where.startswith(INPUT):
        return forward.INPUTS
    return HYPOTHESES[evidence.level]
