"""The learning rates of a schedule, from its facts: η(k) for k = 0, 1, 2, ..."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from frameworks.recordings.trace import Facts
from scratch import schedules

__all__ = ["rates"]

Values = Mapping[str, Any]
Schedule = Callable[[int], float]


def rates(facts: Facts) -> Schedule | None:
    """Return the function k ↦ η(k) of a schedule with these facts; None for an unknown kind.

    Where the first rates are stated they are returned, with the roundings of the framework.

    >>> values = {"start": 1.0, "factor": 0.5, "size": 2, "staircase": True}
    >>> [rates(Facts("exponential", values))(k) for k in range(4)]
    [1.0, 1.0, 0.5, 0.5]
    """
    first: Sequence[float] = facts.values.get("first_rates", ())  # type: ignore[assignment]
    read = _KINDS.get(facts.kind)
    formula = None if read is None else read(facts.values)
    if not first:
        return formula
    return lambda k: first[k] if k < len(first) else math.nan if formula is None else formula(k)


def _exponential(values: Values) -> Schedule:
    start, factor, size = (values[name] for name in ("start", "factor", "size"))
    if values["staircase"]:
        return lambda k: start * factor ** math.floor(k / size)
    return schedules.ExponentialRate(start, factor, size)


def _inverse_time(values: Values) -> Schedule:
    rate = schedules.InverseTimeRate(values["start"], values["decay"], values["size"])
    if not values["staircase"]:
        return rate
    return lambda k: rate(math.floor(k / values["size"]) * values["size"])


def _piecewise(values: Values) -> Schedule:
    return schedules.PiecewiseConstantRate([k - 1 for k in values["begins"]], values["rates"])


def _polynomial(values: Values) -> Schedule | None:
    if values.get("cycle"):
        return None
    start, end, size = (values[name] for name in ("start", "end", "size"))
    return lambda k: end + (start - end) * (1 - min(k, size) / size) ** values["power"]


def _cosine(values: Values) -> Schedule | None:
    start, end, size = (values[name] for name in ("start", "end", "size"))
    if "warmup" in values:
        return _warmed(values)
    if not values["returns"]:
        return schedules.CosineRate(start, size, end)
    return lambda k: end + 0.5 * (start - end) * (1 + math.cos(math.pi * k / size))


def _warmed(values: Values) -> Schedule:
    """η rises in a straight line to its peak, then falls."""
    start, peak, warmup = (values[name] for name in ("start", "peak", "warmup"))
    falling = schedules.CosineRate(peak, values["size"], values["end"])
    return lambda k: (
        start + (peak - start) * k / warmup if k < warmup else falling(k - warmup)
    )  # fmt: skip


_KINDS: dict[str, Callable[[Values], Schedule | None]] = {
    "exponential": _exponential,
    "inverse time": _inverse_time,
    "piecewise constant": _piecewise,
    "polynomial": _polynomial,
    "cosine": _cosine,
}
