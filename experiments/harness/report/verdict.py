"""The outcome of an experiment, in words."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import floor, inf, log10

from experiments.harness.records.models import AgreementEntry, Record
from experiments.harness.records.results import (
    DIGITS,
    accepted,
    certified_digits,
    different_predictions,
    objections,
    remarks,
)
from experiments.harness.report.trained import Trained
from frameworks.console import exponent, two_decimals

__all__ = ["Verdict", "digits", "judge", "worst_of"]

_LINES = 50
_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


@dataclass(frozen=True)
class Verdict:
    """The verdict in one word and in a sentence, with objections and remarks."""

    word: str  # agree, differ, measured, native, alone or failed
    sentence: str
    accused: list[str]  # who is wrong, and in what
    objections: list[str]
    remarks: list[str]
    digits: str
    differences: str  # on the test rows


def judge(trained: Trained) -> Verdict:
    """Return the verdict on the trainings of an experiment."""
    pairs = trained.agreement
    equal_to = digits(entry.max_rel_loss for entry in pairs)
    differences = _differences(trained)
    return Verdict(
        word=_word(trained),
        sentence=_sentence(trained, equal_to, differences),
        accused=_accused(trained),
        objections=_few(objections(trained.results)),
        remarks=_few(list(remarks(trained.results.cells, trained.agreement))),
        digits=equal_to if pairs else "–",
        differences=differences if pairs else "–",
    )


def _few(lines: list[str]) -> list[str]:
    """Return the first lines, and how many more there are."""
    more = len(lines) - _LINES
    return [*lines[:_LINES], f"and {more:,} more, in results.json"] if more > 0 else lines


def digits(errors: Iterable[float | None]) -> str:
    """Format the number of digits in which numbers agree, from their relative differences.

    >>> digits([2.8e-15, 0.0]), digits([0.0]), digits([0.3]), digits([None])
    ('14 digits', 'every bit', 'no digit', 'no digit')
    """
    error = max((inf if each is None else each for each in errors), default=inf)
    if error == 0:
        return "every bit"
    count = floor(-log10(error)) if error < inf else 0
    return "no digit" if count < 1 else "1 digit" if count == 1 else f"{count} digits"


def worst_of(verdicts: Iterable[str | None]) -> str:
    """Return the verdict over several pairs or seeds.

    >>> worst_of(["agree", "differ"]), worst_of(["agree", None]), worst_of(["agree"])
    ('differ', 'measured', 'agree')
    """
    found = set(verdicts)
    return "differ" if "differ" in found else "measured" if None in found else "agree"


def _word(trained: Trained) -> str:
    word = worst_of(entry.verdict for entry in trained.agreement)
    if word == "differ":
        return word
    if not trained.done or len(trained.done) < len(trained.results.cells):
        return "failed"
    if trained.head.mode != "lockstep":
        return trained.head.mode
    return word if trained.agreement else "alone"


def _sentence(trained: Trained, equal_to: str, differences: str) -> str:
    names, seeds, head = trained.implementations, len(trained.seeds), trained.head
    if not names:
        return "No training finished."
    if head.mode != "lockstep":
        return (
            f"{', '.join(names)} trained with their own random numbers and defaults, with {seeds} "
            f"seeds: their {trained.task.headline.title} is compared, not their losses."
        )
    if not trained.agreement:
        return f"Only {names[0]} was trained: there is nothing to compare it with."
    who = f"{_NUMBERS[len(names)] if len(names) < 10 else len(names)} implementations".capitalize()
    which = {1: "the only epoch", 2: "both epochs"}.get(
        trained.epochs, f"all {trained.epochs:,} epochs"
    )
    if trained.sweep:
        which = "every epoch"
    which += f" with each of {seeds:,} seeds" if seeds > 1 else ""
    if trained.sweep:
        which += f" and each of {len(trained.sweep):,} settings"
    match _word(trained):
        case "differ":
            return f"{who} were trained from the same start, and they differ; {differences}."
        case "measured":
            to = f"their losses agree to {equal_to} in {which}"
            return f"{who} in {head.dtype}, measured but not judged: {to}; {differences}."
    return f"{who} agree to {equal_to} in {which}; {differences}."


def _differences(trained: Trained) -> str:
    """Return how many predictions differ over all pairs, or how far outputs do."""
    pairs = trained.agreement
    if not pairs:
        return ""
    if counts := different_predictions(pairs):
        return (
            "{:,} of {:,} predictions differ".format(*counts)
            if counts[0]
            else "no prediction differs"
        )
    return f"outputs differ by at most {exponent(entry.max_rel_output for entry in pairs)}"


def _accused(trained: Trained) -> list[str]:
    """Return each implementation that something speaks against, and what: "keras: failed"."""
    apart = odd_one_out(trained.agreement)
    names: dict[str, list[Record]] = {}
    for cell in trained.results.cells:
        names.setdefault(cell.implementation, []).append(cell)
    lines = []
    for name, cells in names.items():
        against = ["failed"] * any(not cell.ok for cell in cells)
        digits_right = [found for cell in cells if (found := certified_digits(cell))]
        if digits_right and min(digits_right)[0] < DIGITS:
            against.append(f"{two_decimals(min(digits_right)[0])} certified digits")
        if any(accepted(cell) is False for cell in cells):
            against.append(f"{trained.task.headline.title} out of range")
        if name == apart:
            against.append("part of every pair that differs")
        if against:
            lines.append(f"{name}: {', '.join(against)}")
    return lines


def odd_one_out(agreement: Sequence[AgreementEntry]) -> str:
    """Return the only implementation that is in every pair that differs; "" if none stands out."""
    apart = [set(entry.pair) for entry in agreement if entry.verdict == "differ"]
    suspects = set.intersection(*apart) if apart else set()
    if len(suspects) != 1:
        return ""
    (name,) = suspects
    others_agree = any(each.verdict == "agree" and name not in each.pair for each in agreement)
    return name if others_agree else ""
