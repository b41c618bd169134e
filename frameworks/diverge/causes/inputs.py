"""Why two implementations may start from different numbers."""

from functools import wraps
from itertools import combinations

import numpy as np

from frameworks.diverge.causes.rows import (
    leaked_rows,
    missing_rows,
    one_column,
    some_labels,
    some_rows,
)
from frameworks.diverge.evidence import Evidence, Hypothesis, as_number

__all__ = ["HYPOTHESES"]

_ROWS = "training rows", "test rows"
_COUNTS = "rows in a batch", "the number of weight arrays"
_TARGETS = ("labels", "targets")  # of a task with and without answers


def _same_numbers(x: np.ndarray, y: np.ndarray) -> bool:
    return x.size == y.size and np.array_equal(np.sort(x, axis=None), np.sort(y, axis=None))


def other_bytes(evidence: Evidence) -> str | None:
    """Equal numbers of another type, or zeros of another sign."""
    x, y = evidence.pair
    if not np.array_equal(x, y):
        return None
    if x.dtype == y.dtype:
        return "the numbers are equal, but for the sign of zeros"
    return evidence.both("holds equal numbers as", str(x.dtype), str(y.dtype))


def fewer_rows(evidence: Evidence) -> str | None:
    """One side has fewer rows."""
    x, y = evidence.pair
    if evidence.found.where not in _ROWS or len(x) == len(y) or x.shape[1:] != y.shape[1:]:
        return None
    few, many = sorted((x, y), key=len)
    if not {row.tobytes() for row in few} <= {row.tobytes() for row in many}:
        return None
    where = "the first ones" if np.array_equal(few, many[: len(few)]) else "not the first ones"
    return f"one side has {len(few)} of the other's {len(many)} rows, {where}"


def scaler_fitted_on_other_rows(evidence: Evidence) -> str | None:
    """X' = (x − μ)/σ with μ and σ of the training and test rows together, or of the test rows."""
    if evidence.found.where not in _ROWS:
        return None
    (x, y), data = evidence.pair, evidence.a.side.data
    if not evidence.matches(_standardized(x, data.X_train), x):
        return None
    if said := _other_scale(evidence, x, y):
        return said
    fits = {
        "the training and test rows together": np.vstack([data.X_train, data.X_test]),
        "the test rows": data.X_test,
    }
    for rows, fitted in fits.items():
        if evidence.matches(_standardized(x, fitted), y):
            return (
                f"{evidence.names[1]} standardizes the features by means and deviations of {rows}"
            )
    return None


def _other_scale(evidence: Evidence, x: np.ndarray, y: np.ndarray) -> str | None:
    """Side b's columns lie between 0 and 1, or were divided by deviations over n − 1."""
    train, name = evidence.a.side.data.X_train, evidence.names[1]
    low, high = train.min(axis=0), train.max(axis=0)
    if evidence.matches((x - low) / np.where(high > low, high - low, 1), y):
        return f"{name} scales every column to the range from 0 to 1"
    n = len(train)
    if evidence.matches(x * ((n - 1) / n) ** 0.5, y):
        return f"{name} standardizes the features by deviations over n − 1, not n"
    return None


def _standardized(x: np.ndarray, rows: np.ndarray) -> np.ndarray:
    deviation = rows.std(axis=0)
    return (x - rows.mean(axis=0)) / np.where(deviation, deviation, 1)


def rescaled(evidence: Evidence) -> str | None:
    """X' = r x."""
    if evidence.found.where.endswith("labels"):
        return None
    return evidence.times(f"every number in the {evidence.found.where}", *evidence.pair)


def rounded_to_float32(evidence: Evidence) -> str | None:
    """X' = float32(x)."""
    x, y = evidence.pair
    if x.shape != y.shape or x.dtype != np.float64 or np.array_equal(x, y):
        return None
    same = np.array_equal(x.astype(np.float32).astype(x.dtype), y)
    return f"{evidence.names[1]} has the numbers rounded to float32" if same else None


