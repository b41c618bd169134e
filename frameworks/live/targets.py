"""Targets as a loss takes them: labels, one-hot, or numbers shaped as the outputs."""

import math
from collections.abc import Sequence

import numpy as np

from frameworks.errors import RequestError
from frameworks.recordings.digests import is_one_hot

__all__ = ["check_reconstruction", "fit_target"]


def fit_target(
    y: np.ndarray,
    shape: Sequence[int],
    labels: bool | None,
    notes: list[str],
    as_given: bool = False,
) -> np.ndarray:
    """Return targets y (n, ...) for outputs of a shape (m, ..., k).

    `labels`: whether classes are given as labels (n, ...) or one-hot (n, ..., k); None leaves
    them as they are. Numbers (n,) for outputs (m, 1), or the other way round, take the outputs'
    shape, which is noted. With `as_given` they do not: a loss that broadcasts the two against each
    other, to n² pairs, does so in the user's own training, too.

    >>> fit_target(np.array([2, 0]), (2, 3), labels=False, notes=[])
    array([[0., 0., 1.],
           [1., 0., 0.]])
    >>> notes = []
    >>> fit_target(np.array([0.5, 1.5]), (2, 1), labels=None, notes=notes).shape, notes
    ((2, 1), ['targets (n,) are taken as (n, 1), as the outputs are'])
    """
    if y.dtype.kind == "b":
        y = y.astype(np.int64 if labels else np.float64)
    inner, classes = tuple(shape[1:]), shape[-1] if len(shape) > 1 else 1
    if labels is not None and classes > 1:
        if y.shape[1:] == (*inner[:-1], 1) and _whole(y):
            y = y[..., 0]
        if labels and y.shape[1:] == inner and is_one_hot(y):
            return y.argmax(axis=-1)
        if not labels and y.shape[1:] == inner[:-1] and _whole(y):
            return np.eye(classes)[y.astype(np.int64)]
        return y.astype(np.int64) if labels and y.shape[1:] == inner[:-1] and _whole(y) else y
    if y.ndim == len(shape) > 2 and y.shape[1:] != inner == np.moveaxis(y, 1, -1).shape[1:]:
        return np.ascontiguousarray(np.moveaxis(y, 1, -1))  # images with their channels first
    if {y.shape[1:], inner} == {(), (1,)} and not as_given:
        given, taken = ("(n,)", "(n, 1)") if inner else ("(n, 1)", "(n,)")
        note = f"targets {given} are taken as {taken}, as the outputs are"
        if note not in notes:
            notes.append(note)
        return y.reshape(len(y), *inner)
    return y


def check_reconstruction(X: Sequence[int], output: Sequence[int], kind: str) -> None:
    """RequestError unless inputs (n, ...) can be the targets of outputs (n, ...), by their shapes.

    `kind` is that of the loss; of those that are not known nothing is.
    """
    size, own = math.prod(output[1:]), math.prod(X[1:])
    labels = any(own * classes == size for classes in output[1:])
    if kind in _SHAPED and own != size and not labels:
        raise RequestError(
            "y is missing; without it the inputs are the targets, and rows of shape "
            f"{tuple(X[1:])} do not fit outputs of shape {tuple(output[1:])}"
        )


_SHAPED = (
    *("categorical cross-entropy", "binary cross-entropy", "huber"),
    *("mean squared error", "mean absolute error", "half squared error"),
)


def _whole(y: np.ndarray) -> bool:
    return y.dtype.kind in "iub" or bool((y == np.round(y)).all() and (y >= 0).all())
