"""Why the evaluation may come out differently on the same weights."""

import numpy as np

from frameworks.diverge.causes import steps
from frameworks.diverge.evidence import Evidence, Hypothesis, as_number

__all__ = ["HYPOTHESES"]


def lost_step(evidence: Evidence) -> str | None:
    """The weights at the end are those of a training that did other steps."""
    if not evidence.found.where.endswith("at the end"):
        return None
    return next((words for test in steps.HYPOTHESES if (words := test(evidence))), None)


def evaluation_learns(evidence: Evidence) -> str | None:
    """The weights after the evaluation are not those before it."""
    if "before and after" not in evidence.found.where:
        return None
    return "the evaluation changes the weights"


def other_statistics(evidence: Evidence) -> str | None:
    """Running means and variances follow from batches that both normalize alike."""
    if not evidence.found.where.startswith("states."):
        return None
    return (
        f"{evidence.names[1]} keeps other running statistics of the same batches: by another "
        "momentum, or by another estimate of the variance"
    )


def other_loss(evidence: Evidence) -> str | None:
    """L' = r L on the test rows."""
    assert evidence.results is not None
    a, b = evidence.results
    if evidence.found.where != "the test loss" or not a.loss or not np.isfinite(b.loss):
        return None
    r = b.loss / a.loss
    if evidence.matches(a.outputs, b.outputs):
        return f"the outputs are equal, the loss of them is {as_number(r)} times as large"
    return "the outputs on the test rows differ, though the weights agree"


def other_threshold(evidence: Evidence) -> str | None:
    """Class 1 above another threshold."""
    assert evidence.results is not None
    a, b = evidence.results
    if a.outputs.shape[1] != 1 or a.outputs.shape != b.outputs.shape or not _of_classes(evidence):
        return None
    for threshold, of in ((0.5, "probabilities"), (0.0, "logits")):
        same = (a.outputs[:, 0] > threshold) == b.predictions
        if threshold != a.threshold and np.all(same):
            return (
                f"{evidence.names[1]} decides at {threshold}, which is right for {of}; "
                f"{evidence.names[0]} at {a.threshold}"
            )
    return None


def other_choice(evidence: Evidence) -> str | None:
    """The class is not the one with the largest output."""
    assert evidence.results is not None
    a, b = evidence.results
    if not _of_classes(evidence) or a.outputs.shape[1] == 1:
        return None
    if not np.all(a.outputs.argmin(1) == b.predictions):
        return None
    return f"{evidence.names[1]} takes the class with the smallest output"


def _of_classes(evidence: Evidence) -> bool:
    """Say whether it is the decision that parts first, and not what it is made from."""
    return "accuracy" in evidence.found.where or "predictions" in evidence.found.where


HYPOTHESES: tuple[Hypothesis, ...] = (
    lost_step,
    other_statistics,
    evaluation_learns,
    other_loss,
    other_threshold,
    other_choice,
)
