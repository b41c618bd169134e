"""The walk through the levels, to the first that parts."""

from collections.abc import Iterator

from frameworks.diverge.differences import Difference, difference, not_identical
from frameworks.diverge.findings import LEVELS, Finding, Level, Walk
from frameworks.diverge.floor import TRAININGS
from frameworks.diverge.layers import unmatched
from frameworks.diverge.levels import FIRST_BATCH, Item, inputs
from frameworks.diverge.limits import float32_limits, float64_limits
from frameworks.diverge.side import First, Report, Side
from frameworks.diverge.single_step import single_steps
from frameworks.diverge.trajectory import first_steps
from frameworks.diverge.whole import whole_training

__all__ = ["LEVELS", "Finding", "Level", "Walk", "walk"]

_TELLING = 4  # steps that tell one optimizer from another; the first alone does not


def walk(
    a: Side,
    b: Side,
    steps: int | None,
    single: bool,
    report: Report,
    floor: int = TRAININGS,
) -> Walk:
    """Compare level by level, to the first that parts; with `single` past it, to the last.

    In float32 whole trainings are judged by `floor` nudged ones; with 0 they are measured.
    """
    done, first = Walk(a, b, steps), (First(a), First(b))
    if len(first[0].opened.initial_weights) != len(first[1].opened.initial_weights):
        ours, theirs = (x.opened.initial_weights for x in first)
        counts = difference("the number of weight arrays", len(ours), len(theirs), 0.0)
        done.levels.append(Level("inputs", "parted", counts, 1))
        done.findings.append(Finding("inputs", counts, [], None))
        return done
    report("inputs", 0, 1)
    found = [(item, not_identical(item.where, item.a, item.b)) for item in inputs(*first)]
    if done.keep("inputs", found, a=first[0], b=first[1]):
        return done
    _note_layers(done, *first)
    exact = None if a.dtype == "float64" else First(a.in_float64(first[0].opened))
    for name in FIRST_BATCH:
        report(name, 0, 1)
        found = list(_first_batch(name, *first, exact))
        parted = any(each.parted for _, each in found)
        history = first_steps(a, b, _TELLING) if name == "step" and parted else []
        if done.keep(name, found, a=first[0], b=first[1], history=history) and not single:
            return done
    if single:
        done.single = single_steps(a, b, steps, report)
    else:
        whole_training(done, *first, report, floor)
    return done


def _first_batch(
    name: str, a: First, b: First, exact: First | None
) -> Iterator[tuple[Item, Difference]]:
    level = FIRST_BATCH[name]
    items = float64_limits(level(a, b)) if exact is None else float32_limits(level, a, b, exact)
    for item, limit in items:
        found = difference(item.where, item.a, item.b, limit)
        if name == "gradient" and found.parted:  # perhaps the terms of a sum over the rows cancel
            terms = a.gradient_terms[item.position]
            found = difference(item.where, item.a, item.b, limit, scale=terms)
        yield item, found


def _note_layers(done: Walk, a: First, b: First) -> None:
    """Say which layers have no counterpart, and are seen through the ones behind them only."""
    for side, kinds in zip((done.a, done.b), unmatched(a.layers, b.layers), strict=True):
        if kinds:
            done.notes.append(f"layers of {side.implementation} alone: {', '.join(kinds)}")
