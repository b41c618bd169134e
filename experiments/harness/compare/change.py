"""The changes between two trainings of the same name, in numbers; `rules` judges them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from math import inf, log10

import numpy as np

from experiments.harness.compare import schema
from experiments.harness.compare.baseline import at_epochs, epochs_of
from experiments.harness.compare.stored_run import StoredRun
from experiments.harness.records.agreement import EndsApart, Finished, ends_apart
from experiments.harness.records.models import Digests, Record, Seconds, TestFigures
from experiments.harness.records.results import certified_digits
from frameworks.agreement.noise_floor import NoiseFloor
from frameworks.agreement.verdict import Judgement, judge
from frameworks.task import Task, find_task

__all__ = ["Change", "certified", "chance"]


@dataclass(frozen=True)
class Change:
    """Two finished trainings, and how far apart they are."""

    before: Finished
    after: Finished
    epochs: Sequence[int]  # whose losses are compared
    judgement: Judgement  # as if they were two implementations in one run
    flips: schema.Flips | None  # None for a task without answers
    unknown: bool  # whether weights or predictions differ by an amount that nothing stored can tell

    @classmethod
    def between(cls, before: StoredRun, after: StoredRun, name: schema.TrainingName) -> "Change":
        """Measure the change; without arrays, weights and predictions are compared by digest."""
        old, new = before.trainings[name], after.trainings[name]
        arrays = before.arrays(old), after.arrays(new)
        if not all(arrays):
            arrays = {}, {}
        elif ("outputs" in arrays[0]) != ("outputs" in arrays[1]):  # older versions kept none
            for each in arrays:
                each.pop("outputs", None)
        epochs = sorted({*epochs_of(old)} & {*epochs_of(new)})  # a baseline has a few
        if (apart := ends_apart(old, new)) is not None:
            both = apart.before + min(apart.epochs)
            epochs = [each for each in epochs if each <= both] or epochs[:1]
        a, b = (
            at_epochs(Finished.of(record, kept), epochs)
            for record, kept in zip((old, new), arrays, strict=True)
        )
        a, b = _without_others(a, b), _without_others(b, a)
        floors = before.floor(name), after.floor(name)
        fixed = any(run.agrees_by_fixed_limits(name) for run in (before, after))
        floor = None if fixed else _floor(*floors, epochs)
        judgement = judge(a.outcome, b.outcome, new.dtype, floor)
        labels = arrays[1].get("labels", arrays[0].get("labels"))
        answers = find_task(new.task).has_answers
        flips = _count_flips(a, b, labels) if answers else None
        unknown = _unknown(a, b)
        return cls(_lean(a), _lean(b), epochs, judgement, flips, unknown)

    @property
    def records(self) -> tuple[Record, Record]:
        """The records before and after."""
        return self.before.record, self.after.record

    @property
    def task(self) -> Task:
        """The task of both."""
        return find_task(self.after.record.task)

    @property
    def identical(self) -> bool:
        """Whether every loss, weight and prediction is identical to the last bit."""
        old, new = self.before.outcome, self.after.outcome
        values = (old.losses, old.test_loss, old.others) == (new.losses, new.test_loss, new.others)
        same = values and (old.accuracies, old.phases) == (new.accuracies, new.phases)
        return same and self.ends is None and _same_arrays(*self.records)

    @property
    def ends(self) -> EndsApart | None:
        """Where both end at different epochs; None if they do nowhere."""
        return ends_apart(*self.records)

    @property
    def errors(self) -> list[float]:
        """The relative changes of every epoch's loss, then of the test loss."""
        errors = [*self.judgement.distance.epochs, self.judgement.distance.test_loss]
        return [0.0] * len(errors) if self.identical else errors  # NaN twice is no change

    def entry(self, verdict: schema.Verdict, reasons: list[str]) -> schema.MeasuredTraining:
        """Return the entry of `lockstep compare --json`."""
        old, new, records = self.before.outcome, self.after.outcome, self.records
        *epochs, _ = self.errors
        error, scores = max(epochs), [certified(record) for record in records]
        metrics = {
            metric.name: _pair(_test(record).metric(metric.name) for record in records)
            for metric in self.task.metrics
        }
        return schema.MeasuredTraining(
            **dict(schema.TrainingName.model_validate(records[1])),
            verdict=verdict,
            reasons=reasons,
            task=self.task.name,
            metrics=metrics,
            final_loss=_pair((old.losses[-1], new.losses[-1])),
            test_loss=_pair((old.test_loss, new.test_loss)),
            accuracy=metrics.get("accuracy"),
            worst_epoch=schema.WorstEpoch(epoch=self.epochs[epochs.index(error)], error=error),
            certified_digits=None if None in scores else _pair(scores),
            digits=_digits_in_common(max(self.errors)),
            flips=self.flips,
            seconds=_ratio(*(record.seconds for record in records)),
        )


