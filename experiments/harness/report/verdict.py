"""What an experiment came to, in words."""

from dataclasses import dataclass
from math import floor, inf, log10

from experiments.harness.records.results import accepted
from experiments.harness.report.trained import Record, Trained

__all__ = ["Verdict", "digits", "join", "judge"]

_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


@dataclass(frozen=True)
class Verdict:
    """The verdict in one word, in a sentence, and all that went against."""

    word: str  # agree, differ, measured, native, alone or failed
    sentence: str
    objections: list[str]
    digits: str
    mismatches: str


def judge(trained: Trained) -> Verdict:
    """Return what the trainings of an experiment came to."""
    pairs, objections = trained.agreement, _objections(trained)
    loss = worst(pairs, "max_rel_loss")
    return Verdict(
        word=_word(trained),
        sentence=_sentence(trained, loss),
        objections=objections,
        digits=digits(loss) if pairs else "–",
        mismatches=_mismatches(pairs) if pairs else "–",
    )


def digits(error: float) -> str:
    """Return to how many digits two numbers are equal, from their relative difference.

    >>> digits(2.8e-15), digits(0.0), digits(0.3), digits(float("inf"))
    ('14 digits', 'every bit', 'no digit', 'no digit')
    """
    if error == 0:
        return "every bit"
    count = floor(-log10(error)) if error < inf else 0
    return "no digit" if count < 1 else "1 digit" if count == 1 else f"{count} digits"


def worst(pairs: list[Record], name: str) -> float:
    """Return the largest of the pairs' errors; null stands for infinity."""
    return max((inf if pair[name] is None else pair[name] for pair in pairs), default=inf)


def join(names: list[str]) -> str:
    """Return names as a sentence has them.

    >>> join(["scratch", "keras", "pytorch"])
    'scratch, keras and pytorch'
    """
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def _word(trained: Trained) -> str:
    verdicts = [pair["verdict"] for pair in trained.agreement]
    if "differ" in verdicts:
        return "differ"
    if not trained.done or len(trained.done) < len(trained.cells):
        return "failed"
    if trained.mode != "lockstep":
        return trained.mode
    if not verdicts:
        return "alone"
    return "measured" if None in verdicts else "agree"


def _sentence(trained: Trained, loss: float) -> str:
    names, pairs = trained.implementations, trained.agreement
    if not names:
        return "No training finished."
    if trained.mode != "lockstep":
        return (
            f"{join(names)} trained with their own random numbers and defaults, on "
            f"{len(trained.seeds)} seeds: their accuracies are compared, not their losses."
        )
    if not pairs:
        return f"Only {names[0]} was trained: there is nothing to compare it with."
    who = f"{_NUMBERS[len(names)] if len(names) < 10 else len(names)} implementations".capitalize()
    epochs = trained.done[0]["epochs"]
    which = f"all {epochs:,} epochs" if epochs > 1 else "the one epoch"
    seeds = f" with each of {len(trained.seeds)} seeds" if len(trained.seeds) > 1 else ""
    predictions = f"{_mismatches(pairs)} predictions differ."
    match _word(trained):
        case "differ":
            return f"{who} were trained from the same start, and they part; {predictions}"
        case "measured":
            to = f"their losses are equal to {digits(loss)} on {which}{seeds}"
            return f"{who} in {trained.dtype}, measured and not judged: {to}; {predictions}"
    return f"{who} agree on {which}{seeds} to {digits(loss)}; {predictions}"


def _mismatches(pairs: list[Record]) -> str:
    """Return the most that any pair differs, of as many predictions as a pair has."""
    most = max(pair["prediction_mismatches"] for pair in pairs)
    return f"{most:,} of {pairs[0]['n_predictions']:,}"


def _objections(trained: Trained) -> list[str]:
    """Return a line for each failure, for each accuracy out of its band and for each difference."""
    lines = []
    for cell in trained.cells:
        name = f"{cell['implementation']}, seed {cell['seed']}"
        if cell["status"] != "ok":
            lines.append(f"{name} failed: {cell['error']}")
        elif accepted(cell) is False:
            low, high = cell["acceptance"]
            accuracy = cell["test"]["accuracy"]
            lines.append(f"{name}: test accuracy {accuracy:.4f}, expected {low:g} to {high:g}")
    for pair in trained.agreement:
        if pair["verdict"] == "differ":
            lines.append(f"{join(pair['pair'])}, seed {pair['seed']}: {pair['reason']}")
    for test in (trained.native or {}).get("pairs", []):
        if test["verdict"] == "different":
            lines.append(f"{join(test['pair'])}: the mean accuracies differ beyond the margin")
    return lines
