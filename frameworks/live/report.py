"""The report on two trainings: one screen for people, a dictionary for programs."""

import io
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from textwrap import wrap
from typing import Any, Literal

from rich.console import Console
from rich.table import Table
from rich.text import Text

from frameworks.console import counted, exponent, make_table
from frameworks.diverge.differences import Difference
from frameworks.diverge.findings import Level
from frameworks.diverge.show import level_table, where_of
from frameworks.live.explaining import Explanation
from frameworks.live.levels import LEVELS
from frameworks.live.proofs import Cause
from frameworks.live.settings import Setting, without_effect

__all__ = ["Report"]

_WIDTH = 79
_UNREAD = (
    "lockstep's reference does not reproduce {} here: something is at work that it does not read, "
    "such as a mask; no cause can be proven."
)


@dataclass(frozen=True)
class Report:
    """What a comparison found.

    `level` is the first level that differs, "" if none does; `place` names the layer, the weight or
    the step there; `step` counts from 1. `cause` is a sentence that the numbers prove, or None.
    """

    names: tuple[str, str]
    steps: int
    batch_size: int
    dtype: str
    seed: int
    levels: Sequence[Level]
    level: str = ""
    place: str = ""
    difference: Difference | None = None
    between: bool = False  # the difference arises on the way into the place
    causes: Sequence[Cause] = ()  # proven
    odd: str | None = None  # the side whose numbers the reference does not reproduce
    settings: Sequence[Setting] = ()
    explanation: Explanation | None = None  # of all differences, if it was asked for
    notes: Sequence[str] = ()

    @property
    def same(self) -> bool:
        """Whether the two trainings are the same, as far as they were judged."""
        return not self.level

    @property
    def step(self) -> int | None:
        """The first step that differs, where the level has steps."""
        return None if self.difference is None else self.difference.step

    @property
    def cause(self) -> str | None:
        """The first proven cause."""
        return self.causes[0].sentence if self.causes else None

    @property
    def without_effect(self) -> str:
        """Which settings differ though the two are the same, in a sentence; "" if none does."""
        return without_effect(self.settings, self.steps) if self.same else ""

    @property
    def verdict(self) -> Literal["part", "same"]:
        """In one word."""
        return "same" if self.same else "part"

    @property
    def against(self) -> list[str]:
        """All that went against, a sentence each; empty if the two are the same."""
        if self.same:
            return []
        where = self.place if self.difference is None else where_of(self.difference)
        return [f"They first differ at the {self.level} level: {where}."]

    def to_dict(self) -> dict[str, Any]:
        """Return everything in plain types, for JSON; infinite numbers become None."""
        found = self.difference
        return {
            "schema": 1,
            "between": list(self.names),
            "same": self.same,
            "verdict": self.verdict,
            "against": self.against,
            **{name: getattr(self, name) for name in ("steps", "batch_size", "dtype", "seed")},
            "levels": [_level(each) for each in self.levels],
            "level": self.level,
            "place": self.place,
            "step": self.step,
            "difference": None if found is None else _difference(found),
            "causes": [asdict(each) for each in self.causes],
            "odd": self.odd,
            "settings": [vars(each) for each in self.settings],
            "explanation": None if self.explanation is None else asdict(self.explanation),
            "notes": [*self.notes, *filter(None, [self.without_effect])],
        }

    def __str__(self) -> str:
        target = io.StringIO()
        self.print(Console(file=target, width=_WIDTH, highlight=False, markup=False, emoji=False))
        return "\n".join(line.rstrip() for line in target.getvalue().rstrip().split("\n"))

    def print(self, console: Console) -> None:
        """Print the report."""
        a, b = self.names
        console.print(Text(f"{a} - {b}", style="bold"))
        count = counted(self.steps, "step")
        console.print(f"{count}, batch {self.batch_size:,}, {self.dtype}, seed {self.seed}")
        if self.settings:
            console.print(_settings_table(self.names, self.settings))
        console.print(level_table(LEVELS, self.levels))
        if self.difference is not None:
            self._print_difference(console, self.difference)
        for cause in self.causes:
            _say(console, "  ", f"Cause: {cause.sentence}.", "bold")
            if cause.advice:
                _say(console, "  ", f"Remedy: {cause.advice}.")
        if self.odd and not self.causes:
            _say(console, "  ", _UNREAD.format(self.odd))
        if self.explanation is not None:
            self._print_explanation(console, self.explanation)
        for note in (*self.notes, *filter(None, [self.without_effect])):
            first = note.split(" ", 1)[0]
            named = note.startswith(self.names) or not first.isalpha()  # written as they are
            _say(console, "", f"{note if named else note[0].upper() + note[1:]}.")
        console.print(Text(self._verdict(), style="green" if self.same else "red"))

    def _print_difference(self, console: Console, found: Difference) -> None:
        _say(console, "✗ ", self.against[0], "red")
        if any(found.values):
            at = f"at {list(found.index)}: " if found.index else ""
            pairs = [f"{name} {x}" for name, x in zip(self.names, found.values, strict=True)]
            _say(console, "  ", f"{at}{', '.join(pairs)}")
        if self.between:
            text = "What enters it differs already, though every layer before it agrees: the two "
            _say(console, "  ", f"{text}connect or arrange their layers differently.")

    def _print_explanation(self, console: Console, explanation: Explanation) -> None:
        table = make_table("difference by difference", "level", "final loss")
        for each in explanation.found:
            share = "" if each.share is None else f"{each.share:z.0%}"
            table.add_row(each.cause.sentence, each.level, share)
        console.print(table)
        if explanation.stuck:
            rest = (
                f"no copy of {self.names[1]} can be given a remedy of the last one: what differs "
                "besides it is not known"
            )
        elif explanation.rest:
            rest = f"then they differ at the {explanation.rest} level: {explanation.place}"
        else:
            rest = "with all remedies the two agree"
        _say(console, "", f"{rest[0].upper()}{rest[1:]}.")

    def _verdict(self) -> str:
        a, b = self.names
        if not self.same:
            return f"{a} and {b} differ."
        measured = [level.name for level in self.levels if level.verdict == "measured"]
        if "result" in measured or self.without_effect:
            return f"{a} and {b} agree, as far as they were judged."
        return f"{a} and {b} agree."


def _settings_table(names: tuple[str, str], settings: Sequence[Setting]) -> Table:
    table = make_table("settings that differ", *names)
    for column in table.columns:
        column.justify, column.overflow = "left", "fold"
    for each in settings:
        words = f"{each.name} (equal in meaning)" if each.equal else each.name
        table.add_row(f"{each.place}: {words}", each.a, each.b)
    return table


def _say(console: Console, first: str, text: str, style: str = "") -> None:
    lines = wrap(text, _WIDTH - 1, initial_indent=first, subsequent_indent="  ")
    console.print(Text("\n".join(lines), style=style), soft_wrap=True)


def _difference(found: Difference) -> dict[str, Any]:
    return {
        "where": found.where,
        "error": _finite(found.error),
        "limit": found.limit,
        "index": list(found.index),
        "values": list(found.values),
        "step": found.step,
    }


def _level(level: Level) -> dict[str, Any]:
    worst = level.worst
    return {
        "name": level.name,
        "verdict": level.verdict,
        "compared": level.compared,
        "worst": _finite(worst.error),
        "limit": worst.limit,
        "where": worst.where,
    }


def _finite(x: float) -> float | None:
    return float(x) if exponent([x]) not in ("inf", "nan") else None
