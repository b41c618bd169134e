"""What a Keras learning-rate schedule says of itself; k counts steps, from 0.

On TensorFlow a schedule computes in float32, whatever the model's dtype: its first rates are stated
as they come out.
"""

from collections.abc import Callable
from typing import Any

from frameworks.keras.loading import keras
from frameworks.live.stating import STATED_RATES, Entry, facts, given, number
from frameworks.recordings.trace import Facts

__all__ = ["schedule_facts", "schedule_of"]

Entries = dict[str, Entry]


def schedule_of(optimizer: Any) -> Any:
    """Return the optimizer's schedule, or None if its learning rate is a number."""
    rate = getattr(optimizer, "_learning_rate", None)
    return rate if isinstance(rate, keras.optimizers.schedules.LearningRateSchedule) else None


def schedule_facts(scheduler: Any, step_on: str = "batch") -> Facts | None:
    """Return the facts of a schedule, or of an optimizer's; None if there is none.

    Keras' schedules always count steps.
    """
    if scheduler is None:
        return None
    if isinstance(scheduler, keras.optimizers.Optimizer):
        return schedule_facts(schedule_of(scheduler))
    kind = type(scheduler).__name__
    read = _READERS.get(kind)
    kind, entries = (kind, {}) if read is None else read(scheduler)
    rates = tuple(number(scheduler(k)) for k in range(STATED_RATES))
    stated = {"first_rates": (rates, f"{kind}, from {rates[0]:.10g} on")}
    return facts(kind, {"counts": ("batches", "counts batches"), **entries, **stated})


def _exponential(schedule: Any) -> tuple[str, Entries]:
    return "exponential", _decay(schedule, factor="decay_rate")


def _inverse_time(schedule: Any) -> tuple[str, Entries]:
    return "inverse time", _decay(schedule, decay="decay_rate")


def _decay(schedule: Any, **rate: str) -> Entries:
    entries = given(schedule, start="initial_learning_rate", size="decay_steps", **rate)
    stairs = schedule.staircase and schedule.decay_steps != 1
    return entries | {"staircase": (stairs, f"staircase={schedule.staircase}")}


def _piecewise(schedule: Any) -> tuple[str, Entries]:
    """A boundary belongs to the value before it: the next one begins one step later."""
    begins = tuple(b + 1 for b in schedule.boundaries)
    return "piecewise constant", {
        "begins": (begins, f"boundaries={list(schedule.boundaries)}, inclusive"),
        "rates": (tuple(schedule.values), f"values={list(schedule.values)}"),
    }


def _polynomial(schedule: Any) -> tuple[str, Entries]:
    entries = given(
        schedule,
        start="initial_learning_rate",
        size="decay_steps",
        end="end_learning_rate",
        power="power",
    )
    return "polynomial", entries | (given(schedule, cycle="cycle") if schedule.cycle else {})


def _cosine(schedule: Any) -> tuple[str, Entries]:
    entries = given(schedule, start="initial_learning_rate", size="decay_steps")
    start = schedule.initial_learning_rate
    if schedule.warmup_target is not None:
        entries |= given(schedule, peak="warmup_target", warmup="warmup_steps")
        start = schedule.warmup_target
    end = schedule.alpha * start
    entries["end"] = end, f"alpha={schedule.alpha}"
    entries["returns"] = False, "stays at its end"
    return "cosine", entries


_READERS: dict[str, Callable[[Any], tuple[str, Entries]]] = {
    "ExponentialDecay": _exponential,
    "InverseTimeDecay": _inverse_time,
    "PiecewiseConstantDecay": _piecewise,
    "PolynomialDecay": _polynomial,
    "CosineDecay": _cosine,
}
