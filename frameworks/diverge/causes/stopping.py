"""Why one training may stop at another epoch, or keep another epoch's weights."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import inf
from typing import Any

from frameworks.diverge.causes.optimizers import subsets
from frameworks.diverge.evidence import Evidence
from frameworks.held_out import HeldOut

__all__ = ["other_rule"]


@dataclass(frozen=True)
class _Rule:
    """Early stopping by the loss of the rows held out, as in Keras, by its names."""

    patience: int
    min_delta: float = 0.0
    restore_best_weights: bool = True
    start_from_epoch: int = 0
    baseline: float | None = None

    @classmethod
    def of(cls, stopping: Any) -> "_Rule | None":
        """Return the rule that an object states; None if it has no patience."""
        if not hasattr(stopping, "patience"):
            return None
        least = getattr(stopping, "least", getattr(stopping, "min_delta", cls.min_delta))
        return cls(
            patience=stopping.patience,
            min_delta=abs(least),  # Keras keeps it with its sign
            restore_best_weights=getattr(stopping, "restore_best_weights", True),
            start_from_epoch=getattr(stopping, "start_from_epoch", 0),
            baseline=getattr(stopping, "baseline", None),
        )

    def ends(self, losses: Sequence[float]) -> tuple[int, int]:
        """Return the number of epochs trained, and the one whose weights are kept."""
        best, waited, kept = inf, 0, 0
        for epoch, loss in enumerate(losses, 1):
            if epoch <= self.start_from_epoch:
                continue
            kept = kept or epoch
            waited += 1
            if loss + self.min_delta < best:
                best, kept = loss, epoch
                if self.baseline is None or loss + self.min_delta < self.baseline:
                    waited = 0
                    continue
            if waited >= self.patience:
                break
        return epoch, kept if self.restore_best_weights and kept else epoch


def other_rule(evidence: Evidence) -> str | None:
    """Both follow from what their early stopping states, on the losses of the rows held out."""
    ours, theirs = evidence.held_out
    if ours is None or theirs is None or _ends(ours) == _ends(theirs):
        return None
    if ours.stopping != theirs.stopping:
        words = (f"{'' if each.stopping else 'no '}early stopping" for each in (ours, theirs))
        return evidence.both("has", *words)
    a, b = (_Rule.of(each.estimator._adapter.parts.stopping) for each in (ours, theirs))
    if a is None or b is None or a.ends(ours.losses) != _ends(ours):
        return None
    for names in subsets([name for name in vars(a) if getattr(a, name) != getattr(b, name)]):
        if replace(a, **{n: getattr(b, n) for n in names}).ends(theirs.losses) == _ends(theirs):
            words = (", ".join(f"{n}={getattr(x, n)!r}" for n in names) for x in (a, b))
            return evidence.both("stops early with", *words)
    return None


def _ends(of: HeldOut) -> tuple[int, int]:
    return len(of.losses), of.kept
