"""Whether two trainings agree, by the fixed limits of float64 or the measured noise floor."""

from dataclasses import dataclass
from typing import Literal

from frameworks.agreement.distances import Distance, Outcome, measure, miscounted, too_far, within
from frameworks.agreement.limits import FLOAT64, Limits
from frameworks.agreement.noise_floor import NoiseFloor

__all__ = ["NOT_FINITE", "NOT_REPEATED", "Judgement", "judge"]

NOT_FINITE = (
    "the noise floor is not finite: nudged trainings of scratch overflow, or stop early in "
    "different epochs"
)
NOT_REPEATED = (
    "scratch, trained twice in the same way, came to different numbers, which is not rounding: "
    "something on the page draws without a seed, or reads the time"
)


@dataclass(frozen=True)
class Judgement:
    """The distance of two trainings, and the verdict on it."""

    distance: Distance
    verdict: Literal["agree", "differ"] | None  # None: measured, not judged
    limits: Limits | None  # that it was judged by
    floor: NoiseFloor | None  # if the limits were measured
    reason: str  # where it first exceeds the limits, or why they were widened


def judge(a: Outcome, b: Outcome, dtype: str, floor: NoiseFloor | None) -> Judgement:
    """Compare two trainings that had the same inputs.

    In float64 the limits are fixed. If they are exceeded, the training itself may be chaotic: if
    its noise floor was measured, the larger of the two is the limit, and the reason says so. In
    float32 how much training amplifies rounding depends on the experiment: the noise floor is the
    only limit, and without one that is finite the distance is measured, not judged. Nothing excuses
    trainings that do not repeat themselves.
    """
    distance = measure(a, b)
    if dtype == "float64":
        reason = too_far(distance, FLOAT64) or miscounted(distance)
        if not reason or floor is None:
            return _judged(distance, FLOAT64, None, reason)
        return _beyond_rounding(distance, floor)
    if floor is None:
        return Judgement(distance, None, None, None, "")
    if not floor.finite:
        return Judgement(distance, None, None, floor, NOT_FINITE)
    if not floor.repeats:
        return Judgement(distance, "differ", None, floor, NOT_REPEATED)
    reason = too_far(distance, floor.limits) or _too_early(distance, dtype, floor)
    if reason or not floor.ties:
        return _judged(distance, floor.limits, floor, reason)
    return Judgement(distance, "agree", floor.limits, floor, _amplified(distance, floor))


def _beyond_rounding(distance: Distance, floor: NoiseFloor) -> Judgement:
    """Judge a distance that exceeds the fixed limits by the noise floor of float64."""
    wider = floor.at_least(FLOAT64)
    if not too_far(distance, FLOAT64) and floor.miscounts:
        if reason := miscounted(distance, floor.accuracy):
            return _judged(distance, FLOAT64, floor, reason)
        return Judgement(distance, "agree", FLOAT64, floor, _on_a_boundary(distance, floor))
    if wider == FLOAT64 or not too_far(distance, FLOAT64):
        reason = too_far(distance, FLOAT64) or miscounted(distance)
        reason += "" if floor.repeats else f"; {NOT_REPEATED}"
        return _judged(distance, FLOAT64, floor, reason)
    reason = too_far(distance, wider) or _too_early(distance, "float64", floor)
    if reason:
        return _judged(distance, wider, floor, f"{reason} (the noise floor)")
    return Judgement(distance, "agree", wider, floor, _amplified(distance, floor))


def _amplified(distance: Distance, floor: NoiseFloor) -> str:
    """Say what rounding does, and how far it drives trainings apart."""
    why = "the training amplifies rounding"
    if floor.ties:
        why = "rounding parts units that begin equal"
    return (
        f"{why}: its losses differ by up to {distance.loss:.1e}, and "
        f"those of scratch, nudged in the last place, by up to {floor.loss:.1e}"
    )


def _too_early(distance: Distance, dtype: str, floor: NoiseFloor) -> str:
    """Say where losses part before rounding can have parted them; or ""."""
    found = zip(distance.epochs, floor.of_epochs(dtype), strict=False)
    for place, (error, limit) in enumerate(found):
        if not within(error, limit):
            epoch = distance.epoch(place)
            return f"epoch {epoch}: the loss differs by {error:.1e}, limit {limit:.1e}"
    return ""


def _on_a_boundary(distance: Distance, floor: NoiseFloor) -> str:
    return (
        "rows lie on a boundary between two answers: accuracies differ by up to "
        f"{max(distance.accuracies):.1e}, and those of scratch, nudged in the last place, by up to "
        f"{floor.accuracy:.1e}"
    )


def _judged(distance: Distance, limits: Limits, floor: NoiseFloor | None, reason: str) -> Judgement:
    return Judgement(distance, "differ" if reason else "agree", limits, floor, reason)
