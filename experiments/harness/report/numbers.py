"""The rows of the report's tables: one per implementation or pair, over all seeds."""

from collections.abc import Sequence
from dataclasses import dataclass

from datasets import Quantity
from experiments.harness.records.models import AgreementEntry
from experiments.harness.records.results import (
    accepted,
    certified_digits,
    different_predictions,
)
from experiments.harness.report.trained import Trained, Training
from experiments.harness.report.verdict import worst_of
from frameworks.console import exponent, spread, two_decimals

__all__ = [
    *("ImplementationRow", "PairRow", "expectation", "implementation_rows"),
    *("pair_rows", "reached"),
]

_KNOWN = 1e-3  # a band of smaller relative width stands for one, exactly known number


@dataclass(frozen=True)
class ImplementationRow:
    """The results and the times of one implementation."""

    name: str
    failed: str  # the error, if no seed was trained
    training_loss: str = ""
    test_loss: str = ""
    metrics: tuple[str, ...] = ()  # of the task; the band applies to the first
    inside: bool = True  # whether the first metric is in its acceptance band, if there is one
    excess: str = ""  # over the least possible error, if that is known
    certified: str = ""
    seconds: tuple[str, ...] = ()  # import, compile, train


@dataclass(frozen=True)
class PairRow:
    """The distances of two implementations, and the verdict."""

    pair: tuple[str, str]
    loss: str
    weight: str
    test_loss: str
    outputs: str
    predictions: str
    floor: str
    verdict: str


def implementation_rows(trained: Trained) -> list[ImplementationRow]:
    """Return a row for each implementation that was requested."""
    errors = {cell.implementation: str(cell.error) for cell in trained.results.cells}
    return [
        _implementation(trained, name, done)
        if (done := trained.by(name))
        else ImplementationRow(name, failed=error)
        for name, error in errors.items()
    ]


def pair_rows(trained: Trained) -> list[PairRow]:
    """Return a row for each pair of implementations."""
    pairs: dict[tuple[str, str], list[AgreementEntry]] = {}
    for entry in trained.agreement:
        pairs.setdefault(entry.pair, []).append(entry)
    return [_pair(pair, entries) for pair, entries in pairs.items()]


def reached(trained: Trained) -> str:
    """Return the task's headline figure, over all trainings."""
    values = [each.record.headline for each in trained.done]
    return _spread(values, trained.task.headline.form) if values else "–"


def expectation(trained: Trained) -> str:
    """Return sentences on the headline figure's acceptance band and on the units."""
    title, band = trained.task.headline.title, trained.head.acceptance
    words = f"No particular {title} is expected."
    if band:
        words = f"Expected {title}: {' to '.join(dict.fromkeys(f'{x:.8g}' for x in band))}."
    targets = trained.data and trained.data.targets
    if isinstance(targets, Quantity):
        words += f" Losses refer to the standardised target, the other figures to {targets.name}."
    return words


def _implementation(trained: Trained, name: str, done: Sequence[Training]) -> ImplementationRow:
    found = [digits for each in done if (digits := certified_digits(each.record))]
    seconds = ([each.seconds.import_, each.seconds.compile, each.seconds.fit] for each in done)
    return ImplementationRow(
        name,
        failed="",
        training_loss=_spread([each.history.loss[-1] for each in done], ".6f"),
        test_loss=_spread([each.test.loss for each in done], ".6f"),
        metrics=tuple(
            _spread([each.test.metric(metric.name) for each in done], metric.form)
            for metric in trained.task.metrics
        ),
        inside=all(accepted(each.record) is not False for each in done),
        excess=_excess(trained, done),
        certified=two_decimals(min(found)[0]) if found else "",
        seconds=tuple(_spread(each, ".2f") for each in zip(*seconds, strict=True)),
    )


def _spread(values: Sequence[float | None], form: str) -> str:
    return spread(values, form, between=" to ")


def _excess(trained: Trained, done: Sequence[Training]) -> str:
    """Return the relative excess of an error over the least possible error, if that is known.

    If it is known, the page's band is narrow, and centred on it.
    """
    low, high = trained.head.acceptance or (0.0, 0.0)
    if trained.task.headline.higher_is_better or not 0 < low < high < low * (1 + _KNOWN):
        return ""
    errors, least = [each.record.headline for each in done], (low + high) / 2
    return _spread([None if x is None else x / least - 1 for x in errors], "+.1e")


def _pair(pair: tuple[str, str], entries: Sequence[AgreementEntry]) -> PairRow:
    floors = [entry.noise_floor.loss for entry in entries if entry.noise_floor]
    counts = different_predictions(entries)
    outputs = [entry.max_rel_output for entry in entries]
    return PairRow(
        pair,
        loss=exponent(entry.max_rel_loss for entry in entries),
        weight=exponent(entry.max_rel_weight for entry in entries),
        test_loss=exponent(entry.rel_test_loss for entry in entries),
        # Without answers outputs are always kept; None is infinite.
        outputs="" if counts and None in outputs else exponent(outputs),
        predictions="{:,} of {:,}".format(*counts) if counts else "",
        floor=exponent(floors) if floors else "",
        verdict=worst_of(entry.verdict for entry in entries),
    )
