"""Terminal output: the console, tables, numbers and one progress bar.

Everything is readable at 80 columns and without colour.
"""

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from decimal import ROUND_FLOOR, Context, Decimal
from typing import Any, Protocol

from rich import box
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

__all__ = [
    *(
        "Advance",
        "agreeing",
        "counted",
        "exponent",
        "make_console",
        "make_table",
        "progress_bar",
        "spread",
    ),
    "two_decimals",
]


def make_console(quiet: bool = False) -> Console:
    """Return a console that prints text literally: names of files and records are not markup."""
    return Console(highlight=False, markup=False, emoji=False, quiet=quiet)


def make_table(first: str, *others: str) -> Table:
    """Return an empty table: the first column left-aligned, the others right-aligned."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), show_edge=False, pad_edge=False)
    table.add_column(first)
    for name in others:
        table.add_column(name, justify="right")
    return table


def spread(values: Sequence[float | None], form: str, between: str = "..") -> str:
    """Format a single value, or the smallest and the largest; "nan" if one is missing.

    >>> spread([0.5, 0.25], ".2f"), spread([0.5], ".2f"), spread([0.5, None], ".2f")
    ('0.25..0.50', '0.50', 'nan')
    """
    finite = [value for value in values if value is not None]
    if len(finite) < len(values):
        return "nan"
    ends = dict.fromkeys(format(value, form) for value in (min(finite), max(finite)))
    return between.join(ends)


def counted(number: int, what: str) -> str:
    """Say how many there are of something.

    >>> counted(1, "epoch"), counted(10_000, "epoch"), counted(0, "step")
    ('1 epoch', '10,000 epochs', '0 steps')
    """
    return f"{number:,} {what}" + "s" * (number != 1)


def agreeing(pairs: int) -> str:
    """Say of a number of pairs that they agree.

    >>> agreeing(1), agreeing(3)
    ('1 pair agrees', '3 pairs agree')
    """
    return f"{counted(pairs, 'pair')} agree" + "s" * (pairs == 1)


def exponent(errors: Iterable[float | None]) -> str:
    """Format the largest of some relative errors in two digits; None is infinite.

    >>> exponent([1e-15, 2.34e-13]), exponent([0.0]), exponent([None])
    ('2.3e-13', '0', 'inf')
    """
    worst = max(float("inf") if error is None else error for error in errors)
    return f"{worst:.1e}" if worst else "0"


def two_decimals(digits: float) -> str:
    """Format a number of digits with two decimals, never rounded up.

    >>> two_decimals(11.996), two_decimals(11.29), len(two_decimals(1e308))
    ('11.99', '11.29', 312)
    """
    every = Context(prec=400)  # digits of the largest float, and two
    return str(Decimal(repr(float(digits))).quantize(Decimal("0.01"), ROUND_FLOOR, every))


class Advance(Protocol):
    """A callback that shows progress."""

    def __call__(self, what: str, done: float, total: float | None) -> None:
        """Show what is being done, and how much of it is done."""


@contextmanager
def progress_bar() -> Iterator[Advance]:
    """Show a progress bar on a terminal, and nothing elsewhere."""
    console = Console(stderr=True)
    if not sys.stderr.isatty():
        yield lambda what, done, total: None
        return
    with Progress(console=console, transient=True) as bars:
        bar: Any = bars.add_task("", total=None)

        def advance(what: str, done: float, total: float | None) -> None:
            bars.update(bar, description=what, completed=done, total=total)

        yield advance
