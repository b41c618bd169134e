"""What a walk does not compare, though both networks have it: said, so that nobody relies on it."""

from collections import Counter
from collections.abc import Iterator

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from frameworks.agreement.limits import ONE_BATCH
from frameworks.diverge.differences import difference
from frameworks.diverge.first_batch import First, limit_alike, returned
from frameworks.diverge.layers import (
    align,
    are_called_otherwise,
    arranged_otherwise,
    unmatched,
)
from frameworks.probe import LayerOutput

__all__ = ["not_compared"]


def not_compared(a: First, b: First) -> list[str]:
    """Return a sentence for each layer that is compared in part, or only through later ones."""
    notes = []
    for (name, ours), (_, theirs) in zip(a.networks, b.networks, strict=False):
        for first, kinds in zip((a, b), unmatched(ours, theirs), strict=True):
            if kinds and ours and theirs:
                who, counts = first.side.implementation, Counter(kinds)
                said = (kind if n == 1 else f"{n} x {kind}" for kind, n in counts.items())
                notes.append(f"layers{name} only in {who}: {', '.join(said)}")
        otherwise = arranged_otherwise(ours, theirs, limit_alike(a))
        if not name:
            training = a.training_layers, b.training_layers
            otherwise &= arranged_otherwise(*training, limit_alike(a))
        for i, j in align(ours, theirs):
            where = f"layer {i + 1}{name}"
            if i in otherwise:
                both = " and ".join(dict.fromkeys((ours[i].kind, theirs[j].kind)))
                notes.append(f"{where} ({both}): written differently, but what follows agrees")
            else:
                notes += _of_pair(where, ours[i], theirs[j])
    for number in sorted(a.failures | b.failures):
        notes.append(_not_walked(a, b, number))
    return notes


def _not_walked(a: First, b: First, number: int) -> str:
    """Say that the layers of a network are not compared one by one, and why."""
    failed = [each for each in (a, b) if number in each.failures]
    where = " and ".join(dict.fromkeys(each.side.implementation for each in failed))
    shape, why = a.batch.X.shape[1:], failed[0].failures[number]
    return (
        f"{a.names[number]} fails in {where} on rows of shape {shape} ({why}): its layers are not "
        "compared one by one, only its gradients and steps"
    )


def _of_pair(name: str, x: LayerOutput, y: LayerOutput) -> Iterator[str]:
    pair = returned(x, y)
    if pair is None or are_called_otherwise(x, y):
        yield f"{name} ({x.kind}) is compared only through the layers after it"
        return
    if x.kind != y.kind and not difference("", *pair, ONE_BATCH).parted:
        yield (
            f"{name}: {x.kind} and {y.kind} return the same for these rows; what they make of "
            "other numbers was not compared"
        )
    if x.kind == "max pooling" and x.inputs is not None and not _has_ties(x.inputs, pair[0]):
        yield (
            f"{name} (max pooling): no window of the first batch has two equal maxima; where their "
            "gradient goes was not compared"
        )


def _has_ties(given: np.ndarray, pooled: np.ndarray) -> bool:
    """Return whether a maximum occurs twice in a window of images (n, h, w, c)."""
    if given.ndim != 4 or pooled.ndim != 4:
        return True  # not known
    kh, kw = (given.shape[k] // pooled.shape[k] for k in (1, 2))
    windows = sliding_window_view(given, (kh, kw), axis=(1, 2))[:, ::kh, ::kw]
    largest = windows.max(axis=(-2, -1), keepdims=True)
    return bool(((windows == largest).sum(axis=(-2, -1)) > 1).any())
