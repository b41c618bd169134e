"""The walk through the levels, to the first that parts."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from experiments.harness.diverge.causes import likely_cause
from experiments.harness.diverge.details import describe
from experiments.harness.diverge.differences import Difference, difference, not_identical
from experiments.harness.diverge.evidence import Epochs, Evidence
from experiments.harness.diverge.layers import unmatched
from experiments.harness.diverge.levels import FIRST_BATCH, Item, inputs, names_of
from experiments.harness.diverge.limits import float32_limits, float64_limits
from experiments.harness.diverge.result import Result, compare_results
from experiments.harness.diverge.side import First, Side
from experiments.harness.diverge.single_step import SingleSteps, single_steps
from experiments.harness.diverge.trajectory import (
    Report,
    epochs_apart,
    find_step,
    first_steps,
    shorten,
)

__all__ = ["LEVELS", "Finding", "Level", "Walk", "walk"]

_TELLING = 4  # steps that tell one optimizer from another; the first alone does not
LEVELS = ("inputs", *FIRST_BATCH, "trajectory", "result")


@dataclass(frozen=True)
class Level:
    """One level, as far as it was compared."""

    name: str
    verdict: str  # "same", "parted" or "measured"
    worst: Difference
    compared: int  # how many arrays or numbers


@dataclass(frozen=True)
class Finding:
    """The first difference of a level that parts, and what can be said about it."""

    level: str
    difference: Difference
    details: list[str]
    cause: str | None  # a likely one, where a test of it on the numbers succeeds


@dataclass
class Walk:
    """What a walk came to: the levels that were reached, and what was found."""

    a: Side
    b: Side
    steps: int | None = None  # None: the whole training
    levels: list[Level] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    single: SingleSteps | None = None

    @property
    def judged(self) -> bool:
        """Whether whole trainings are judged, or measured only."""
        return self.a.dtype == "float64"

    def keep(self, name: str, found: list[tuple[Item, Difference]], **evidence: Any) -> bool:
        """Keep a level, and the finding if it parts; return whether it does."""
        differences = [each for _, each in found]
        parted = [(item, each) for item, each in found if each.parted]
        unjudged = any(each.limit is None for each in differences)
        verdict = "parted" if parted else "measured" if unjudged else "same"
        worst = parted[0][1] if parted else max(differences, key=lambda each: each.error)
        self.levels.append(Level(name, verdict, worst, len(found)))
        if not parted:
            return False
        item, first = parted[0]
        positions = frozenset(each.position for each, _ in parted)
        proof = Evidence(found=first, position=item.position, parted=positions, **evidence)
        details = describe(name, found, proof)
        self.findings.append(Finding(name, first, details, likely_cause(name, proof)))
        return True


def walk(a: Side, b: Side, steps: int | None, single: bool, report: Report) -> Walk:
    """Compare level by level, to the first that parts; with `single` past it, to the last."""
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
    exact = None if done.judged else First(a.in_float64(first[0].opened))
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
        _whole(done, *first, report)
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


def _whole(done: Walk, a: First, b: First, report: Report) -> None:
    """Train both, and compare the epochs, then the results."""
    (ours, x), (theirs, y) = done.a.open(), done.b.open()
    x, y = (shorten(opened, done.steps, done.a.batch_size) for opened in (x, y))
    epochs: list[tuple[Item, Difference]] = []
    for each in epochs_apart(x, y, done.a.batch_size, done.judged):
        report("epochs", len(epochs) + 1, len(x.orders))
        epochs.append((Item(each.where, None, None), each))
        if each.parted:
            reached = Epochs(each.epoch or 0, float(each.values[1]), y.adapter.get_weights())
            _epoch_parts(done, a, b, epochs, reached, report)
            return
    done.keep("trajectory", epochs, a=a, b=b)
    results = Result.of(done.a, ours, x), Result.of(done.b, theirs, y)
    found = [
        (Item(each.where, None, None, i), each)
        for i, each in enumerate(compare_results(*results, names_of(a), done.judged))
    ]
    first = next((each for _, each in found if each.parted), None)
    if first is None or not first.where.endswith("at the end"):
        done.keep("result", found, a=a, b=b, results=results)
        return
    last = len(x.orders)
    reached = Epochs(last, float(epochs[-1][1].values[1]), results[1].weights)
    step = find_step(done.a, done.b, done.steps, last, _scale(epochs), report)
    history, gradients = (step.history, step.gradients) if step else ([], None)
    proof = {"history": history, "gradients": gradients, "epochs": reached}
    done.keep("result", found, a=a, b=b, results=results, **proof)


def _epoch_parts(
    done: Walk,
    a: First,
    b: First,
    epochs: list[tuple[Item, Difference]],
    reached: Epochs,
    report: Report,
) -> None:
    """Find the step at which an epoch parts, or keep the epoch if no step does."""
    step = find_step(done.a, done.b, done.steps, reached.epoch, _scale(epochs), report)
    if step is None:
        done.keep("trajectory", epochs, a=a, b=b, epochs=reached)
        return
    found = [*epochs[:-1], (Item(step.difference.where, None, None), step.difference)]
    proof = {"history": step.history, "gradients": step.gradients}
    done.keep("trajectory", found, a=a, b=b, **proof)


def _scale(epochs: list[tuple[Item, Difference]]) -> float:
    """Return the size of a loss, for batches whose own is close to nothing."""
    return abs(float(epochs[-1][1].values[0]))
