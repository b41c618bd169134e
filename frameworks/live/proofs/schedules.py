"""What is said of two schedules that give different learning rates."""

import numpy as np

from frameworks.live.proofs.sentences import listed
from frameworks.recordings.trace import Facts

__all__ = ["describe_schedules"]

_ROUNDED = 1e-6  # relative: a few roundings to float32


def describe_schedules(x: Facts | None, y: Facts | None) -> tuple[str, str]:
    """Return what each side does, as "follows ..."."""
    if x is not None and y is not None and _counts(x) == _counts(y):
        rates = [np.array(each.values.get("first_rates", ())) for each in (x, y)]
        if rates[0].shape == rates[1].shape and rates[0].size and _close(*rates):
            first, second = (_in_words(each) for each in rates)
            if first != second:
                return first, second
    return f"follows {_stated(x)}", f"follows {_stated(y)}"


def _counts(facts: Facts) -> tuple[object, ...]:
    """Return the schedule's kind, and whether it counts steps or epochs."""
    return facts.kind, facts.values.get("counts")


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
    return f"{article} {facts.kind} schedule ({listed([*words, counts])})"
