"""Native runs: how the results of frameworks compare that were left to their own defaults."""

from collections.abc import Iterable, Iterator
from itertools import combinations, groupby

from experiments.harness.records.models import NativeEntry, NativePair, Record
from frameworks.agreement.equivalence import compare_means
from frameworks.errors import RequestError
from frameworks.task import Task, find_task

__all__ = ["check_margin", "compare_native", "different"]


def check_margin(margin: float | None, tasks: Iterable[Task]) -> None:
    """Raise RequestError for a margin that the headline of a task cannot have; None is its own."""
    for task in tasks:
        if margin is None or 0 < margin < task.margin_below:
            continue
        limit = "" if task.margin_below == float("inf") else f" and below {task.margin_below:g}"
        such = f", such as {task.margin}" if task.margin else ""
        raise RequestError(
            f"--margin must be above 0{limit}{such}, for the {task.headline.title} of a "
            f"{task.name}; got {margin}"
        )


def compare_native(cells: list[Record], margin: float | None = None) -> list[NativeEntry]:
    """Compare the implementations on each experiment.

    `cells` are records of native trainings, ordered by experiment and dtype. Figures within
    `margin` are equivalent; None is the task's own. A task whose headline has a unit has none:
    without a margin its means are shown, and not tested. RequestError for one that cannot be.
    """
    groups = groupby(cells, lambda cell: (cell.experiment, cell.dtype))
    return [_compare(list(group), margin) for _, group in groups]


def different(entry: NativeEntry) -> Iterator[str]:
    """Yield a line for each pair whose figures are shown to be beyond the margin."""
    for pair in entry.pairs:
        if pair.verdict == "different":
            names = " and ".join(pair.pair)
            apart = "nan" if pair.difference is None else f"{abs(pair.difference):.4f}"
            yield (
                f"{entry.experiment}, {names}, native: the mean {entry.metric} differs by {apart}, "
                f"margin {entry.margin:g}"
            )


def _compare(cells: list[Record], margin: float | None) -> NativeEntry:
    first, task = cells[0], find_task(cells[0].task)
    check_margin(margin, [task])
    margin, metric = task.margin if margin is None else margin, task.headline.name
    runs: dict[str, list[Record]] = {}
    for cell in cells:
        if cell.ok:
            runs.setdefault(cell.implementation, []).append(cell)
    figures = {name: [_figure(cell, metric) for cell in mine] for name, mine in runs.items()}
    return NativeEntry(
        experiment=first.experiment,
        dtype=first.dtype,
        data=first.data,
        epochs=first.epochs,
        margin=margin,
        seeds={name: [cell.seed for cell in mine] for name, mine in runs.items()},
        metric=metric,
        accuracies=figures,
        losses={name: [_last_loss(cell) for cell in mine] for name, mine in runs.items()},
        pairs=[] if margin is None else list(_pairs(figures, margin)),
    )


def _figure(cell: Record, metric: str) -> float | None:
    assert cell.test is not None
    return cell.test.metric(metric)


def _last_loss(cell: Record) -> float | None:
    assert cell.history is not None
    return cell.history.loss[-1]


def _pairs(figures: dict[str, list[float | None]], margin: float) -> Iterator[NativePair]:
    """Test every two implementations that have two seeds or more."""
    for a, b in combinations(figures, 2):
        x, y = ([value for value in figures[name] if value is not None] for name in (a, b))
        if min(len(x), len(y)) >= 2:
            found = compare_means(x, y, margin)
            yield NativePair(pair=(a, b), **vars(found))
