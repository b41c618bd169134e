"""Confusion matrices as tables, one for all implementations that have the same."""

from dataclasses import dataclass
from math import sqrt

from experiments.harness.report.trained import Trained

__all__ = ["Confusion", "Entry", "confusions"]


@dataclass(frozen=True)
class Entry:
    """How many rows of a class were taken for a class, and how strongly to colour that (0..100)."""

    count: int
    strength: int
    right: bool


@dataclass(frozen=True)
class Confusion:
    """Rows: the true classes; columns: the predicted ones."""

    implementations: list[str]
    names: list[str]
    rows: list[list[Entry]]


def confusions(trained: Trained) -> list[Confusion]:
    """Return the matrices of the first seed."""
    groups: dict[str, list[str]] = {}
    matrices = {}
    for cell in trained.first_seed():
        matrix = cell["test"]["confusion"]
        matrices[str(matrix)] = matrix
        groups.setdefault(str(matrix), []).append(cell["implementation"])
    return [
        Confusion(names, _names(trained, len(matrices[key])), _entries(matrices[key]))
        for key, names in groups.items()
    ]


def _names(trained: Trained, classes: int) -> list[str]:
    names = trained.data.class_names if trained.data else map(str, range(classes))
    return list(names)


def _entries(matrix: list[list[int]]) -> list[list[Entry]]:
    """Colour the diagonal by its share of the row, and errors beside the largest error."""
    errors = [n for i, row in enumerate(matrix) for j, n in enumerate(row) if i != j]
    worst = max(errors, default=0) or 1
    return [
        [_entry(n, sum(row), worst, i == j) for j, n in enumerate(row)]
        for i, row in enumerate(matrix)
    ]


def _entry(count: int, of: int, worst: int, right: bool) -> Entry:
    strength = 42 * count / (of or 1) if right else 40 * sqrt(count / worst)
    return Entry(count, round(strength), right)
