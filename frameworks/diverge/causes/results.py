"""Why the evaluation may differ with the same weights."""

import numpy as np

from frameworks.diverge.causes import steps
from frameworks.diverge.evidence import Evidence, Hypothesis, as_number

__all__ = ["HYPOTHESES"]


def lost_step(evidence: Evidence) -> str | None:
    """The final weights are those of a training with other steps."""
    if not evidence.found.where.endswith("at the end"):
        return None
    return next((words for test in steps.HYPOTHESES if (words := test(evidence))), None)


def evaluation_learns(evidence: Evidence) -> str | None:
    """The evaluation changed the weights."""
    if "before and after" not in evidence.found.where:
        return None
    return "the evaluation changes the weights"


def other_statistics(evidence: Evidence) -> str | None:
    """Running statistics differ, though both normalize batches alike."""
    if not evidence.found.where.startswith("states."):
        return None
    return (
        f"{evidence.names[1]} keeps different running statistics of the same batches: its "
        "momentum or its variance estimate differs"
    )


def other_loss(evidence: Evidence) -> str | None:
    """L' = r L on the test rows."""
    assert evidence.results is not None
    a, b = evidence.results
    if evidence.found.where != "the test loss" or not a.loss or not np.isfinite(b.loss):
        return None
    r = b.loss / a.loss
    if evidence.matches(a.outputs, b.outputs):
        return f"the outputs are equal, but their loss is {as_number(r)} times as large"
    return "the outputs on the test rows differ, although the weights agree"


def other_threshold(evidence: Evidence) -> str | None:
    """Side b predicts class 1 above another threshold."""
    assert evidence.results is not None
    a, b = evidence.results
    if a.outputs.shape[1] != 1 or a.outputs.shape != b.outputs.shape or not _of_classes(evidence):
        return None
    for threshold, of in ((0.5, "probabilities"), (0.0, "logits")):
        same = (a.outputs[:, 0] > threshold) == b.predictions
        if threshold != a.threshold and np.all(same):
            return (
                f"{evidence.names[1]} decides at {threshold}, the threshold of {of}; "
                f"{evidence.names[0]} decides at {a.threshold}"
            )
    return None


def other_choice(evidence: Evidence) -> str | None:
    """Side b does not predict the class with the largest output."""
    assert evidence.results is not None
    a, b = evidence.results
    if not _of_classes(evidence) or a.outputs.shape[1] == 1:
        return None
    if not np.all(a.outputs.argmin(1) == b.predictions):
        return None
    return f"{evidence.names[1]} predicts the class with the smallest output"


def _of_classes(evidence: Evidence) -> bool:
    """Return whether the decisions differ first, and not the outputs behind them."""
    return "accuracy" in evidence.found.where or "predictions" in evidence.found.where


HYPOTHESES: tuple[Hypothesis, ...] = (
    lost_step,
    other_statistics,
    evaluation_learns,
    other_loss,
    other_threshold,
    other_choice,
)
