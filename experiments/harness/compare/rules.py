"""The rule by which a training is worse, better, changed or unchanged; noise is no change.

The first that holds decides. A training is

- worse, if it failed, or is not there though it should be, and was finished before, if a loss is
  no longer finite, if more predictions were lost than gained and chance explains that in fewer than
  5 % of comparisons, if its headline figure (the test accuracy of a classification) left its
  acceptance band, or if its certified digits fell below 12;
- better, if the reverse of one of these holds;
- changed, if a phase ended at another epoch, or if a loss, weight, output or prediction differs
  from the earlier one by more than two implementations may differ and still agree
  (`frameworks.agreement.verdict`), by the noise floor that either run measured where no fixed limit
  holds;
- not judged, if the trainings are not identical to the last bit and there is no such limit, or no
  weights were kept to hold against it;
- unchanged otherwise.

A task without answers, such as a regression, has no predictions to be lost or gained: a figure that
is worse but within its band is only a change.

A pair of implementations is worse if it agreed and now differs, and better in the reverse case.
"""

from collections.abc import Iterator
from itertools import chain
from math import isfinite
from typing import get_args

from experiments.harness.compare.change import Change, certified
from experiments.harness.compare.schema import Verdict
from experiments.harness.records.agreement import Finished
from experiments.harness.records.models import Record
from experiments.harness.records.results import DIGITS, accepted
from frameworks.console import counted, spread, two_decimals

__all__ = ["judge", "judge_failure", "judge_pair", "overall"]

_CHANCE = 0.05  # of mistaking noise for a change of accuracy, per comparison of two runs

_NO_FLOOR = "rounding may explain the difference: no noise floor was measured"
_OTHER_ANSWERS = "the predictions are not the same"
_KEPT = "the losses agree, but weights or predictions differ, by how much was not kept"

Judged = tuple[Verdict, list[str]]  # the verdict on a training, and its reasons
Finding = tuple[bool, str]  # whether it is better, and the sentence


def judge(change: Change, comparisons: int) -> Judged:
    """Judge a training that was finished in both runs.

    `comparisons` is the number of trainings whose predictions changed. Each accuracy is tested at
    5 % / comparisons (Bonferroni), so that many trainings do not turn noise into a change.
    """
    found = [*_accuracy(change, _CHANCE / max(1, comparisons))]
    found += [*_losses(change), *_band(change), *_certified(change)]
    if worse := [what for is_better, what in found if not is_better]:
        return "worse", worse
    if found:
        return "better", [what for _, what in found]
    if change.identical:
        return "unchanged", []
    if change.ends is not None:
        (old, new), phase = change.ends.epochs, change.ends.phase
        return "changed", [f"phase {phase!r} ended after {counted(new, 'epoch')}, {old:,} before"]
    judgement = change.judgement
    reasons = [judgement.reason] if judgement.reason else []
    if judgement.limits is None or change.after.record.mode == "native":
        return "not judged", reasons or [_NO_FLOOR]
    if judgement.verdict == "differ":
        return "changed", reasons
    if change.unknown:
        return ("changed", [_OTHER_ANSWERS]) if _other_answers(change) else ("not judged", [_KEPT])
    return "unchanged", reasons


def judge_failure(before: Record, after: Record) -> Judged:
    """Judge a training that failed in one of the runs, or in both."""
    if after.ok:
        return "better", [f"failed before: {before.error}"]
    return "worse" if before.ok else "unchanged", [f"failed: {after.error}"]


def judge_pair(before: str | None, after: str | None) -> Verdict:
    """Judge the change of the verdict on two implementations."""
    if None in (before, after):
        return "not judged"
    if before == after:
        return "unchanged"
    return "worse" if after == "differ" else "better"


def overall(verdicts: list[Verdict]) -> Verdict:
    """Return the verdict that decides over several.

    >>> overall(["unchanged", "better", "worse"]), overall([])
    ('worse', 'unchanged')
    """
    return min(verdicts, key=get_args(Verdict).index, default="unchanged")


def _accuracy(change: Change, limit: float) -> Iterator[Finding]:
    """Judge the rows that were lost and gained; a task without answers has none."""
    (old, new), flips = (record.headline for record in change.records), change.flips
    if flips is None or old is None or new is None or old == new or not flips.chance < limit:
        return
    verb = "rose" if new > old else "fell"
    rows = "" if flips.lost is None else f"{flips.lost} rows lost and {flips.gained} gained, "
    by_chance = f"{rows}p = {flips.chance:.1e}, limit {limit:.1e}"
    yield new > old, f"test accuracy {verb} from {old:.4f} to {new:.4f}: {by_chance}"


def _losses(change: Change) -> Iterator[Finding]:
    old, new = map(_all_finite, (change.before, change.after))
    if old != new:
        yield new, "all losses are now finite" if new else "a loss is not finite"


def _all_finite(training: Finished) -> bool:
    found = training.outcome
    losses = [
        *found.losses,
        found.test_loss,
        *found.phases.values(),
        *chain(*found.others.values()),
    ]
    return all(loss is not None and isfinite(loss) for loss in losses)


def _band(change: Change) -> Iterator[Finding]:
    """Judge the task's headline figure by its acceptance band: both figures by the later one."""
    before, after = change.records
    band = after.acceptance
    old, new = accepted(before.model_copy(update={"acceptance": band})), accepted(after)
    if band is not None and None not in (old, new) and old != new:
        metric = change.task.headline
        figure = f"{metric.title} {spread([after.headline], metric.form)}"
        yield bool(new), f"{figure} {'entered' if new else 'left'} its band, {band[0]} to {band[1]}"


def _certified(change: Change) -> Iterator[Finding]:
    old, new = map(certified, change.records)
    if old is not None and new is not None and (old < DIGITS) != (new < DIGITS):
        digits = f"certified digits {'rose' if new > old else 'fell'} from {two_decimals(old)}"
        yield new > old, f"{digits} to {two_decimals(new)}, expected {DIGITS}"


def _other_answers(change: Change) -> bool:
    """Return whether predictions differ, by digest, where none may."""
    limits = change.judgement.limits
    none_may = limits is not None and limits.predictions == 0
    return none_may and change.flips is not None and change.flips.n is None
