"""What a walk came to, as a table and sentences for people, and as JSON for programs."""

import math
from dataclasses import asdict
from textwrap import wrap
from typing import Any

from experiments.harness.user_pages import PREFIX
from rich.console import Console
from rich.text import Text

from experiments.harness.cli.tables import make_table
from frameworks.diverge.differences import Difference
from frameworks.diverge.findings import LEVELS, Finding, Level, Walk
from frameworks.diverge.floor_table import floor_table, how_judged
from frameworks.diverge.side import Side

__all__ = ["as_json", "show"]

_WIDTH = 78
_MARKS = {"same": ("✓", "green"), "parted": ("✗", "red"), "measured": ("~", "")}


def show(console: Console, walk: Walk) -> None:
    """Print the levels, what parts first, and the likely cause."""
    a, b = walk.a, walk.b
    name, epochs = page_name(a), a.epochs or a.page.SPEC.epochs
    length = f"{walk.steps} steps" if walk.steps else f"{epochs} epochs"
    console.print(Text(f"{name}  {a.implementation} - {b.implementation}", style="bold"))
    rows = "" if a.limit is None else f", first {a.limit} rows"
    console.print(f"{length}, batch {a.batch_size}, {a.dtype}, seed {a.seed}; {a.data.name}, "
                  f"{a.data.source}{rows}")  # fmt: skip
    table = make_table("level", "", "compared", "worst", "limit")
    for level in LEVELS:
        reached = next((each for each in walk.levels if each.name == level), None)
        _row(table, level, reached)
    if walk.single is not None:
        _single_row(table, walk)
    console.print(table)
    if walk.floor is not None:
        console.print(floor_table(walk))
    for note in walk.notes + (how_judged(walk) if a.dtype == "float32" else []):
        _say(console, "", note)
    for finding in walk.findings:
        _show_finding(console, walk, finding)
    if walk.single is not None:
        _show_single(console, walk)
    console.print(Text(_verdict(walk), style="red" if parts(walk) else "green"))


def parts(walk: Walk) -> bool:
    """Say whether anything parts."""
    return bool(walk.findings or (walk.single and walk.single.parted))


def _row(table: Any, name: str, level: Level | None) -> None:
    if level is None:
        table.add_row(name, "", "", "", "")
        return
    mark, style = _MARKS[level.verdict]
    limit = "" if level.worst.limit is None else f"{level.worst.limit:.1e}"
    numbers = str(level.compared), f"{level.worst.error:.1e}", limit
    table.add_row(name, Text(mark, style=style), *numbers)


def _single_row(table: Any, walk: Walk) -> None:
    single = walk.single
    assert single is not None
    worst = single.parted[0] if single.parted else single.worst
    mark, style = _MARKS["parted" if single.parted else "same"]
    numbers = str(single.steps), f"{worst.error:.1e}", f"{worst.limit:.1e}"
    table.add_row("single steps", Text(mark, style=style), *numbers)


def _show_finding(console: Console, walk: Walk, finding: Finding) -> None:
    each = finding.difference
    _say(console, "✗ ", f"They part at the level {finding.level}: {_where(each)}.", "red")
    _values(console, walk, each)
    for detail in finding.details:
        _say(console, "  ", f"{detail[0].upper()}{detail[1:]}.")
    if finding.cause:
        _say(console, "  ", f"Likely cause: {finding.cause}.", "bold")


def _where(each: Difference) -> str:
    when = [
        f"{name} {number}"
        for name, number in (("step", each.step), ("epoch", each.epoch))
        if number is not None
    ]
    at = f" ({', '.join(when)})" if when else ""
    error = "by more than any number" if math.isinf(each.error) else f"by {each.error:.1e}"
    limit = "identical" if each.limit == 0 else f"limit {each.limit:.1e}"
    return f"{each.where}{at}, {error}, {limit if each.limit else 'where they are to be identical'}"


def _values(console: Console, walk: Walk, each: Difference) -> None:
    if not any(each.values):
        return
    at = f"at {list(each.index)}: " if each.index else ""
    a, b = walk.a.implementation, walk.b.implementation
    _say(console, "  ", f"{at}{a} {each.values[0]}, {b} {each.values[1]}")


def _show_single(console: Console, walk: Walk) -> None:
    single = walk.single
    assert single is not None
    if not single.parted:
        return
    steps = [each.step for each in single.parted]
    worst = max(single.parted, key=lambda each: each.error)
    text = (
        f"{len(steps)} of {single.steps} single steps part, from step {steps[0]} to step "
        f"{steps[-1]}; the worst is step {worst.step}, by {worst.error:.1e} in {worst.where}."
    )
    _say(console, "✗ ", text, "red")


def page_name(side: Side) -> str:
    """Return an experiment's name, which is its file's."""
    return side.page.__name__.rpartition(".")[2].removeprefix(PREFIX)


def _verdict(walk: Walk) -> str:
    a, b = walk.a.implementation, walk.b.implementation
    if parts(walk):
        return f"{a} and {b} part."
    if any(level.verdict == "measured" for level in walk.levels):
        return f"{a} and {b} do not part on one batch; whole trainings in float32 are measured."
    if walk.floor is not None:
        return f"{a} and {b} do not part: they are no farther apart than scratch is from itself."
    return f"{a} and {b} do not part."


def _say(console: Console, first: str, text: str, style: str = "") -> None:
    """Print a paragraph, indented below its mark."""
    lines = wrap(text, _WIDTH, initial_indent=first, subsequent_indent="  ")
    console.print(Text("\n".join(lines), style=style), soft_wrap=True)


def as_json(walk: Walk) -> dict[str, Any]:
    """Return the walk as JSON's types; errors that are infinite are null."""
    single = walk.single
    return {
        "schema": 1,
        "between": [walk.a.implementation, walk.b.implementation],
        "dtype": walk.a.dtype,
        "seed": walk.a.seed,
        "verdict": "part" if parts(walk) else "same",
        "levels": [_finite(asdict(level)) for level in walk.levels],
        "findings": [_finite(asdict(finding)) for finding in walk.findings],
        "noise_floor": None if walk.floor is None else _finite(walk.floor.noise.to_json()),
        "notes": walk.notes,
        "single_steps": None if single is None else _finite(asdict(single)),
    }


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
