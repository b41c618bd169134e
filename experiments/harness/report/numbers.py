"""The rows of the report's tables: one for an implementation or a pair, over all its seeds."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from experiments.harness.records.results import accepted
from experiments.harness.report.trained import Record, Trained
from experiments.harness.report.verdict import worst

__all__ = ["ImplementationRow", "PairRow", "implementation_rows", "pair_rows", "spread"]


@dataclass(frozen=True)
class ImplementationRow:
    """What one implementation reached, and how long that took."""

    name: str
    failed: str  # why, where no seed was trained
    training_loss: str = ""
    test_loss: str = ""
    accuracy: str = ""
    inside: bool | None = None  # of the band in which the accuracy is expected
    certified: str = ""
    seconds: tuple[str, str, str] = ("", "", "")  # import, compile, train


@dataclass(frozen=True)
class PairRow:
    """How far two implementations are apart."""

    pair: list[str]
    loss: str
    weight: str
    test_loss: str
    outputs: str
    predictions: str
    floor: str
    verdict: str


def implementation_rows(trained: Trained) -> list[ImplementationRow]:
    """Return a row for each implementation that was to be trained."""
    names = dict.fromkeys(cell["implementation"] for cell in trained.cells)
    return [_implementation(trained, name) for name in names]


def pair_rows(trained: Trained) -> list[PairRow]:
    """Return a row for each pair of implementations."""
    pairs: dict[tuple[str, ...], list[Record]] = {}
    for entry in trained.agreement:
        pairs.setdefault(tuple(entry["pair"]), []).append(entry)
    return [_pair(trained, list(pair), entries) for pair, entries in pairs.items()]


def spread(values: list[float | None], form: str) -> str:
    """Return the one value, or the smallest and the largest; null is no number.

    >>> spread([0.5, 0.25], ".2f"), spread([0.5], ".2f"), spread([None], ".2f")
    ('0.25 to 0.50', '0.50', 'nan')
    """
    known = [value for value in values if value is not None]
    if len(known) < len(values) or not known:
        return "nan" if values else "–"
    low, high = format(min(known), form), format(max(known), form)
    return low if low == high else f"{low} to {high}"


def _implementation(trained: Trained, name: str) -> ImplementationRow:
    done = trained.cells_of(name)
    if not done:
        mine = [cell for cell in trained.cells if cell["implementation"] == name]
        return ImplementationRow(name, failed=str(mine[0]["error"]))
    inside = [accepted(cell) for cell in done]
    return ImplementationRow(
        name,
        failed="",
        training_loss=spread([cell["history"]["loss"][-1] for cell in done], ".6f"),
        test_loss=spread([cell["test"]["loss"] for cell in done], ".6f"),
        accuracy=spread([cell["test"]["accuracy"] for cell in done], ".4f"),
        inside=None if None in inside else all(inside),
        certified=_certified(done),
        seconds=_seconds(done),
    )


def _seconds(done: list[Record]) -> tuple[str, str, str]:
    """Return how long it took to import the libraries, to compile, and to train."""
    each = {
        name: spread([cell["seconds"][name] for cell in done], ".2f")
        for name in ("import", "compile", "fit")
    }
    return each["import"], each["compile"], each["fit"]


def _certified(done: list[Record]) -> str:
    """Return the fewest digits of the certified losses that any seed has right."""
    scores = [cell["certified"]["worst_lre"] for cell in done if cell.get("certified")]
    return f"{min(scores):.1f}" if scores else ""


def _pair(trained: Trained, pair: list[str], entries: list[Record]) -> PairRow:
    mismatches = sum(entry["prediction_mismatches"] for entry in entries)
    floors = [entry["noise_floor"]["loss"] for entry in entries if entry.get("noise_floor")]
    return PairRow(
        pair,
        _error(worst(entries, "max_rel_loss")),
        _error(worst(entries, "max_rel_weight")),
        _error(worst(entries, "rel_test_loss")),
        _outputs(trained, pair),
        f"{mismatches:,} of {sum(entry['n_predictions'] for entry in entries):,}",
        _error(min(floors)) if floors else "",
        _verdict({entry["verdict"] for entry in entries}),
    )


def _verdict(verdicts: set[str | None]) -> str:
    if "differ" in verdicts:
        return "differ"
    return "measured" if None in verdicts else "agree"


def _outputs(trained: Trained, pair: list[str]) -> str:
    """Return the largest difference of an output on the test rows, relative to the largest one."""
    found: dict[Any, list[np.ndarray]] = {}
    for cell in trained.done:
        outputs = trained.array(cell, "outputs")
        if cell["implementation"] in pair and outputs is not None:
            found.setdefault(cell["seed"], []).append(outputs)
    both = [each for each in found.values() if len(each) == 2 and each[0].shape == each[1].shape]
    if not both:
        return ""
    scale = [max(np.abs(a).max(), np.abs(b).max()) or 1 for a, b in both]
    largest = [np.abs(a - b).max() / s for (a, b), s in zip(both, scale, strict=True)]
    return _error(float(max(largest)))


def _error(error: float) -> str:
    return f"{error:.1e}" if error else "0"
