"""Outputs of two sides in forms in which equal results are equal numbers."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import permutations, starmap

import numpy as np

from frameworks.recordings.trace import Arrays, Facts, LayerTrace, Trace

__all__ = [
    "aligned",
    "as_probabilities",
    "as_read",
    "comparable_outputs",
    "forms",
    "have_classes_elsewhere",
    "in_rows",
    "unread_of",
    "with_channels_of",
    "with_classes_alike",
]

_FORMS = {
    **dict.fromkeys(("categorical", "binary"), ("logits", "probabilities", "log-probabilities")),
    "poisson": ("rates", "logarithms"),
}
_CLOSE = {"float64": 1e-10, "float32": 1e-5}  # a softmax, and all layers before, have rounded
_NEAR = 1e-3  # relative to the largest
_OF_ONE = 1e-5  # how much the logarithm of a sum of probabilities may be off, in float32


def aligned(x: np.ndarray, y: np.ndarray, both_ways: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Return two outputs of corresponding layers, shaped alike where that is a matter of form.

    Of a sequence (n, t, d) the last step is taken if the other is (n, d); of one that is read
    `both_ways` the last step of each way: the second half of d ends at the first step. Arrays of as
    many numbers for each row are compared row by row, as (n, 1, 1, d) and (n, d). Infinities that
    both have, as where a mask fills scores with -inf, are equal: 0 stands for them.

    >>> [a.shape for a in aligned(np.zeros((2, 5, 3)), np.zeros((2, 3)))]
    [(2, 3), (2, 3)]
    """
    x, y = _in_one_shape(x, y, both_ways)
    masked = np.isinf(x) & (x == y) if x.shape == y.shape else np.zeros((), bool)
    return (np.where(masked, 0, x), np.where(masked, 0, y)) if masked.any() else (x, y)


