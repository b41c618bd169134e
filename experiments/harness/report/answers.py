"""Tables of rows and answers: sample data, the networks' outputs, and confusion matrices."""

from dataclasses import dataclass
from math import sqrt

import numpy as np

from datasets import Classes, Dataset, Quantity
from experiments.harness.report.pictures import has_images, unscaled
from experiments.harness.report.trained import Trained

__all__ = [
    *("Confusion", "Count", "Rows", "answers", "confusions", "first_rows"),
    "without_outputs",
]

Matrix = list[list[int]]

_FEW = 8  # a data set of no more rows is shown whole
_SHOWN = 5


@dataclass(frozen=True)
class Rows:
    """Some rows in their original units, each with its target."""

    columns: list[str]
    rows: list[list[str]]


@dataclass(frozen=True)
class Count:
    """One entry of a confusion matrix, and how strongly to colour it (0..100)."""

    count: int
    strength: int
    right: bool


@dataclass(frozen=True)
class Confusion:
    """Rows: the true classes; columns: the predicted ones."""

    implementations: list[str]
    names: list[str]
    rows: list[list[Count]]


def first_rows(trained: Trained) -> Rows | None:
    """Return the first training rows; None for images, and for points in the plane."""
    data = trained.data
    if data is None or has_images(data) or len(data.feature_names) == len(trained.classes) == 2:
        return None
    return _rows(data, data.X_train[:_SHOWN], data.y_train[:_SHOWN])


def answers(trained: Trained) -> Rows | None:
    """Return all test rows with every network's outputs; None if there are many rows."""
    data, found = trained.data, trained.found("outputs")
    if data is None or len(data.X_test) > _FEW or not found:
        return None
    asked = _rows(data, data.X_test, data.y_test)
    for outputs in found.values():
        for row, output in zip(asked.rows, outputs, strict=True):
            row.append(", ".join(f"{x:.8f}" for x in output))
    return Rows([*asked.columns, *found], asked.rows)


def confusions(trained: Trained) -> list[Confusion]:
    """Return the confusion matrices of the first seed, equal ones once."""
    groups: dict[str, tuple[Matrix, list[str]]] = {}
    for each in trained.first_seed():
        if matrix := each.test.confusion:
            groups.setdefault(str(matrix), (matrix, []))[1].append(each.by)
    return [
        Confusion(by, _names(trained.classes, len(matrix)), _counts(matrix))
        for matrix, by in groups.values()
    ]


def without_outputs(trained: Trained) -> list[str]:
    """Return the implementations whose records, of older versions, lack outputs."""
    found = trained.found("outputs")
    return [each.by for each in trained.first_seed() if each.by not in found]


def _rows(data: Dataset, X: np.ndarray, y: np.ndarray) -> Rows:
    columns, targets = list(data.feature_names), data.targets
    rows = [[_number(value) for value in row] for row in unscaled(data, X)]
    if isinstance(targets, Classes):
        name, last = "class", [targets.names[label] for label in y]
    elif isinstance(targets, Quantity):
        name, last = targets.name, [_number(value) for value in targets.restore(y)]
    else:
        return Rows(columns, rows)
    return Rows([*columns, name], [[*row, end] for row, end in zip(rows, last, strict=True)])


def _names(known: tuple[str, ...], classes: int) -> list[str]:
    return list(known) if len(known) == classes else [str(i) for i in range(classes)]


def _number(value: float) -> str:
    return f"{round(value, 6):,.10g}"


def _counts(matrix: Matrix) -> list[list[Count]]:
    """Colour the diagonal by its fraction of the row, and errors relative to the largest."""
    errors = [n for i, row in enumerate(matrix) for j, n in enumerate(row) if i != j]
    worst = max(errors, default=0) or 1
    return [
        [_count(n, sum(row), worst, i == j) for j, n in enumerate(row)]
        for i, row in enumerate(matrix)
    ]


def _count(count: int, of: int, worst: int, right: bool) -> Count:
    strength = 42 * count / (of or 1) if right else 40 * sqrt(count / worst)
    return Count(count, round(strength), right)
