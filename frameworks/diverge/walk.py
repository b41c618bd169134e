"""The walk through the levels, to the first that differs."""

import re
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from frameworks.agreement.limits import FLOAT64
from frameworks.agreement.noise_floor import TRAININGS, and_one_breaking_ties, for_doubts
from frameworks.agreement.verdict import NOT_FINITE, NOT_REPEATED, judge
from frameworks.console import Advance, counted
from frameworks.diverge.differences import Difference, not_identical
from frameworks.diverge.equivalent import settled, written_differently
from frameworks.diverge.evidence import Epochs, Evidence
from frameworks.diverge.findings import LEVELS, Finding, Level, Walk
from frameworks.diverge.first_batch import (
    FACTOR,
    FIRST_BATCH,
    Compared,
    First,
    Item,
    cancelled,
    compare,
    inputs,
    names_of,
)
from frameworks.diverge.floor import Floor, floor_of
from frameworks.diverge.left_out import not_compared
from frameworks.diverge.result import Result, compare_results
from frameworks.diverge.side import Side, shorten
from frameworks.diverge.single_step import single_steps
from frameworks.diverge.trajectory import epochs_apart, find_step, first_steps, stops_apart
from frameworks.held_out import HeldOut

__all__ = ["LEVELS", "Finding", "Level", "Walk", "walk"]

_TELLING = 4  # steps that distinguish optimizers; the first alone does not


def _silent(what: str, done: float, total: float | None) -> None:
    pass


def walk(
    a: Side,
    b: Side,
    steps: int | None = None,
    single: bool = False,
    report: Advance = _silent,
    floor: int = TRAININGS,
    until: str = LEVELS[-1],
) -> Walk:
    """Compare level by level, to the first that differs; with `single`, continue past it.

    `until` is the last level to compare.

    Whole trainings are judged by the noise floor of `floor` nudged trainings: in float32 always, in
    float64 if they exceed the fixed limits. With `floor=0`, whole trainings in float32 are measured
    but not judged, and the fixed limits of float64 are final.
    """
    done, first = Walk(a, b, steps), (First(a), First(b))
    report("inputs", 0, 1)
    found = [(item, not_identical(item.where, item.a, item.b)) for item in inputs(*first)]
    if done.keep(Evidence("inputs", found, *first)):
        return done
    done.notes += not_compared(*first)
    exact: Any = None
    if a.dtype == "float32":
        exact = tuple(First(x.side.in_float64(x.opened.initial_weights)) for x in first)
    for name in FIRST_BATCH:
        report(name, 0, 1)
        found = list(compare(name, *first, exact))
        if name == "forward" and (ending := written_differently(found, *first)) is not None:
            done.ending, found = ending, settled(found)
            done.notes.append(ending.note)
        parted = any(each.parted for _, each in found)
        history = first_steps(a, b, _TELLING) if name == "step" and parted else []
        if name == "step":
            done.notes += [
                f"{names_of(first[0])[i]}: its gradient is rounding alone, and what the first step "
                "makes of it is not compared"
                for i in cancelled(*first)
            ]
        parts = done.keep(Evidence(name, found, *first, history)) and not single
        if parts or name == until:
            return done
    if single:
        if any(x.opened.held_out is not None and x.opened.held_out.stopping for x in first):
            done.notes.append("single steps are taken in all epochs: early stopping ends none")
        done.single = single_steps(a, b, steps, report)
    else:
        _whole_training(done, *first, report, floor)
    return done


@dataclass(frozen=True)
class _Trained:
    """Both trainings: the epochs, up to the first that differs; then the results."""

    epochs: list[Difference]
    found: list[Difference]  # of the results; empty if an epoch differs
    results: tuple[Result, Result] | None
    reached: Epochs  # the last of the epochs
    stops: list[Difference] = field(default_factory=list)  # where they ended; empty as `found`
    held_out: tuple[HeldOut | None, HeldOut | None] = None, None

    @property
    def parted(self) -> bool:
        return any(each.parted for each in (*self.epochs, *self.stops, *self.found))

    def losses(self, side: int) -> list[float]:
        """Return the epoch losses of side 0 or 1."""
        return [float(each.values[side]) for each in self.epochs]


