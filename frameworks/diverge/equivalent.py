"""Networks that end differently and compute the same: equal losses and gradients decide.

A softmax before a cross-entropy of probabilities, a log-softmax before a negative log-likelihood
and a cross-entropy of logits are one computation, written differently; so are a sigmoid and a
binary cross-entropy.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from frameworks.agreement.limits import ONE_BATCH
from frameworks.diverge.causes.activations import log_softmax, sigmoid, softmax
from frameworks.diverge.differences import difference
from frameworks.diverge.first_batch import OUTPUTS, Compared, First

__all__ = ["Ending", "settled", "written_differently"]

_ENDS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "a log-softmax": log_softmax,
    "a softmax": softmax,
    "a sigmoid": sigmoid,
}
_CLOSE = {"float64": ONE_BATCH, "float32": 1e-5}  # a softmax of a few numbers rounds a few times


@dataclass(frozen=True)
class Ending:
    """What one side's network ends with, and the other's has in its loss."""

    side: int  # 0 or 1: the one that ends without it
    name: str
    note: str

    def apply(self, side: int, outputs: np.ndarray) -> np.ndarray:
        """Return a side's outputs, with the ending of the other side."""
        return _ENDS[self.name](outputs) if side == self.side else outputs


def written_differently(found: Sequence[Compared], a: First, b: First) -> Ending | None:
    """Return the ending that one network has and the other's loss; None if they differ otherwise.

    Nothing but the networks' outputs may differ, and neither losses nor gradients do.
    """
    parted = [item for item, each in found if each.parted]
    if not parted or any(not item.where.startswith(OUTPUTS) for item in parted):
        return None
    limit = _CLOSE[a.side.dtype]
    for side, plain, ended in ((0, a, b), (1, b, a)):
        for name, f in _ENDS.items():
            if difference("", f(plain.outputs), ended.outputs, limit).parted:
                continue
            if not _same_training(a, b, limit):
                return None
            note = (
                f"{ended.side.implementation} ends in {name}, which {plain.side.implementation} "
                "has in its loss: equal, written differently"
            )
            return Ending(side, name, note)
    return None


def _same_training(a: First, b: First, limit: float) -> bool:
    """Return whether losses and gradients agree, and the losses of the outputs alone.

    Keras looks behind a softmax while it trains, and not when it is given its numbers.
    """
    (ours, g), (theirs, h) = a.loss_and_gradients, b.loss_and_gradients
    p, q = (x.opened.adapter.loss(x.outputs, x.batch.y) for x in (a, b))
    if difference("", p, q, limit).parted:
        return False
    largest = max(float(np.abs(each).max(initial=0)) for each in g)
    every = [("", ours, theirs, 0.0), *(("", x, y, largest) for x, y in zip(g, h, strict=True))]
    return not any(difference(w, x, y, limit, scale).parted for w, x, y, scale in every)


def settled(found: Sequence[Compared]) -> list[Compared]:
    """Return what was compared, without the difference of the outputs."""
    return [
        (item, replace(each, error=0.0) if item.where.startswith(OUTPUTS) else each)
        for item, each in found
    ]
