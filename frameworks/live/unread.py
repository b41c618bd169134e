"""What the loss does not depend on: it has no gradient there, and no other numbers change it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import product

import numpy as np

from frameworks.recordings.trace import LayerTrace

__all__ = ["Measure", "with_unread"]

Arrays = Mapping[int, np.ndarray]  # by the positions of calls in training mode

# Returns the loss where arrays are added to what calls return, and its gradients for that.
Measure = Callable[[Arrays], tuple[float, Arrays]]

_ALIKE = {"float64": 1e-13, "float32": 1e-6}  # relative: the loss, computed again
_MOST = 50  # how often other numbers are drawn
_LARGEST = 1e9  # what is added: a mask may fill with the largest number that there is


def with_unread(
    layers: Sequence[LayerTrace], calls: Mapping[int, int], measure: Measure
) -> list[LayerTrace]:
    """Return layers with what of them is not read; as they are if that cannot be computed.

    `calls` has the positions of the calls in training mode, by those of the layers. No gradient
    leads to what is no maximum, below a ReLU or detached, and yet other numbers there change the
    loss: what is said not to be read was given some. Where that takes too long, all is read.
    """
    try:
        before, gradients = measure({})
    except Exception:  # noqa: BLE001 - of whatever kind: all is compared then, and nothing excused
        return [*layers]
    known = {k: gradients[at] for k, at in calls.items() if at in gradients}
    masks = {k: _unread(g, layers[k].rearranges) for k, g in known.items()}
    rng, left = np.random.default_rng(0), iter(range(1, _MOST + 1))

    def changed(some: Sequence[int]) -> list[Arrays]:
        """Give these other numbers in four ways; return the gradients where the loss moves."""
        moved = []
        for share in (0.25, 1.0):  # small ones, too: behind large ones functions may be flat
            drawn = {calls[k]: _other_numbers(masks[k], layers[k], share, rng) for k in some}
            float32 = any(a.dtype == np.float32 for a in drawn.values())
            alike = _ALIKE["float32" if float32 else "float64"] * abs(before)
            for sign in (1, -1):  # beyond a margin lie larger numbers or smaller ones
                loss, gradients = measure({at: sign * a for at, a in drawn.items()})
                if not abs(loss - before) <= alike:
                    moved.append(gradients)
        return moved

    def confirmed(some: list[int]) -> Iterator[int]:
        with suppress(Exception):  # other numbers may be none that a model takes
            while next(left, None):
                moved, count = changed(some), _count(masks, some)
                if not moved:
                    yield from some
                    return
                for gradients, k in product(moved, some):
                    still = masks[k] & _unread(gradients[calls[k]], layers[k].rearranges)
                    masks[k] = still if still.any() else np.array(False)
                if _count(masks, some) == count:
                    break  # gradients tell no more: which of the layers is it
                some = [k for k in some if masks[k].ndim]
        if len(some) > 1:
            yield from confirmed(some[: len(some) // 2])
            yield from confirmed(some[len(some) // 2 :])

    fit = [k for k, mask in masks.items() if mask.ndim and _fits(mask, layers[k])]
    kept = {*confirmed(fit)}
    return [
        replace(layer, unread=masks[k] if k in kept or not masks[k].ndim else np.array(False))
        if k in masks
        else layer
        for k, layer in enumerate(layers)
    ]


def _unread(gradient: np.ndarray, rearranges: bool) -> np.ndarray:
    """Return which numbers of a layer's output the loss may not depend on, by its gradient.

    These are whole vectors of features, as those of steps that are padding; a layer that
    `rearranges` may have features on any axis. A single False says that everything is read; a
    single True, that there is no gradient at all, as before a head of zeros, which tells nothing.

    >>> _unread(np.array([[0.0, 0.0], [0.0, 1.0]]), rearranges=False)
    array([[ True,  True],
           [False, False]])
    """
    zero = gradient == 0
    if not rearranges and zero.ndim:
        zero = np.broadcast_to(zero.all(axis=-1, keepdims=True), zero.shape)
    return zero if zero.any() and not zero.all() else np.array(zero.all())


def _count(masks: Arrays, some: Sequence[int]) -> int:
    return sum(int(masks[k].sum()) for k in some)


def _fits(mask: np.ndarray, layer: LayerTrace) -> bool:
    return layer.training_output is not None and mask.shape == layer.training_output.shape


def _other_numbers(
    mask: np.ndarray, layer: LayerTrace, share: float, rng: np.random.Generator
) -> np.ndarray:
    """Return what to add to an output where it is not read: over twice the size of a share."""
    z = layer.training_output
    assert z is not None
    sizes = np.abs(z[np.isfinite(z)])
    size = min(1 + (np.quantile(sizes, share) if sizes.size else 0), _LARGEST)
    drawn = size * rng.uniform(2, 3, z.shape) * rng.choice([-1, 1], z.shape)
    return np.where(mask, drawn, 0).astype(z.dtype)
