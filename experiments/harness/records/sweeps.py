"""A sweep: each setting of an experiment's numbers in one row, over all of its seeds."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf
from statistics import fmean, stdev
from typing import Any

from experiments.harness.records.models import AgreementEntry, Record, Results
from experiments.harness.records.results import judged
from frameworks.console import spread

__all__ = ["SettingSummary", "by_setting", "figure_of", "summaries"]


@dataclass(frozen=True)
class SettingSummary:
    """What the trainings with one setting came to.

    Mean and deviation are over the seeds of one implementation, the first that finished most of
    them; the ends are those of all.
    """

    setting: Mapping[str, Any]
    label: str
    trainings: int
    finished: int
    seeds: int
    values: tuple[float | None, ...]  # of the headline, a seed each; None: not finite
    lowest: float | None  # of all implementations
    highest: float | None
    worst: float | None  # relative difference of a loss between two implementations; None: no pair
    word: str  # agree, differ, measured, alone, native or failed
    against: tuple[str, ...]

    @property
    def mean(self) -> float | None:
        """Of the seeds; None where one is not finite, or none was finished."""
        finite = [value for value in self.values if value is not None]
        return fmean(finite) if finite and len(finite) == len(self.values) else None

    @property
    def deviation(self) -> float | None:
        """The standard deviation over the seeds; None for a single one."""
        finite = [value for value in self.values if value is not None]
        return stdev(finite) if 1 < len(finite) == len(self.values) else None


def by_setting(results: Results) -> dict[str, Results]:
    """Return the results of one experiment apart for each setting, by its label, in their order."""
    parts: dict[str, dict[str, list[Any]]] = {}
    for name in ("cells", "agreement", "native"):
        for entry in getattr(results, name):
            part = parts.setdefault(entry.label, {"cells": [], "agreement": [], "native": []})
            part[name].append(entry)
    return {label: results.model_copy(update=part) for label, part in parts.items()}


def summaries(results: Results) -> list[SettingSummary]:
    """Return a summary for each setting of one experiment."""
    return [_summarize(part) for part in by_setting(results).values()]


def figure_of(summary: SettingSummary, form: str) -> str:
    """Format the headline: the mean and the standard deviation, or the only value."""
    if summary.mean is None:
        return "nan" if summary.values else ""
    mean = spread([summary.mean], form)
    return mean if summary.deviation is None else f"{mean} ± {summary.deviation:.2g}"


def _summarize(part: Results) -> SettingSummary:
    cells, pairs = part.cells, part.agreement
    done = [cell for cell in cells if cell.ok]
    counts = Counter(cell.implementation for cell in done)
    most = max(counts, key=lambda name: counts[name]) if counts else ""
    values = tuple(cell.headline for cell in done if cell.implementation == most)
    finite = [cell.headline for cell in done if cell.headline is not None]
    errors = [inf if each.max_rel_loss is None else each.max_rel_loss for each in pairs]
    alone = part.model_copy(update={"missing": []})  # what is missing is said of the whole run
    return SettingSummary(
        setting=cells[0].setting,
        label=cells[0].label,
        trainings=len(cells),
        finished=len(done),
        seeds=len({cell.seed for cell in cells}),
        values=values,
        lowest=min(finite, default=None),
        highest=max(finite, default=None),
        worst=max(errors, default=None),
        word=_word(cells, done, pairs),
        against=tuple(line for case in judged(alone) for line in case.against),
    )


def _word(cells: Sequence[Record], done: Sequence[Record], pairs: Sequence[AgreementEntry]) -> str:
    verdicts = {entry.verdict for entry in pairs}
    if "differ" in verdicts:
        return "differ"
    if len(done) < len(cells):
        return "failed"
    if cells[0].mode != "lockstep":
        return cells[0].mode
    return "alone" if not pairs else "measured" if None in verdicts else "agree"