def as_read(
    x: np.ndarray,
    y: np.ndarray,
    unread: tuple[np.ndarray | None, np.ndarray | None],
    both_ways: bool = False,
    by_both: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """Return two outputs, aligned, with 0 for what one side at least, or both, do not read.

    What differs there has no effect, as at padding that is masked later. `unread` says it of each
    output, see `LayerTrace`; where it is not known, the other side's decides. Outputs of other
    shapes of which as many numbers are read, as of the real steps alone, are returned as these.

    >>> x, y = np.array([1.0, 2.0]), np.array([1.0, 3.0])
    >>> as_read(x, y, (np.array([False, True]), None))
    (array([1., 0.]), array([1., 0.]))
    """
    own, other = aligned(x, y, both_ways)
    if all(each is None or not each.any() for each in unread):
        return own, other
    ours, theirs = (
        np.zeros(z.shape, bool) if each is None or each.shape != z.shape else each
        for each, z in zip(unread, (x, y), strict=True)
    )
    if x.shape != y.shape and ours.sum() != theirs.sum() and (~ours).sum() == (~theirs).sum():
        return x[~ours], y[~theirs]
    ours, theirs = _in_one_shape(ours, theirs, both_ways)
    if not own.shape == other.shape == ours.shape == theirs.shape:
        return own, other
    left_out = (
        ours & theirs if by_both and all(each is not None for each in unread) else ours | theirs
    )
    if left_out.all():
        return own, other
    return np.where(left_out, 0, own), np.where(left_out, 0, other)


def _in_one_shape(x: np.ndarray, y: np.ndarray, both_ways: bool) -> tuple[np.ndarray, np.ndarray]:
    if x.ndim == 3 and y.ndim == 2 and x.shape[::2] == y.shape and x.shape[1] > 1:
        return _end(x, both_ways), y
    if y.ndim == 3 and x.ndim == 2 and y.shape[::2] == x.shape and y.shape[1] > 1:
        return x, _end(y, both_ways)
    if x.shape != y.shape and x.size == y.size and x.shape[:1] == y.shape[:1] and x.ndim and y.ndim:
        return in_rows(x), in_rows(y)
    return x, y


def in_rows(x: np.ndarray) -> np.ndarray:
    """Return an array (n, ...) as n rows of numbers, of which there may be none.

    >>> in_rows(np.zeros((0, 1, 5))).shape
    (0, 5)
    """
    return x.reshape(len(x), math.prod(x.shape[1:]))


def _end(x: np.ndarray, both_ways: bool) -> np.ndarray:
    """Return where a sequence (n, t, d) ends, read one way or both."""
    half = x.shape[2] // 2
    return np.hstack([x[:, -1, :half], x[:, 0, half:]]) if both_ways else x[:, -1]


def forms(a: Trace, b: Trace) -> tuple[str, str]:
    """Return what each side's loss takes: logits, probabilities, ...; "" if it is not known."""
    ours, theirs = _losses(a, b)
    return str(ours.values.get("takes", "")), str(theirs.values.get("takes", ""))


def _losses(a: Trace, b: Trace) -> tuple[Facts, Facts]:
    """Return what the losses of both sides take; of one of the user's own, what numbers tell.

    Where equal losses come of a softmax on one side, and of its logarithms on the other, the loss
    of the one takes probabilities, though it does not say so.
    """
    ours, theirs = _loss_of(a), _loss_of(b)
    known = ["takes" in each.values for each in (ours, theirs)]
    near = _CLOSE[a.dtype] + _CLOSE[b.dtype]
    if all(known) or not np.isclose(a.first_loss, b.first_loss, near, 0):
        return ours, theirs
    if _outputs_are_near(a.outputs, b.outputs, near):
        return ours, theirs
    said = {loss.values["takes"] for loss in (ours, theirs) if "takes" in loss.values}
    every = ((kind, two) for kind, some in _FORMS.items() for two in permutations(some, 2))
    for kind, (one, other) in every:
        if not said <= {*_FORMS[kind]}:
            continue
        x = ours if known[0] else Facts(kind, {"takes": one})
        y = theirs if known[1] else Facts(kind, {"takes": other})
        p, q = ([as_probabilities(z, loss) for z in outputs]
                for loss, outputs in ((x, a.outputs), (y, b.outputs)))  # fmt: skip
        if x.values["takes"] != y.values["takes"] and _outputs_are_near(p, q, near):
            return x, y
    return ours, theirs


def _loss_of(trace: Trace) -> Facts:
    """Return what a loss says: that of log-probabilities where it takes their logarithm again."""
    loss = trace.loss
    if loss.values.get("takes") != "logits" or "categorical" not in loss.kind or not trace.outputs:
        return loss
    sums = (np.logaddexp.reduce(z, axis=-1) for z in trace.outputs if z.ndim)
    if not all((np.abs(s) < _OF_ONE).all() for s in sums):
        return loss
    return replace(loss, values={**loss.values, "takes": "log-probabilities"})


def _outputs_are_near(ours: Sequence[np.ndarray], theirs: Sequence[np.ndarray], by: float) -> bool:
    pairs = [aligned(x, y) for x, y in zip(ours, theirs, strict=False)]
    return bool(pairs) and all(x.shape == y.shape and np.allclose(x, y, by, by) for x, y in pairs)


def comparable_outputs(
    a: Trace, b: Trace, final: bool = False, whole: bool = False
) -> tuple[Arrays, Arrays]:
    """Return both sides' outputs: as probabilities if one returns these and the other logits.

    Without what the loss does not read, unless they are wanted `whole`.
    """
    ours, theirs = (each.final_outputs if final else each.outputs for each in (a, b))
    losses = _losses(a, b)
    first, second = (loss.values.get("takes") for loss in losses)
    if first != second and first and second:
        ours = tuple(as_probabilities(x, losses[0]) for x in ours)
        theirs = tuple(as_probabilities(y, losses[1]) for y in theirs)
    every = zip(_classes_alike(ours, theirs), _unread(a, b), strict=False)
    pairs = [aligned(x, y) if whole else as_read(x, y, unread) for (x, y), unread in every]
    return tuple(x for x, _ in pairs), tuple(y for _, y in pairs)


def _unread(a: Trace, b: Trace) -> list[tuple[np.ndarray | None, np.ndarray | None]]:
    """Return what is not read of each output of the first batch: of the layers that return it."""
    every = _classes_alike(a.outputs, b.outputs)
    return [(unread_of(x, a.layers), unread_of(y, b.layers)) for x, y in every]


def _classes_alike(ours: Arrays, theirs: Arrays) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    return starmap(with_classes_alike, zip(ours, theirs, strict=False))


def with_classes_alike(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return two outputs with their classes on the same axis, if one has them behind the rows.

    Losses of PyTorch take (n, k, t), which a model may return itself. Where outputs of one shape
    may be either, the numbers tell.

    >>> [z.shape for z in with_classes_alike(np.zeros((2, 3, 5)), np.zeros((2, 5, 3)))]
    [(2, 5, 3), (2, 5, 3)]
    """
    if not x.ndim == y.ndim > 2 or _are_near(x, y):
        return x, y
    forms = (np.moveaxis(x, 1, -1), y), (x, np.moveaxis(y, 1, -1))
    fitting = (form for form in forms if form[0].shape == form[1].shape)
    near = (form for form in fitting if x.shape != y.shape or _are_near(*form))
    return next(near, (x, y))


def have_classes_elsewhere(a: Trace, b: Trace) -> bool:
    """Return whether an output has its classes behind the rows on one side, last on the other."""
    for x, y in zip(a.outputs, b.outputs, strict=False):
        own, other = with_classes_alike(x, y)
        if own is not x or other is not y:
            return True
    return False


def _are_near(x: np.ndarray, y: np.ndarray) -> bool:
    """Return whether arrays of one shape are about the same, as they hardly are by chance."""
    if x.shape != y.shape or not x.size:
        return False
    with np.errstate(invalid="ignore"):
        return bool(np.abs(x - y).max() <= _NEAR * np.abs(y).max())


def unread_of(
    x: np.ndarray, layers: Sequence[LayerTrace], training: bool = False
) -> np.ndarray | None:
    """Return what is not read of an array, whichever of these layers returned it.

    Several return one array where one of them hands on what it is given, as dropout in evaluation:
    what is not read of the one may be read of the other. None where it is not known of one.
    """
    found = np.array(True)
    makers = 0
    for layer in layers:
        made = layer.training_output if training else layer.output
        if made is not None and np.array_equal(made, x):
            if layer.unread is None:
                return None
            found, makers = found & layer.unread, makers + 1
    return found if makers else None


def as_probabilities(z: np.ndarray, loss: Facts) -> np.ndarray:
    """Return the probabilities, or rates, that outputs stand for, by what their loss takes."""
    takes = loss.values.get("takes")
    with np.errstate(over="ignore"):
        if takes in ("log-probabilities", "logarithms"):
            return np.exp(z)
        if takes != "logits":
            return z
        if "categorical" in loss.kind:
            e = np.exp(z - z.max(axis=-1, keepdims=True))
            return e / e.sum(axis=-1, keepdims=True)
        return 1 / (1 + np.exp(-z))


def with_channels_of(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return y with its channels elsewhere, if that is x; else y.

    A model in which no convolution says which axis the channels are takes images as they are, and
    one that is given flat rows views them as images of its own.
    """
    if y.ndim == 2 and y.shape == x.shape:
        d = y.shape[1]
        viewed = (y.reshape(len(y), c, d // c) for c in range(2, d) if d % c == 0)
        moved = (each.swapaxes(1, 2).reshape(y.shape) for each in viewed)
    else:
        moved = (np.moveaxis(y, *axes) for axes in ((1, -1), (-1, 1)) if y.ndim > 2)
    return next((each for each in moved if np.array_equal(each, x)), y)
