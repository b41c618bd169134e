"""Targets as a loss takes them: labels, one-hot, or numbers shaped as the outputs."""

from collections.abc import Sequence

import numpy as np

__all__ = ["canonical_target", "fit_target"]


def fit_target(
    y: np.ndarray, shape: Sequence[int], labels: bool | None, notes: list[str]
) -> np.ndarray:
    """Return targets y (n, ...) for outputs of a shape (m, ..., k).

    `labels`: whether classes are given as labels (n, ...) or one-hot (n, ..., k); None leaves
    them as they are. Numbers (n,) for outputs (m, 1), or the other way round, take the outputs'
    shape, which is noted: broadcast against each other they would be n² pairs.

    >>> fit_target(np.array([2, 0]), (2, 3), labels=False, notes=[])
    array([[0., 0., 1.],
           [1., 0., 0.]])
    >>> notes = []
    >>> fit_target(np.array([0.5, 1.5]), (2, 1), labels=None, notes=notes).shape, notes
    ((2, 1), ['targets (n,) are taken as (n, 1), as the outputs are'])
    """
    inner, classes = tuple(shape[1:]), shape[-1] if len(shape) > 1 else 1
    if labels is not None and classes > 1:
        if y.shape[1:] == (*inner[:-1], 1) and _whole(y):
            y = y[..., 0]
        if labels and y.shape[1:] == inner and _is_one_hot(y):
            return y.argmax(axis=-1)
        if not labels and y.shape[1:] == inner[:-1] and _whole(y):
            return np.eye(classes)[y.astype(np.int64)]
        return y.astype(np.int64) if labels and y.shape[1:] == inner[:-1] and _whole(y) else y
    if y.ndim == len(shape) > 2 and y.shape[1:] != inner == np.moveaxis(y, 1, -1).shape[1:]:
        return np.ascontiguousarray(np.moveaxis(y, 1, -1))  # images with their channels first
    if {y.shape[1:], inner} == {(), (1,)}:
        given, taken = ("(n,)", "(n, 1)") if inner else ("(n, 1)", "(n,)")
        note = f"targets {given} are taken as {taken}, as the outputs are"
        if note not in notes:
            notes.append(note)
        return y.reshape(len(y), *inner)
    return y


def canonical_target(y: np.ndarray) -> np.ndarray:
    """Return targets in a form in which labels, one-hot rows and columns of numbers are equal.

    >>> canonical_target(np.eye(3)[[2, 0]]).tolist(), canonical_target(np.ones((2, 1))).tolist()
    ([2.0, 0.0], [1.0, 1.0])
    """
    if y.ndim > 1 and y.shape[-1] > 1 and _is_one_hot(y):
        y = y.argmax(axis=-1)
    if y.ndim > 1 and y.shape[-1] == 1:
        y = y[..., 0]
    return np.ascontiguousarray(y, np.float64)


def _whole(y: np.ndarray) -> bool:
    return y.dtype.kind in "iub" or bool((y == np.round(y)).all() and (y >= 0).all())


def _is_one_hot(y: np.ndarray) -> bool:
    ones = (y == 1).sum(axis=-1) == 1
    return bool(ones.all() and ((y == 0) | (y == 1)).all())
