"""Known causes: hypotheses that are tested on the numbers, and named only if confirmed.

Each is tested both ways: does side b follow from side a by it, and side a from side b? If both do,
and the sentences contradict each other, the numbers cannot tell which side has it, and it is not
named. So the order of the sides changes nothing.

To add one, write a function of the evidence (see `evidence`) and add it to its level's list; the
first in the list that is confirmed is named.
"""

from collections.abc import Sequence

from frameworks.diverge.causes import (
    adversarial,
    boltzmann,
    forward,
    gradients,
    inputs,
    kernels,
    losses,
    programs,
    results,
    steps,
    stopping,
)
from frameworks.diverge.evidence import Evidence, Hypothesis
from frameworks.diverge.first_batch import INPUT

__all__ = ["HYPOTHESES", "PROGRAMS", "likely_cause"]

HYPOTHESES: dict[str, Sequence[Hypothesis]] = {
    "inputs": inputs.HYPOTHESES,
    "forward": forward.HYPOTHESES,
    "loss": losses.HYPOTHESES,
    "gradient": gradients.HYPOTHESES,
    "step": steps.HYPOTHESES,
    "trajectory": (stopping.other_rule, kernels.less_exact_sigmoid, *steps.HYPOTHESES),
    "result": (kernels.less_exact_sigmoid, *results.HYPOTHESES),
}

PROGRAMS: dict[str, Sequence[Hypothesis]] = {  # steps of a page's own, of one network or several
    "inputs": inputs.HYPOTHESES,
    "forward": forward.HYPOTHESES,
    "loss": (
        programs.scaled,
        adversarial.other_adversary,
        boltzmann.other_step,
        boltzmann.other_measure,
    ),
    "gradient": (adversarial.not_detached, boltzmann.other_step, *gradients.HYPOTHESES),
    "step": steps.OF_PROGRAMS,
    "trajectory": (
        stopping.other_rule,
        adversarial.left_over,
        programs.add_up,
        boltzmann.other_step,
        *steps.OF_PROGRAMS,
    ),
    "result": results.OF_PROGRAMS,
}


def likely_cause(evidence: Evidence) -> str | None:
    """Return the sentence of the level's first hypothesis that the numbers confirm, or None."""
    for hypothesis in _of(evidence):
        both = (_tried(hypothesis, each) for each in (evidence, evidence.swapped))
        said = {sentence for sentence in both if sentence is not None}
        if len(said) == 1:
            return _of_network(evidence, said.pop())
    return None


def _tried(hypothesis: Hypothesis, evidence: Evidence) -> str | None:
    """Return a hypothesis' sentence; none where the numbers have shapes that it is not about."""
    try:
        return hypothesis(evidence)
    except (IndexError, TypeError, ValueError):  # as NumPy says it
        return None


def _of_network(evidence: Evidence, said: str) -> str:
    """Say in which of several networks it is, where its gradients or steps differ."""
    names, where = evidence.a.names, evidence.found.where
    of_steps = evidence.level in ("gradient", "step", "trajectory") or where.endswith("at the end")
    if len(names) == 1 or not of_steps or "weights." not in where:
        return said
    name = names[evidence.network]
    return said if name in said else f"for {name}, {said}"


def _of(evidence: Evidence) -> Sequence[Hypothesis]:
    """Return the hypotheses that apply: what is not finite has one, at the step level."""
    known = PROGRAMS if evidence.of_program else HYPOTHESES
    if not evidence.finite:
        return (steps.divides_by_zero,) if evidence.level == "step" else ()
    if evidence.found.where.endswith("at the end"):  # the weights: it is the steps that differ
        return known["trajectory"]
    if evidence.found.where.startswith(INPUT):
        return forward.INPUTS
    return known[evidence.level]
