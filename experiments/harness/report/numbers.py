"""The rows of the report's tables: one for an implementation or a pair, over all its seeds."""

from collections.abc import Sequence
from dataclasses import dataclass

from datasets import Quantity
from experiments.harness.records.models import AgreementEntry
from experiments.harness.records.results import accepted, certified_digits
from experiments.harness.report.trained import Trained, Training
from experiments.harness.report.verdict import worst_of
from frameworks.console import exponent, spread, two_decimals

__all__ = [
    *("ImplementationRow", "PairRow", "expectation", "implementation_rows"),
    *("pair_rows", "reached"),
]

_KNOWN = 1e-3  # the relative width of a band that stands for one number, known exactly


@dataclass(frozen=True)
class ImplementationRow:
    """What one implementation reached, and how long that took."""

    name: str
    failed: str  # why, where no seed was trained
    training_loss: str = ""
    test_loss: str = ""
    metrics: tuple[str, ...] = ()  # those of the task; the first one has the band
    inside: bool = True  # the band in which it is expected, if there is one
    excess: str = ""  # over the least that is possible, where that is known
    certified: str = ""
    seconds: tuple[str, ...] = ()  # import, compile, train


@dataclass(frozen=True)
class PairRow:
    """How far two implementations are apart."""

    pair: tuple[str, str]
    loss: str
    weight: str
    test_loss: str
    outputs: str
    predictions: str
    floor: str
    verdict: str


def implementation_rows(trained: Trained) -> list[ImplementationRow]:
    """Return a row for each implementation that was to be trained."""
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
    """Return the task's headline figure, over everything that was trained."""
    values = [each.record.headline for each in trained.done]
    return _spread(values, trained.task.headline.form) if values else "–"


def expectation(trained: Trained) -> str:
    """Say in which band the headline figure is expected, and in which unit figures are."""
    title, band = trained.task.headline.title, trained.head.acceptance
    words = f"No {title} is expected of this training."
    if band:
        words = f"Expected {title}: {' to '.join(dict.fromkeys(f'{x:.8g}' for x in band))}."
    targets = trained.data and trained.data.targets
    if isinstance(targets, Quantity):
        words += f" Losses are of the standardised target, the other figures of {targets.name}."
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
    """Return how far an error is above the one that is known to be the least, relative to that.

    Where it is known, the page's band is narrow, and it is in the middle.
    """
    low, high = trained.head.acceptance or (0.0, 0.0)
    if trained.task.headline.higher_is_better or not 0 < low < high < low * (1 + _KNOWN):
        return ""
    errors, least = [each.record.headline for each in done], (low + high) / 2
    return _spread([None if x is None else x / least - 1 for x in errors], "+.1e")


def _pair(pair: tuple[str, str], entries: Sequence[AgreementEntry]) -> PairRow:
    floors = [entry.noise_floor.loss for entry in entries if entry.noise_floor]
    counts = [entry.prediction_mismatches for entry in entries]
    outputs = [entry.max_rel_output for entry in entries]
    answers = None not in counts  # without them outputs are always kept, and null is infinite
    rows = f"{sum(filter(None, counts)):,} of {sum(entry.n_predictions for entry in entries):,}"
    return PairRow(
        pair,
        loss=exponent(entry.max_rel_loss for entry in entries),
        weight=exponent(entry.max_rel_weight for entry in entries),
        test_loss=exponent(entry.rel_test_loss for entry in entries),
        outputs="" if answers and None in outputs else exponent(outputs),
        predictions=rows if answers else "",
        floor=exponent(floors) if floors else "",
        verdict=worst_of(entry.verdict for entry in entries),
    )