def _train(done: Walk, names: list[str], report: Advance) -> _Trained:
    """Train both, and compare the epochs, then the results."""
    (ours, x), (theirs, y) = done.a.open(), done.b.open()
    x, y = (shorten(opened, done.steps, done.a.batch_size) for opened in (x, y))
    limits = done.limits
    of_epochs = None if limits is None else [limits.loss] * len(x.orders)
    if done.floor is not None:
        of_epochs = done.floor.epochs
    epochs: list[Difference] = []
    accuracies: list[Difference] = []
    for each, right in epochs_apart(x, y, done.a.batch_size, of_epochs):
        report("epochs", len(epochs) + 1, len(x.orders))
        epochs.append(each)
        if right is not None and done.floor is None and done.a.dtype == "float64":
            accuracies.append(right)
        if each.parted:
            break
    losses = float(epochs[-1].values[0]), float(epochs[-1].values[1])
    reached = Epochs(len(epochs), losses)
    if epochs[-1].parted:
        return _Trained(epochs, [], None, reached)
    stops, held_out = stops_apart(x, y, limits is not None), (x.held_out, y.held_out)
    if any(each.parted for each in stops):
        return _Trained(epochs, [], None, reached, stops, held_out)
    results = Result.of(done.a, ours), Result.of(done.b, theirs)
    if (ending := done.ending) is not None:
        ended = (ending.apply(side, each.outputs) for side, each in enumerate(results))
        one, other = (replace(r, outputs=z) for r, z in zip(results, ended, strict=True))
        results = one, other
    found = [*compare_results(*results, names, limits), *accuracies]
    return _Trained(epochs, found, results, reached, stops, held_out)


