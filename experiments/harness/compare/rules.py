"""The rule by which a training is better, worse, changed or unchanged; noise is none of these.

A training is, by the first that holds,

- worse, if it failed and did not before, if a loss is no longer finite, if more predictions were
  lost than gained and chance explains that in fewer than 5 % of comparisons, if its test accuracy
  left the band in which it has to be, or if its certified digits fell below 12;
- better, if one of these holds the other way round;
- changed, if a loss, a weight or a prediction is further from what it was than two implementations
  may be from each other and still agree: the limits FLOAT64 of `agreement` in float64, in float32
  the noise floor that either run measured;
- not judged, if there is no such limit, and not every bit is the same;
- unchanged.

A pair of implementations is worse if it agreed and now differs, and better the other way round.
"""

from collections.abc import Iterator
from math import inf, isfinite
from typing import Any

from experiments.harness.compare.change import Change, certified
from experiments.harness.records.results import DIGITS, accepted
from frameworks.agreement.distances import FLOAT64, Limits, too_far

__all__ = ["CHANCE", "Verdict", "judge", "judge_pair", "limits_for", "overall"]

CHANCE = 0.05  # of calling noise a change of accuracy, once in a whole comparison

Verdict = tuple[str, list[str]]  # the verdict on a training, and its reasons

# From the one that decides over several to the one that says least.
ORDER = ("worse", "better", "changed", "not judged", "unchanged")


def judge(change: Change, limits: Limits | None, comparisons: int) -> Verdict:
    """Judge a training that was finished in both runs.

    `comparisons` is the number of trainings with other predictions. Each accuracy is tested at
    CHANCE / comparisons (Bonferroni), so that many of them do not make noise a change.
    """
    if change.identical:
        return "unchanged", []
    found = [*_accuracy(change, CHANCE / max(1, comparisons))]
    found += [*_losses(change), *_band(change), *_certified(change)]
    for verdict in ("worse", "better"):
        if reasons := [reason for kind, reason in found if kind == verdict]:
            return verdict, reasons
    if limits is None:
        return "not judged", ["rounding may explain it: no noise floor was measured"]
    reason = too_far(change.distance, limits) or _other_predictions(change, limits)
    return ("changed", [reason]) if reason else ("unchanged", [])


def judge_pair(before: str | None, after: str | None) -> str:
    """Judge the verdicts on two implementations that were compared in both runs."""
    if None in (before, after):
        return "not judged"
    if before == after:
        return "unchanged"
    return "worse" if after == "differ" else "better"


def limits_for(record: dict[str, Any], floors: list[dict[str, Any] | None]) -> Limits | None:
    """Return how far a training may be from what it was: in float32 the first floor there is."""
    if record["mode"] == "lockstep" and record["dtype"] == "float64":
        return FLOAT64
    names = ("loss", "weight", "test_loss", "predictions")
    for floor in filter(None, floors):  # JSON has null for what is infinite
        known: dict[str, Any] = {n: inf if floor[n] is None else floor[n] for n in names}
        return Limits(**known)
    return None


def overall(verdicts: list[str]) -> str:
    """Return the one of several verdicts that decides.

    >>> overall(["unchanged", "better", "worse"]), overall([])
    ('worse', 'unchanged')
    """
    return next((verdict for verdict in ORDER if verdict in verdicts), "unchanged")


def _accuracy(change: Change, limit: float) -> Iterator[tuple[str, str]]:
    old, new = (record["test"]["accuracy"] for record in (change.before, change.after))
    if old == new or not change.flips.chance < limit:
        return
    kind, verb = ("worse", "fell") if new < old else ("better", "rose")
    flips = change.flips
    rows = "" if flips.lost is None else f"{flips.lost} rows lost and {flips.gained} gained, "
    yield (
        kind,
        f"test accuracy {verb} from {old:.4f} to {new:.4f}: {rows}"
        f"by chance {flips.chance:.1e}, limit {limit:.1e}",
    )


def _losses(change: Change) -> Iterator[tuple[str, str]]:
    old, new = (_all_finite(record) for record in (change.before, change.after))
    if old != new:
        yield ("better", "every loss is finite now") if new else ("worse", "a loss is not finite")


def _all_finite(record: dict[str, Any]) -> bool:
    losses = [*record["history"]["loss"], record["test"]["loss"]]
    return all(loss is not None and isfinite(loss) for loss in losses)


def _band(change: Change) -> Iterator[tuple[str, str]]:
    old, new = accepted(change.before), accepted(change.after)
    if None not in (old, new) and old != new:
        low, high = change.after["acceptance"]
        accuracy = change.after["test"]["accuracy"]
        kind, verb = ("better", "entered") if new else ("worse", "left")
        yield kind, f"test accuracy {accuracy:.4f} {verb} its band, {low} to {high}"


def _certified(change: Change) -> Iterator[tuple[str, str]]:
    old, new = certified(change.before), certified(change.after)
    if old is None or new is None or (old < DIGITS) == (new < DIGITS):
        return
    kind, verb = ("worse", "fell") if new < DIGITS else ("better", "rose")
    yield kind, f"certified digits {verb} from {old:.2f} to {new:.2f}, expected {DIGITS}"


def _other_predictions(change: Change, limits: Limits) -> str:
    """Say that predictions differ where it is not known how many do."""
    unknown = change.flips.n is None and limits.predictions == 0
    return "the predictions are not the same" if unknown else ""