def _without_others(training: Finished, other: Finished) -> Finished:
    """Leave out the values of a step that the other training has not: pages gain some."""
    known = {k: v for k, v in training.outcome.others.items() if k in other.outcome.others}
    return replace(training, outcome=replace(training.outcome, others=known))


def _unknown(a: Finished, b: Finished) -> bool:
    return not (_same_arrays(a.record, b.record) or b.outcome.weights)


def _same_arrays(before: Record, after: Record) -> bool:
    """Return whether weights, states, predictions and the outputs of all phases are identical.

    One digest is of all that is kept beside a record, the outputs among it; older ones lack it.
    """
    a, b = _digests(before), _digests(after)
    if a.arrays and b.arrays and a.arrays != b.arrays:
        return False
    return (a.weights, a.predictions) == (b.weights, b.predictions)


def _lean(training: Finished) -> Finished:
    """Return a training without its arrays: of many, they would not fit into memory."""
    return replace(training, outcome=replace(training.outcome, weights={}, outputs=None))


def _floor(
    before: NoiseFloor | None, after: NoiseFloor | None, epochs: Sequence[int]
) -> NoiseFloor | None:
    """Return the floor by which a change is judged, whichever run is the earlier: the smaller."""
    known = [each for each in (before, after) if each is not None]
    floor = known[0].narrowed(known[-1]) if known else None
    if floor is None or len(floor.epochs) <= len(epochs):
        return floor
    return replace(floor, epochs=[floor.epochs[epoch - 1] for epoch in epochs])


def _pair(both: Iterable[float | None]) -> schema.BeforeAfter:
    before, after = both
    return schema.BeforeAfter(before=before, after=after)


def _ratio(before: Seconds | None, after: Seconds | None) -> schema.TimeRatio | None:
    if before is None or after is None:
        return None
    return schema.TimeRatio(
        before=before.fit,
        after=after.fit,
        ratio=after.fit / before.fit if before.fit else inf,
        same_pass=before.together == after.together,
    )


def _digits_in_common(error: float) -> float:
    """Return −log₁₀ of a relative error, limited to between 0 and the digits of float64."""
    return min(53 * log10(2), max(0.0, -log10(error))) if error else 53 * log10(2)  # 15.95


def certified(record: Record) -> float | None:
    """Return the fewest digits of a certified loss that a training gets right, or None."""
    found = certified_digits(record)
    return found[0] if found else None


def chance(lost: int, gained: int) -> float:
    """Return the p-value of the difference if a row is equally likely to be lost and gained.

    p = min(1, 2 P[B ≤ min(lost, gained)]), B ~ Binomial(lost + gained, ½): the exact test of
    McNemar, Psychometrika 12, 1947, two-sided. Rows that stay right or stay wrong do not count.

    >>> chance(5, 5), round(chance(10, 0), 6), chance(0, 0)
    (1.0, 0.001953, 1.0)
    """
    from scipy.stats import binomtest

    return float(binomtest(lost, lost + gained).pvalue) if lost + gained else 1.0


def _count_flips(before: Finished, after: Finished, labels: np.ndarray | None) -> schema.Flips:
    """Compare the predictions of two finished trainings on the same test rows."""
    tests = _test(before.record), _test(after.record)
    if _digests(before.record).predictions == _digests(after.record).predictions:
        return schema.Flips(n=0, lost=0, gained=0, other=0, chance=1.0)
    old, new = before.outcome.answers, after.outcome.answers
    if old is None or new is None:
        return _bounded(*tests, None)
    flipped = old != new
    n = int(flipped.sum())
    if labels is None:  # older versions did not store them
        return _bounded(*tests, n)
    lost, gained = (int((flipped & (right == labels)).sum()) for right in (old, new))
    other, by_chance = n - lost - gained, chance(lost, gained)
    return schema.Flips(n=n, lost=lost, gained=gained, other=other, chance=by_chance)


def _bounded(before: TestFigures, after: TestFigures, n: int | None) -> schema.Flips:
    """Assume the most rows lost and gained that are possible, so that chance is not underrated.

    Known are the numbers of right rows before and after; at most `n` rows were lost or gained.
    """
    right, right_after = (
        sum(row[i] for i, row in enumerate(test.confusion or ())) for test in (before, after)
    )
    net, most = right - right_after, before.n if n is None else n
    gained = min(before.n - right, right_after, (most - net) // 2)
    by_chance = chance(gained + net, gained)
    return schema.Flips(n=n, lost=None, gained=None, other=None, chance=by_chance)


def _test(record: Record) -> TestFigures:
    assert record.test is not None  # it was finished
    return record.test


def _digests(record: Record) -> Digests:
    assert record.digests is not None  # it was finished
    return record.digests