def _whole_training(done: Walk, a: First, b: First, report: Advance, count: int) -> None:
    """Walk the levels of the whole training: trajectory and result."""
    names = names_of(a)
    if done.a.dtype == "float32":
        done.floor = _judging(done, floor_of(done.a, count, done.steps, report))
    trained = _train(done, names, report)
    if trained.parted and done.a.dtype == "float64":
        per_epoch = -(-len(a.opened.batch.X) // done.a.batch_size)
        done.floor = _beyond_fixed_limits(done, trained, per_epoch, count, report)
        if done.floor is not None:
            trained = _train(done, names, report)
    if trained.parted and done.floor is not None:
        again = floor_of(done.a, for_doubts(count), done.steps, report, done.floor.outcomes)
        done.floor = _judging(done, again)
        trained = _train(done, names, report)
    found = _compared([*trained.epochs, *trained.stops])
    seen = Evidence("trajectory", found, a, b, floor=done.floor, held_out=trained.held_out)
    if trained.results is not None:
        done.keep(seen)
        _note_distance(done, trained, *trained.results)
        _note_stop(done, trained)
        found, results = _compared(_in_order(a, trained.found)), trained.results
        seen = replace(seen, level="result", compared=found, results=results)
    parted = trained.epochs[-1].parted
    if parted or (trained.found and trained.parted and seen.found.where.endswith("at the end")):
        seen = _with_step(done, seen, trained, report)
    done.keep(seen)


def _judging(done: Walk, floor: Floor | None) -> Floor | None:
    """Return a floor if it can judge; else add a note why not."""
    if floor is None or (floor.noise.finite and floor.noise.repeats):
        return floor
    rest = "the fixed limits hold" if floor.fixed else "whole trainings are not judged"
    done.notes.append(f"{NOT_REPEATED if floor.noise.finite else NOT_FINITE}; {rest}")
    return None


def _in_order(a: First, found: list[Difference]) -> list[Difference]:
    """Return results, with the weights, which come first, in the order of their updates."""
    order = [i for network in a.in_order_of_updates for i in network]
    return [*(found[i] for i in order), *found[len(order) :]]


def _with_step(done: Walk, seen: Evidence, trained: _Trained, report: Advance) -> Evidence:
    """Search for the first step that differs; return the evidence with it."""
    last = trained.reached.epoch
    loss = min(abs(trained.losses(side)[-1]) for side in (0, 1))
    step = find_step(done.a, done.b, done.steps, last, loss, report, done.floor)
    if step is None:
        return replace(seen, epochs=trained.reached)
    seen = replace(seen, step=step, history=step.history)
    if seen.level == "result":
        return seen
    found = [*seen.compared[:-1], *_compared([step.difference])]
    return replace(seen, compared=found, epoch=trained.epochs[-1])


def _note_distance(done: Walk, trained: _Trained, ours: Result, theirs: Result) -> None:
    """Record the distance of whole trainings that a floor judges, and the reason if they agree."""
    if done.floor is None:
        return
    one, other = ours.outcome(trained.losses(0)), theirs.outcome(trained.losses(1))
    judgement = judge(one, other, done.a.dtype, done.floor.noise)
    done.distance = judgement.distance
    if judgement.verdict == "agree" and judgement.reason:
        done.notes.append(judgement.reason)


def _note_stop(done: Walk, trained: _Trained) -> None:
    """Say where early stopping has ended the trainings."""
    for side, ended in zip((done.a, done.b), trained.held_out, strict=True):
        if ended is not None and ended.stopping:
            done.notes.append(
                f"early stopping: {side.implementation} trains "
                f"{counted(len(ended.losses), 'epoch')} and keeps the weights of epoch {ended.kept}"
            )


def _beyond_fixed_limits(
    done: Walk, trained: _Trained, per_epoch: int, count: int, report: Advance
) -> Floor | None:
    """Return the noise floor of float64 if it exceeds the fixed limits; else add a note why not.

    A chaotic training amplifies rounding beyond any fixed limit. Most faults show in an early
    epoch, so the nudged trainings first run only that far: often that settles the question.
    """
    floor, steps = None, done.steps

    def explains(floor: Floor) -> bool:
        counted = trained.results is not None and floor.noise.miscounts
        return counted or floor.noise.amplifies

    if not np.isfinite([each.error for each in (*trained.epochs, *trained.found)]).all():
        return None  # no rounding explains what is not finite
    if trained.results is None:
        until = trained.reached.epoch * per_epoch
        floor = floor_of(done.a, count, min(until, steps or until), report)
    if floor is None or explains(floor) or FACTOR * floor.noise.loss > FLOAT64.loss:
        floor = floor_of(done.a, count, steps, report)
    if floor is None:
        why = "was requested" if count < 2 else "can be measured without a build_scratch"
        done.notes.append(f"no noise floor {why}: this may be a fault or amplified rounding")
        return None
    floor = _judging(done, floor)
    if floor is not None and not explains(floor):
        count = and_one_breaking_ties(count)
        floor = _judging(done, floor_of(done.a, count, floor.steps, report, floor.outcomes))
    if floor is not None and not explains(floor):
        done.notes.append(
            f"this is not rounding: {count} trainings of scratch, nudged in the last place, "
            "stay within the limits"
        )
        return None
    if floor is not None and floor.steps != steps:
        floor = floor_of(done.a, count, steps, report)
    return floor


def _compared(found: list[Difference]) -> list[Compared]:
    """Give each difference its item; the position of a weight array is its number."""
    numbers = [re.match(r"weights\.(\d+)", each.where) for each in found]
    return [
        (Item(each.where, None, None, int(number[1]) if number else i), each)
        for i, (each, number) in enumerate(zip(found, numbers, strict=True))
    ]
