"""The tables of `lockstep bench`: 80 columns on a terminal, or Markdown."""

import textwrap
from collections.abc import Iterator

from rich.console import Console
from rich.text import Text

from experiments.harness.bench.figures import Figures, Ratio, best_of_families, figures
from experiments.harness.bench.measure import Measured
from frameworks.console import make_table

__all__ = ["headline", "markdown", "sentences", "show"]


def show(console: Console, measured: Measured, title: str) -> None:
    """Print one experiment: its figures, then what they say."""
    console.print()
    console.print(Text(measured.experiment, style="bold").append(f"  {title}", style="not bold"))
    table = make_table(*_headings(measured))
    rows = figures(measured)
    for row in rows:
        table.add_row(*_cells(row))
    console.print(table)
    for line in sentences(measured, rows):
        console.print(Text(textwrap.fill(line, 80)))


def markdown(measured: Measured, title: str) -> str:
    """Return the same as a section in Markdown."""
    rows = figures(measured)
    lines = [f"### {measured.experiment}", "", f"{title}.", ""]
    headings = _headings(measured)
    lines += [_markdown_row(headings), "| --- |" + " ---: |" * (len(headings) - 1)]
    lines += [_markdown_row(_cells(row)) for row in rows]
    for line in sentences(measured, rows):
        lines += ["", textwrap.fill(line, 120)]
    return "\n".join([*lines, ""])


def headline(measured: Measured, rows: list[Figures]) -> str | None:
    """Say how the reference stands against the fastest of each family; None where it is not timed.

    "2x as fast" means half the time; below 1x the reference is the slower one.
    """
    parts = []
    for row in best_of_families(measured, rows):
        if row.ratio:
            alone = sum(other.family == row.family for other in rows) == 1
            which = row.family if alone else f"the best {row.family} ({row.name})"
            parts.append(f"{_spread(row.ratio, 'x')} as fast as {which}")
    return f"{measured.reference} is {', '.join(parts)}." if parts else None


def _headings(measured: Measured) -> tuple[str, ...]:
    ratio = f"time / {measured.reference}"
    return ("implementation", "µs/step", ratio, "GFLOP/s", "of limit", "start s")


def sentences(measured: Measured, rows: list[Figures]) -> Iterator[str]:
    """Yield what is said below the figures."""
    first = headline(measured, rows)
    if first:
        yield first
    if measured.part:
        yield measured.part
    overheads = [f"{row.name} {_spread(row.overhead)}" for row in rows if row.overhead]
    if overheads:
        yield f"fit / plain loop: {', '.join(overheads)}."
    if measured.reference != "scratch":
        yield f"There is no build_scratch: losses and times are compared with {measured.reference}."
    if measured.uncounted:
        yield f"No GFLOP/s: {measured.uncounted}."
    names: dict[str, list[str]] = {}
    for name, reason in measured.unavailable.items():
        names.setdefault(reason, []).append(name)
    for reason, without in names.items():
        yield f"Without {', '.join(without)}: {reason}."


def _cells(row: Figures) -> tuple[str, ...]:
    return (
        row.name,
        _digits(row.us_per_step),
        _spread(row.ratio) if row.ratio else "",
        "" if row.gflops is None else _digits(row.gflops),
        "" if row.share is None else f"{_digits(100 * row.share)} %",
        f"{row.start:.1f}" if row.start < 100 else _digits(row.start),
    )


def _spread(ratio: Ratio, unit: str = "") -> str:
    return f"{_digits(ratio.median)}{unit} ({_digits(ratio.min)} .. {_digits(ratio.max)})"


def _digits(value: float) -> str:
    """Give two or three digits, however small the value is.

    >>> [_digits(value) for value in (0.00123, 0.5, 1.0, 12.345, 1234.5)]
    ['0.0012', '0.50', '1.00', '12.3', '1,234']
    """
    if value < 0.1:
        return f"{value:.2g}"
    return f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:,.0f}"


def _markdown_row(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"
