"""Native runs: how the results of frameworks compare that were left to their own defaults."""

from collections.abc import Iterable, Iterator
from itertools import combinations, groupby
from numbers import Real

from experiments.harness.records.agreement import different_conditions
from experiments.harness.records.models import NativeEntry, NativePair, Record
from frameworks.agreement.equivalence import compare_means
from frameworks.errors import RequestError
from frameworks.task import Task, find_task

__all__ = ["check_margin", "compare_native", "different"]


def check_margin(margin: float | None, tasks: Iterable[Task]) -> None:
    """Raise RequestError for a margin that the headline of a task cannot have; None is its own."""
    for task in tasks:
        if margin is None or (isinstance(margin, Real) and 0 < margin < task.margin_below):
            continue
        limit = "" if task.margin_below == float("inf") else f" and below {task.margin_below:g}"
        such = f", such as {task.margin}" if task.margin else ""
        raise RequestError(
            f"--margin must be above 0{limit}{such}, for the {task.headline.title} of a "
            f"{task.name}; got {margin!r}"
        )


def compare_native(cells: list[Record], margin: float | None = None) -> list[NativeEntry]:
    """Compare the implementations on each experiment.

    `cells` are records of native trainings, ordered by experiment, dtype and setting.
    Figures within `margin` are equivalent; None is the task's own. A task whose headline has a unit
    has none: without a margin its means are shown, and not tested. RequestError for one that cannot
    be.
    """
    groups = groupby(cells, lambda cell: (cell.experiment, cell.dtype, cell.label))
    return [_compare(list(group), margin) for _, group in groups]


def different(entry: NativeEntry) -> Iterator[str]:
    """Yield a line for each pair of other inputs, or of figures shown to be beyond the margin.

    And one for each implementation with trainings whose loss or figure is not finite at the end, or
    with seeds that are one training.
    """
    what = ", ".join(filter(None, [entry.experiment, entry.label]))
    for name, bad in _diverged(entry.accuracies, entry.losses).items():
        if bad:
            yield (
                f"{what}, {name}, native: {bad} of {len(entry.losses[name])} trainings "
                "ended in a loss that is not finite"
            )
    for why in entry.copies.values():
        yield f"{what}, native: {why}"
    for pair in entry.pairs:
        names = " and ".join(pair.pair)
        if pair.inputs in entry.copies.values():
            continue
        if pair.inputs:
            yield f"{what}, {names}, native: {pair.inputs}"
        elif pair.verdict == "different":
            apart = "nan" if pair.difference is None else f"{abs(pair.difference):.4f}"
            yield (
                f"{what}, {names}, native: the mean {entry.metric} differs by {apart}, "
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
    by_seed = {
        name: {cell.seed: x for cell, x in zip(mine, figures[name], strict=True) if x is not None}
        for name, mine in runs.items()
    }
    losses = {name: [_last_loss(cell) for cell in mine] for name, mine in runs.items()}
    copies = {name: why for name, mine in runs.items() if (why := _one_training(mine))}
    pairs = [] if margin is None else _pairs(by_seed, _diverged(figures, losses), margin)
    return NativeEntry(
        experiment=first.experiment,
        dtype=first.dtype,
        setting=first.setting,
        data=first.data,
        epochs=first.epochs,
        margin=margin,
        seeds={name: [cell.seed for cell in mine] for name, mine in runs.items()},
        metric=metric,
        accuracies=figures,
        losses=losses,
        copies=copies,
        pairs=[_told(runs, copies, each) for each in pairs],
    )


def _told(runs: dict[str, list[Record]], copies: dict[str, str], pair: NativePair) -> NativePair:
    """Return a pair; nothing is shown by trainings that differ in their data, for example.

    Nor by those that are one training, counted several times, as where a builder sets the seed.
    """
    first, *others = [cell for name in pair.pair for cell in runs[name]]
    found = [different_conditions(first, each) for each in others]
    found += [_other_optimizer(*(runs[name][0] for name in pair.pair))]
    inputs = next(filter(None, [*found, *(copies.get(name, "") for name in pair.pair)]), "")
    return pair.model_copy(update={"verdict": "not shown", "inputs": inputs} if inputs else {})


def _other_optimizer(a: Record, b: Record) -> str:
    """Say that one of two alone has an optimizer of the page's own; "" if both have, or none."""
    if a.own_optimizer == b.own_optimizer:
        return ""
    own, stock = (a, b) if a.own_optimizer else (b, a)
    return (
        f"{own.implementation} trains with an optimizer class of the page's own, as the page sets "
        f"it, and {stock.implementation} with a stock one, at its defaults"
    )


def _one_training(cells: list[Record]) -> str:
    """Say which seeds of an implementation came to the same weights; "" if none did.

    Weights of NaN are no training's own: that a loss is not finite is said elsewhere.
    """
    met: dict[str, int] = {}
    for cell in cells:
        if _last_loss(cell) is None:
            continue
        assert cell.digests is not None
        before = met.setdefault(cell.digests.weights, cell.seed)
        if before != cell.seed:
            return (
                f"seeds {before} and {cell.seed} of {cell.implementation} came to the same "
                "weights, as where a builder sets the seed"
            )
    return ""


def _figure(cell: Record, metric: str) -> float | None:
    assert cell.test is not None
    return cell.test.metric(metric)


def _last_loss(cell: Record) -> float | None:
    """Return the last epoch's loss; None if that of the test rows is not finite, either."""
    assert cell.history is not None
    assert cell.test is not None
    return None if cell.test.loss is None else cell.history.loss[-1]


Finite = dict[str, list[float | None]]  # by implementation, a number for each seed


def _diverged(figures: Finite, losses: Finite) -> dict[str, int]:
    """Count each implementation's trainings that did not end in numbers."""
    return {
        name: sum(None in pair for pair in zip(figures[name], losses[name], strict=True))
        for name in figures
    }


def _pairs(
    figures: dict[str, dict[int, float]], diverged: dict[str, int], margin: float
) -> Iterator[NativePair]:
    """Test every two implementations that have two seeds or more, of which some may be common.

    What is answered with weights of NaN is one class for all rows: its figures say nothing, and
    nothing is shown.
    """
    for a, b in combinations(figures, 2):
        x, y = figures[a], figures[b]
        if min(len(x), len(y)) >= 2:
            paired = [x[seed] - y[seed] for seed in x if seed in y]
            found = vars(compare_means([*x.values()], [*y.values()], margin, paired))
            if diverged[a] or diverged[b]:
                found = found | {"verdict": "not shown"}
            yield NativePair(pair=(a, b), **found)
