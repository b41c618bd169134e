"""What the loss does not depend on: it has no gradient there, and no other numbers change it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

import numpy as np

from frameworks.recordings.trace import LayerTrace

__all__ = ["Measure", "with_unread"]

Arrays = Mapping[int, np.ndarray]  # by the positions of calls in training mode

# Returns the loss where arrays are added to what calls return, and its gradients for that.
Measure = Callable[[Arrays], tuple[float, Arrays]]

_ALIKE = {"float64": 1e-13, "float32": 1e-6}  # relative: the loss, computed again
_ROUNDS, _MOST = 8, 100  # how often the loss is computed for some layers, and in all
_LARGEST = 1e3  # what is added: an array that a mask has filled has larger numbers


def with_unread(
    layers: Sequence[LayerTrace], calls: Mapping[int, int], measure: Measure
) -> list[LayerTrace]:
    """Return layers with what of them is not read; as they are if their loss cannot be computed.

    `calls` has the positions of the calls in training mode, by those of the layers. No gradient
    leads to what is no maximum, below a ReLU or detached, and yet other numbers there change the
    loss: what is said not to be read was given some. Where that takes too long, all is read.
    """
    try:
        before, gradients = measure({})
    except Exception:  # noqa: BLE001 - of whatever kind; it will be said later
        return [*layers]
    known = {k: gradients[at] for k, at in calls.items() if at in gradients}
    masks = {k: _unread(g, layers[k].rearranges) for k, g in known.items()}
    rng, left = np.random.default_rng(0), iter(range(_MOST))

    def change(some: Sequence[int]) -> Arrays | None:
        """Return the gradients where these are given other numbers; None if the loss stays."""
        added = {calls[k]: _other_numbers(masks[k], layers[k], rng) for k in some}
        after, gradients = measure(added)
        alike = _ALIKE["float32" if "float32" in {a.dtype.name for a in added.values()} else
                       "float64"]  # fmt: skip
        return None if abs(after - before) <= alike * abs(before) else gradients

    def confirmed(some: list[int]) -> Iterator[int]:
        with suppress(Exception):  # other numbers may be none that a model takes
            for _ in zip(range(_ROUNDS), left, strict=False):
                some = [k for k in some if masks[k].ndim]
                again = change(some) if some else None
                if again is None:
                    yield from some
                    return
                for k in some:
                    still = masks[k] & _unread(again[calls[k]], layers[k].rearranges)
                    masks[k] = still if still.any() else np.array(False)
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


def _fits(mask: np.ndarray, layer: LayerTrace) -> bool:
    return layer.training_output is not None and mask.shape == layer.training_output.shape


def _other_numbers(mask: np.ndarray, layer: LayerTrace, rng: np.random.Generator) -> np.ndarray:
    """Return what to add to an output where it is not read: as much as is there, or more."""
    z = layer.training_output
    assert z is not None
    size = min(1 + np.abs(z[np.isfinite(z)]).max(initial=0), _LARGEST)
    drawn = size * rng.uniform(0.5, 1.5, z.shape) * rng.choice([-1, 1], z.shape)
    return np.where(mask, drawn, 0).astype(z.dtype)
