"""The tables of a run: a row for each epoch, and one for each training."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest
from typing import Any, NamedTuple

from experiments.harness.records.models import Record
from frameworks.spec_values import value_text
from frameworks.task import find_task

__all__ = ["EpochRow", "epochs_table", "set_names", "set_values", "to_csv", "trainings_table"]


class EpochRow(NamedTuple):
    """One epoch of one training: a row of results.csv, and of a history as a data frame."""

    experiment: str
    implementation: str
    mode: str
    dtype: str
    seed: int
    data: str
    source: str
    epoch: int  # from 1 on
    loss: float | None  # None: not finite
    accuracy: float | None  # None: the task has no answers


class Table(NamedTuple):
    """Rows of a CSV file, and the names of their columns."""

    columns: list[str]
    rows: Iterator[Sequence[Any]]


def epoch_rows(cells: Sequence[Record]) -> Iterator[EpochRow]:
    """Yield one row for each cell and epoch."""
    for cell in cells:
        if cell.history is None:
            continue
        training = (cell.experiment, cell.implementation, cell.mode, cell.dtype, cell.seed)
        pairs = zip_longest(cell.history.loss, cell.history.accuracy or ())
        for epoch, (loss, accuracy) in enumerate(pairs, 1):
            yield EpochRow(*training, cell.data.name, cell.data.source, epoch, loss, accuracy)


def set_names(cells: Iterable[Record]) -> list[str]:
    """Return the names of all numbers that some training has instead of its page's own."""
    return list(dict.fromkeys(name for cell in cells for name in cell.setting))


def set_values(cell: Record, names: Iterable[str]) -> list[str]:
    """Return the values that a training has for them, as they were written; "" for the page's."""
    return [value_text(cell.setting[name]) if name in cell.setting else "" for name in names]


def epochs_table(cells: Sequence[Record]) -> Table:
    """Return one row for each cell and epoch, with a column `set_NAME` for each changed number."""
    names = set_names(cells)
    columns = [*EpochRow._fields, *(f"set_{name}" for name in names)]
    rows = ((*row, *set_values(cell, names)) for cell in cells for row in epoch_rows([cell]))
    return Table(columns, rows)


_OF_A_TRAINING = ("experiment", "implementation", "mode", "dtype", "seed", "epochs", "status")


def trainings_table(cells: Sequence[Record]) -> Table:
    """Return one row for each cell: which it is, what it came to, and how long it took."""
    names = set_names(cells)
    known = (metric.name for cell in cells for metric in find_task(cell.task).metrics)
    figures = ["loss", *dict.fromkeys(known)]
    columns = [*_OF_A_TRAINING, *(f"set_{name}" for name in names), "training_loss"]
    columns += [*(f"test_{name}" for name in figures), "seconds", "data", "source", "error"]
    return Table(columns, (_training_row(cell, names, figures) for cell in cells))


def _training_row(cell: Record, names: list[str], figures: list[str]) -> list[Any]:
    history, test, seconds = cell.history, cell.test, cell.seconds
    return [
        *(getattr(cell, name) for name in _OF_A_TRAINING),
        *set_values(cell, names),
        history.loss[-1] if history else None,
        *(test.metric(name) if test else None for name in figures),
        seconds.fit if seconds else None,
        *(cell.data.name, cell.data.source, cell.error),
    ]


def to_csv(table: Table) -> bytes:
    """Return a table as CSV in UTF-8."""
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\n")
    rows.writerow(table.columns)
    rows.writerows(table.rows)
    return out.getvalue().encode()
