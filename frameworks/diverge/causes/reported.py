"""Why a step may report another loss though the weights agree."""

from frameworks.diverge.evidence import Evidence
from frameworks.diverge.side import at_weights

__all__ = ["other_report"]


def other_report(evidence: Evidence) -> str | None:
    """The loss of the step before, of after the update, or divided by another number of rows."""
    if not evidence.found.where.startswith(("loss of the step", "the batch's loss")):
        return None
    if not evidence.history:
        return None
    ours, theirs = ([getattr(p, side).loss for p in evidence.history] for side in "ab")
    name = evidence.names[1]
    if len(ours) > 2 and evidence.matches(ours[:-1], theirs[1:]):
        return f"{name} reports the loss of the step before"
    step = evidence.parting
    assert step is not None
    if evidence.matches(_after(evidence), step.b.loss):
        return f"{name} measures the loss after the update"
    n, size = len(step.batch.X), evidence.a.side.batch_size
    if n < size and evidence.matches(step.a.loss * n / size, step.b.loss):
        return f"{name} divides the loss of the last batch, of {n} rows, by {size}"
    return None


def _after(evidence: Evidence) -> float:
    """Return the loss of the step's batch by the weights that side a has after the step."""
    step, adapter = evidence.parting, evidence.a.opened.adapter
    assert step is not None
    with at_weights(adapter, step.a.after):
        return adapter.loss_and_gradients(step.batch)[0]
