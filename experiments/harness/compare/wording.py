"""How numbers and findings read, on the terminal and in HTML alike."""

from collections import Counter
from typing import Any

from experiments.harness.compare.stored_run import TrainingName

__all__ = [
    *("band", "digits", "findings", "flips", "loss", "name_of", "shown", "summary", "worst_error"),
]

Entry = dict[str, Any]


def name_of(training: Entry) -> str:
    """Name a training; lockstep and float64, the usual, are left out."""
    return str(TrainingName(*(training[part] for part in TrainingName._fields)))


def flips(counts: Entry) -> str:
    """Give the rows that were lost, gained, and wrong in another way.

    >>> flips({"n": 5, "lost": 3, "gained": 1, "other": 1}), flips({"n": 0})
    ('-3 +1 ~1', '0')
    """
    if not counts["n"] or counts["lost"] is None:
        return "?" if counts["n"] is None else str(counts["n"])
    return f"-{counts['lost']} +{counts['gained']}" + (
        f" ~{counts['other']}" * bool(counts["other"])
    )


def shown(value: Any) -> str:
    """Give a value of the environment; a package that is not there has none."""
    return "-" if value is None else str(value)


def worst_error(training: Entry) -> str:
    """Give the largest relative change of an epoch's loss."""
    error = training["worst_epoch"]["error"]
    return f"{error:.1e}" if error else "0"


def digits(training: Entry) -> str:
    """Give the certified digits, before and after if they differ, else those in common."""
    certified = training["certified_digits"]
    values = [*certified.values()] if certified else [training["digits"]]
    rounded = dict.fromkeys(str(int(10 * value) / 10) for value in values)  # down
    return "→".join(rounded)


def loss(value: float | None) -> str:
    """Give a loss; what was not finite is stored as None."""
    return "nan" if value is None else f"{value:.6f}"


def band(times: Entry) -> str:
    """Give the median ratio, and the smallest and the largest."""
    return f"{times['median']:.2f} ({times['lowest']:.2f} .. {times['highest']:.2f})"


def findings(comparison: Entry) -> list[tuple[str, str]]:
    """Return (verdict, sentence) for what is not unchanged, and for what was not compared."""
    found = [
        (each["verdict"], f"{name_of(each)}: {each['verdict']}: {'; '.join(each['reasons'])}")
        for each in comparison["trainings"]
        if each["verdict"] != "unchanged"
    ]
    found += [
        (each["verdict"], _pair_sentence(each))
        for each in comparison["pairs"]
        if each["verdict"] in ("worse", "better")
    ]
    found += [
        ("not comparable", f"{each['training']}: not comparable: {each['reason']}")
        for each in comparison["not_comparable"]
    ]
    for where in ("only before", "only after"):
        found += [(where, f"{name}: {where}") for name in comparison[where.replace(" ", "_")]]
    return found


def _pair_sentence(pair: Entry) -> str:
    name = f"{pair['experiment']} {' and '.join(pair['pair'])} {pair['seed']}"
    now = f"{pair['after']} now{': ' if pair['reason'] else ''}{pair['reason']}"
    return f"{name}: {pair['verdict']}: {pair['before']} before, {now}"


def summary(comparison: Entry) -> str:
    """Count the verdicts in one line.

    >>> summary({"trainings": [{"verdict": "worse"}, {"verdict": "unchanged"}],
    ...          "pairs": [{"verdict": "worse"}], "not_comparable": []})
    '2 trainings compared: 1 worse, 1 unchanged; 1 pair: 1 worse.'
    """
    parts = []
    for kind, noun in (("trainings", "training"), ("pairs", "pair")):
        verdicts = Counter(each["verdict"] for each in comparison[kind])
        if verdicts:
            count = f"{verdicts.total()} {noun}{'s' if verdicts.total() > 1 else ''}"
            compared = " compared" if kind == "trainings" else ""
            counts = ", ".join(f"{number} {verdict}" for verdict, number in verdicts.items())
            parts.append(f"{count}{compared}: {counts}")
    if refused := len(comparison["not_comparable"]):
        parts.append(f"{refused} not comparable")
    return "; ".join(parts) + "."
