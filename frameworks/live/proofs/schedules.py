"""What is said of two schedules that give different learning rates."""

import numpy as np

from frameworks.live.proofs.sentences import listed
from frameworks.recordings.trace import Facts

__all__ = ["describe_schedules"]

_ROUNDED = 1e-6  # relative: a few roundings to float32


def describe_schedules(
    x: Facts | None, y: Facts | None, steps: int, per_epoch: int
) -> tuple[str, str]:
    """Return what each side does, as "follows ..."; where that does not tell, the learning rates.

    The name of a class alone does not: two of them may give the same rates. Rates of the steps
    taken that are apart by rounding alone are those of one schedule, whatever it is called, and
    however it goes on.
    """
    said = f"follows {_stated(x)}", f"follows {_stated(y)}"
    if x is None or y is None or x.values.get("counts") != y.values.get("counts"):
        return said
    by_epoch = x.values.get("counts") == "epochs"
    taken = -(-steps // per_epoch) if by_epoch else steps
    rates = [np.array(each.values.get("first_rates", ()))[:taken] for each in (x, y)]
    if rates[0].shape != rates[1].shape or not rates[0].size:
        return said
    if _close(*rates):
        first, second = (_in_words(each) for each in rates)
        return (first, second) if first != second else said
    if said[0] != said[1] and _states_settings(x) and _states_settings(y):
        return said
    k = int(np.argmax(rates[0] != rates[1]))
    when = "epoch" if by_epoch else "step"
    first, second = (f"{each}, with a rate of {r[k]:.10g} in {when} {k + 1}"
                     for each, r in zip(said, rates, strict=True))  # fmt: skip
    return first, second


def _states_settings(facts: Facts) -> bool:
    return bool(facts.values.keys() - {"first_rates", "counts"})


def _close(x: np.ndarray, y: np.ndarray) -> bool:
    return bool(np.abs(x - y).max() <= _ROUNDED * np.abs(x).max())


def _in_words(rates: np.ndarray) -> str:
    """Say in which precision a schedule computes its rates."""
    held = np.array_equal(rates, rates.astype(np.float32))
    return f"computes its learning rates in float{32 if held else 64}"


def _stated(facts: Facts | None) -> str:
    if facts is None:
        return "no schedule"
    words = [said for name, said in facts.said.items() if name not in ("first_rates", "counts")]
    article = "an" if facts.kind[0] in "aeiou" else "a"
    counts = facts.said.get("counts", "")
    every = [*dict.fromkeys([*words, counts])]
    return f"{article} {facts.kind} schedule ({listed(every)})"
