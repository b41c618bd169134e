"""Which rows and columns of the data differ, and how: named by number, from 1 on, and by kind."""

from collections.abc import Iterator

import numpy as np

from frameworks.diverge.evidence import Evidence, as_number

__all__ = ["leaked_rows", "missing_rows", "one_column", "some_labels", "some_rows"]

Array = np.ndarray
_ROWS = "training rows", "test rows"
_FEW = 3


def missing_rows(evidence: Evidence) -> str | None:
    """Side b lacks a few of side a's rows."""
    x, y = evidence.pair
    if evidence.found.where not in _ROWS or x.shape[1:] != y.shape[1:] or len(y) >= len(x):
        return None
    kept, lacking, k = list(y), [], 0
    for i, row in enumerate(x):
        if k < len(kept) and np.array_equal(row, kept[k]):
            k += 1
        else:
            lacking.append(i)
    if k < len(kept) or len(lacking) > _FEW:
        return None
    which = _said(lacking, "row")
    return f"{evidence.names[1]} lacks {which} of the {len(x)} {evidence.found.where}"


def leaked_rows(evidence: Evidence) -> str | None:
    """Some of side b's training rows are test rows, and side a's are not."""
    x, y = evidence.pair
    if evidence.found.where != "training rows" or len(x) != len(y):
        return None
    tested = {row.tobytes(): i for i, row in enumerate(evidence.b.side.data.X_test)}
    found = [i for i in _differing(x, y) if y[i].tobytes() in tested]
    if not found or len(found) != len(_differing(x, y)):
        return None
    which = _said(found, "training row")
    verb = "is a test row" if len(found) == 1 else "are test rows"
    return f"{which} of {evidence.names[1]} {verb}"


def some_rows(evidence: Evidence) -> str | None:
    """A few rows differ, and no others."""
    x, y = evidence.pair
    if evidence.found.where not in _ROWS or x.shape != y.shape or evidence.flipped:
        return None
    found = _differing(x, y)
    if not 0 < len(found) <= _FEW or len(found) == len(x):
        return None
    columns = sorted({int(j) for i in found for j in np.flatnonzero((x[i] != y[i]).ravel())})
    if len(columns) <= _FEW and x.ndim == 2:
        return f"only {_said(found, 'row')} of the {evidence.found.where} differs, in " + _said(
            columns, "column"
        )
    return f"only {_said(found, 'row')} of the {evidence.found.where} differs"


def some_labels(evidence: Evidence) -> str | None:
    """The labels of a few rows differ, and no others."""
    x, y = evidence.pair
    labels = evidence.found.where.endswith(("labels", "targets"))
    if not labels or x.shape != y.shape or evidence.names[0] > evidence.names[1]:
        return None
    found = _differing(x, y)
    if not 0 < len(found) <= _FEW or len(found) == len(x):
        return None
    (first, *_), name = found, evidence.found.where[:-1]
    values = (f"{as_number(float(np.ravel(each[first])[0]))}" for each in (x, y))
    (ours, theirs), (one, other) = values, evidence.names
    which = _said(found, "row").removeprefix("row ").removeprefix("rows ")
    return f"only the {name} of row {which} differs: {ours} in {one}, {theirs} in {other}"


def one_column(evidence: Evidence) -> str | None:
    """A few columns differ in many rows: by a factor, a shift, or a constant number."""
    x, y = evidence.pair
    if evidence.found.where not in _ROWS or x.shape != y.shape or x.ndim != 2:
        return None
    found = [int(j) for j in np.flatnonzero((x != y).any(axis=0))]
    if not 0 < len(found) <= _FEW or len(found) == x.shape[1]:
        return None
    if how := next(_ways(evidence, x[:, found], y[:, found]), None):
        return f"{_said(found, 'column')} of the {evidence.found.where} {how}"
    every = [evidence, evidence.swapped]
    if any(next(_ways(e, *(a[:, found] for a in e.pair)), None) for e in every):
        return None
    return f"only {_said(found, 'column')} of the {evidence.found.where} differs"


def _ways(evidence: Evidence, x: Array, y: Array) -> Iterator[str]:
    """Yield how columns y follow from columns x."""
    name = evidence.names[1]
    if len(np.unique(y)) == 1:
        yield f"is {as_number(float(y.flat[0]))} in every row in {name}"
    r = evidence.ratio(x, y)
    if r is not None and (abs(r) > 1 or r == -1):
        yield f"is {as_number(r)} times as large in {name}"
    shift = y - x
    if np.ptp(shift) <= 1e-12 * np.abs(y).max() and shift.flat[0] > 0:
        yield f"is larger by {as_number(float(shift.flat[0]))} in {name}"
    if x.min() > -1 and evidence.matches(np.log1p(x), y):
        yield f"is log(1 + x) in {name}"
    if np.array_equal(np.sort(x, axis=0), np.sort(y, axis=0)):
        yield "holds the same numbers in another order of the rows"
    if x.shape[1] == 2 and np.array_equal(x[:, ::-1], y):
        yield "change places"


def _differing(x: Array, y: Array) -> list[int]:
    other = (x != y).reshape(len(x), -1).any(axis=1)
    return [int(i) for i in np.flatnonzero(other)]


def _said(numbers: list[int], noun: str) -> str:
    """Return "row 3", or "rows 3, 5", for positions 2, or 2 and 4."""
    words = ", ".join(str(i + 1) for i in numbers)
    return f"{noun} {words}" if len(numbers) == 1 else f"{noun}s {words}"