def labels_shifted(evidence: Evidence) -> str | None:
    """Y' = y + c, or each row has its neighbour's label."""
    name = evidence.found.where.rpartition(" ")[2]
    x, y = evidence.pair
    if name not in _TARGETS or x.shape != y.shape or np.array_equal(x, y):
        return None
    for shift in (-1, 1):
        if np.array_equal(np.roll(x, shift, axis=0), y):
            return f"each row has its neighbour's {name[:-1]}: the {name} are shifted by one row"
    by = np.unique(y.astype(float) - x.astype(float))
    if len(by) == 1 and by[0] > 0:
        higher, lower = evidence.names[::-1]
        return f"the {name} of {higher} are those of {lower} shifted by {as_number(by[0])}"
    if np.array_equal(1 - x, y):
        return "the two classes are swapped"
    return None


def rearranged(evidence: Evidence) -> str | None:
    """The same numbers in another order, which is named if known."""
    x, y = evidence.pair
    ways = {}
    if x.ndim > 1:
        ways = {
            "transposed": x.T,
            "transposed (height and width)": x.swapaxes(0, 1),
            "reversed along both axes": x[::-1, ::-1],
        }
    ways |= {
        "reversed": x[::-1],
        "reshaped in Fortran order (first axis fastest)": x.ravel().reshape(x.shape, order="F"),
        "reversed along the last axis": x[..., ::-1],
    }
    for way, changed in ways.items():
        if changed.shape == y.shape and np.array_equal(changed, y):
            return f"the same numbers, {way}"
    return None


def in_another_order(evidence: Evidence) -> str | None:
    """The same numbers in an order that is not known."""
    return "the same numbers in another order" if _same_numbers(*evidence.pair) else None


def weights_drawn_in_another_order(evidence: Evidence) -> str | None:
    """All weights together are the same numbers, or two arrays of side b are copies."""
    if not evidence.found.where.startswith("initial "):
        return None
    x, y = ([w.ravel() for w in s.opened.initial_weights] for s in (evidence.a, evidence.b))
    if _same_numbers(np.concatenate(x), np.concatenate(y)):
        return "all weights together are the same numbers, assigned to the arrays in another order"
    if _has_copies(evidence.a.opened.initial_weights):
        return None
    if not _has_copies(evidence.b.opened.initial_weights):
        return None
    return f"two layers of {evidence.names[1]} start with identical weights: one initializer twice"


def _has_copies(weights: list[np.ndarray]) -> bool:
    kernels = [w for w in weights if w.ndim > 1]
    return any(np.array_equal(one, other) for one, other in combinations(kernels, 2))


def constant(evidence: Evidence) -> str | None:
    """Every element of side b is the same number."""
    x, y = evidence.pair
    if y.size > 1 and len(np.unique(y)) == 1 < len(np.unique(x)):
        return f"every number is {as_number(float(y.flat[0]))} in {evidence.names[1]}"
    return None


def order_of_an_earlier_epoch(evidence: Evidence) -> str | None:
    """The order of epoch e is that of an earlier epoch, or there is no shuffling."""
    if not evidence.found.where.startswith("batch order"):
        return None
    epoch, orders = evidence.item.position, evidence.b.opened.orders
    order = orders[epoch - 1]
    if order is None or np.array_equal(order, np.arange(len(order))):
        return f"{evidence.names[1]} does not shuffle"
    for earlier, other in enumerate(orders[: epoch - 1], 1):
        if other is not None and np.array_equal(order, other):
            return f"{evidence.names[1]} repeats the order of epoch {earlier}"
    return None


_DATA: tuple[Hypothesis, ...] = (
    other_bytes,
    missing_rows,
    fewer_rows,
    labels_shifted,
    leaked_rows,
    some_labels,
    some_rows,
    one_column,
    rounded_to_float32,
    scaler_fitted_on_other_rows,
    rescaled,
    rearranged,
    in_another_order,
    weights_drawn_in_another_order,
    constant,
)


def _of_arrays(test: Hypothesis) -> Hypothesis:
    """Return a hypothesis for data and weights alone: not for orders and numbers of rows."""

    @wraps(test)
    def tested(evidence: Evidence) -> str | None:
        where = evidence.found.where
        others = where.startswith("batch order") or where in _COUNTS
        return None if others else test(evidence)

    return tested


HYPOTHESES: tuple[Hypothesis, ...] = (order_of_an_earlier_epoch, *map(_of_arrays, _DATA))
