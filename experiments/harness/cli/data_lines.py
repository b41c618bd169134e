"""What `lockstep run` says of its data: one line, and what a stand-in is where one was needed."""

import re
from collections.abc import Iterable, Iterator, Sequence
from textwrap import fill

from datasets import Policy
from experiments.harness.plan import DataUsed

__all__ = ["data_lines"]

_ADDRESS = re.compile(r"https?://([^/\s]+)/\S*:(?= )")  # of a file; its server says enough


def data_lines(used: Sequence[DataUsed], policy: Policy, width: int = 80) -> Iterator[str]:
    """Yield a line that names all data, notes on altered files, and how to get the real data."""
    invented = {each.name: each for each in used if each.source == "stand-in"}
    real = dict.fromkeys(each.name for each in used if each.source == "real")
    kinds: dict[str, Iterable[str]] = {"real": real, "stand-ins": invented}
    parts = [f"{kind} for {_listed(names)}" for kind, names in kinds.items() if names]
    yield fill(f"data: {'; '.join(parts)}", width, subsequent_indent="  ", break_long_words=False)
    if same := dict.fromkeys(each.name for each in used if each.tests_on_training_rows):
        rows = f"  tested on the rows that they are trained on: {_listed(same)}"
        yield fill(rows, width, subsequent_indent="  ", break_long_words=False)
    for each in used:
        if each.source == "real" and not each.canonical:
            yield " ".join(each.note.splitlines())  # it may name a folder
    if invented and policy == "auto":
        yield from _about_stand_ins(invented, width)


def _about_stand_ins(invented: dict[str, DataUsed], width: int) -> Iterator[str]:
    """Say what they are, why they are used, and where the real data come from."""
    which = _listed(f"{each.origin} for {name}" for name, each in invented.items())
    reasons = "; ".join(each.note.partition(", because ")[2] for each in invented.values())
    reasons = _ADDRESS.sub(r"\1:", reasons)
    what = (
        f"A stand-in is built in, for where the real data are not found: {which}. "
        "Implementations must agree on it all the same; accuracies are not those of the real data."
    )
    how = (
        "To get the real data, run `lockstep data fetch`, which downloads and verifies them, or "
        "put the files into a folder and name it in LOCKSTEP_DATA."
    )
    for sentence in (what, f"They are used because {reasons}.", how):
        yield fill(sentence, width, initial_indent="  ", subsequent_indent="  ")


def _listed(names: Iterable[str]) -> str:
    """Join names as in a sentence.

    >>> _listed(["xor"]), _listed(["xor", "churn", "mnist"])
    ('xor', 'xor, churn and mnist')
    """
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last
