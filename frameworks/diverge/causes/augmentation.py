"""Why a step may be taken on other rows though the data agree: `augment` changes them at random."""

from copy import deepcopy

import numpy as np

from frameworks.diverge.evidence import Evidence
from frameworks.diverge.first_batch import First
from frameworks.diverge.side import at_weights
from frameworks.diverge.trajectory import StepPair
from frameworks.draws import StepStream

__all__ = ["other_augmentation"]

Array = np.ndarray


def other_augmentation(evidence: Evidence) -> str | None:
    """The loss of side b's step is side a's on the rows that side b's builder returns."""
    pair = evidence.parting
    if evidence.of_program or "loss" not in evidence.found.where or not evidence.history:
        return None
    assert pair is not None
    steps = evidence.history[: 1 if evidence.level == "step" else None]
    X, name = pair.batch.X, evidence.names[1]
    (ours, _), (theirs, stream) = (_rows(each, steps) for each in (evidence.a, evidence.b))
    if np.array_equal(ours, theirs):
        return None
    if not evidence.matches(_loss(evidence.a, pair, theirs, stream), pair.b.loss):
        return None
    ways = {"does not augment the rows": [X, X]}
    if len(steps) > 1:
        again = [_rows(each, [pair])[0] for each in (evidence.b, evidence.a)]
        ways["augments by the same draws every time"] = again
    for words, (first, second) in ways.items():
        if np.array_equal(theirs, second):
            return f"{name} {words}"
        if np.array_equal(ours, first):
            return None  # which is named with the sides swapped
    differ = (ours != theirs).reshape(len(X), -1).any(axis=1).sum()
    return f"the two augment {differ} of the {len(X)} rows of a batch differently"


def _rows(first: First, steps: list[StepPair]) -> tuple[Array, StepStream]:
    """Return the rows of the last of some steps, and the stream from which it draws the rest."""
    adapter, stream = first.opened.adapter, deepcopy(first.opened.adapter.stream)
    augment = getattr(adapter.parts, "augment", None)
    for k, pair in enumerate(steps):
        if k:
            stream(len(steps[k - 1].batch.X))
        X = pair.batch.X
        if augment is not None:
            X = np.asarray(augment(adapter.spec, stream.draws.steps, X), X.dtype)
    return X, stream


def _loss(first: First, pair: StepPair, X: Array, stream: StepStream) -> float:
    """Return a side's loss of other rows in a step, at its weights before it."""
    with at_weights(first.opened.adapter, pair.a.before) as adapter:
        own, adapter.stream = adapter.stream, stream
        try:
            return adapter.loss_and_gradients(pair.batch._replace(X=X))[0]
        finally:
            adapter.stream = own
