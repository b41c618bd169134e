"""Why the evaluation may differ with the same weights."""

import numpy as np

from frameworks.diverge.evidence import Evidence, Hypothesis
from frameworks.diverge.result import Result

__all__ = ["HYPOTHESES", "OF_PROGRAMS"]


def evaluation_learns(evidence: Evidence) -> str | None:
    """The evaluation changed the weights, byte for byte."""
    if "before and after" not in evidence.found.where:
        return None
    return "the evaluation changes the weights"


def other_statistics(evidence: Evidence) -> str | None:
    """Running statistics differ, though both normalize batches alike."""
    if not evidence.found.where.startswith("states."):
        return None
    return "only the running statistics differ: the weights, and so their gradients, agree"


def other_loss(evidence: Evidence) -> str | None:
    """L' = r L on the test rows."""
    assert evidence.results is not None
    a, b = evidence.results
    if evidence.found.where != "the test loss" or not a.loss or not np.isfinite(b.loss):
        return None
    if evidence.matches(a.outputs, b.outputs):
        said = evidence.say_times("the test loss", b.loss / a.loss)
        return None if said is None else f"the outputs are equal, but {said}"
    return "the outputs on the test rows differ, although the weights agree"


def other_threshold(evidence: Evidence) -> str | None:
    """The two predict class 1 above different thresholds."""
    assert evidence.results is not None
    if not _of_classes(evidence):
        return None
    return evidence.both("decides at", *map(_threshold, evidence.results))


def _threshold(result: Result) -> str | None:
    """Return the one threshold by which a side's predictions follow from its outputs, or None."""
    if result.outputs.shape[1:] != (1,):
        return None
    known = ((0.5, "probabilities"), (0.0, "logits"))
    found = [
        f"{threshold}, the threshold of {of}"
        for threshold, of in known
        if np.all((result.outputs[:, 0] > threshold) == result.predictions)
    ]
    return found[0] if len(found) == 1 else None


def other_choice(evidence: Evidence) -> str | None:
    """Side b does not predict the class with the largest output."""
    assert evidence.results is not None
    a, b = evidence.results
    if not _of_classes(evidence) or a.outputs.shape[1] == 1:
        return None
    if not np.all(a.outputs.argmax(1) == a.predictions):
        return None
    if not np.all(a.outputs.argmin(1) == b.predictions):
        return None
    return f"{evidence.names[1]} predicts the class with the smallest output"


def _of_classes(evidence: Evidence) -> bool:
    """Return whether the decisions differ first, and not the outputs behind them."""
    return "accuracy" in evidence.found.where or "predictions" in evidence.found.where


HYPOTHESES: tuple[Hypothesis, ...] = (
    other_statistics,
    evaluation_learns,
    other_loss,
    other_threshold,
    other_choice,
)

OF_PROGRAMS = HYPOTHESES[1:]  # what their steps keep are no running statistics
