"""Rows of a table of data, as they were before they were scaled."""

from dataclasses import dataclass

import numpy as np

from datasets import Dataset
from experiments.harness.report.trained import Trained

__all__ = ["Answers", "Rows", "answers", "first_rows"]

_FEW = 8  # rows of a data set that is shown whole
_SHOWN = 5


@dataclass(frozen=True)
class Rows:
    """Some rows with their classes."""

    columns: list[str]
    rows: list[list[str]]
    classes: list[str]


@dataclass(frozen=True)
class Answers:
    """All test rows, and the output of each implementation."""

    questions: Rows
    implementations: list[str]
    outputs: list[list[str]]  # by row, then by implementation


def answers(trained: Trained) -> Answers | None:
    """Return the outputs on a handful of test rows; None for more rows, or without outputs."""
    data = trained.data
    if data is None or len(data.X_test) > _FEW:
        return None
    found = {
        cell["implementation"]: outputs
        for cell in trained.first_seed()
        if (outputs := trained.array(cell, "outputs")) is not None and outputs.shape[1] == 1
    }
    if not found:
        return None
    rows = range(len(data.X_test))
    shown = [[f"{outputs[row, 0]:.8f}" for outputs in found.values()] for row in rows]
    return Answers(_rows(data, data.X_test, data.y_test), list(found), shown)


def first_rows(data: Dataset) -> Rows:
    """Return the first training rows, in their original units."""
    X = data.X_train[:_SHOWN]
    if data.scaler is not None:
        X = data.scaler.inverse_transform(X)
    return _rows(data, X, data.y_train)


def _rows(data: Dataset, X: np.ndarray, y: np.ndarray) -> Rows:
    rows = [[f"{round(value, 6):,.10g}" for value in row] for row in X]
    classes = [data.class_names[label] for label in y[: len(X)]]
    return Rows(list(data.feature_names), rows, classes)
