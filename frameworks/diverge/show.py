"""The outcome of a walk: a table and sentences for people, JSON for programs."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import Literal

from rich.console import Console
from rich.table import Table
from rich.text import Text

from frameworks.agreement.noise_floor import NoiseFloor
from frameworks.console import counted, exponent, make_table
from frameworks.diverge.differences import Difference
from frameworks.diverge.findings import LEVELS, Finding, Level, Walk
from frameworks.diverge.first_batch import FACTOR
from frameworks.diverge.single_step import SingleSteps

__all__ = ["Divergence", "against", "as_json", "level_table", "show", "where_of"]

_WIDTH = 78
_MARKS = {"same": ("✓", "green"), "parted": ("✗", "red"), "measured": ("~", "")}


@dataclass(frozen=True)
class Divergence:
    """The JSON form of a walk; infinite numbers become null."""

    schema: int
    between: tuple[str, str]
    dtype: str
    seed: int
    verdict: Literal["part", "same", "measured"]  # measured: not judged to the end
    levels: list[Level]
    findings: list[Finding]
    noise_floor: NoiseFloor | None
    notes: list[str]
    single_steps: SingleSteps | None
    against: list[str]  # all that went against, a sentence each


def as_json(walk: Walk) -> Divergence:
    """Return the JSON form of a walk."""
    return Divergence(
        schema=1,
        between=(walk.a.implementation, walk.b.implementation),
        dtype=walk.a.dtype,
        seed=walk.a.seed,
        verdict="part" if walk.parts else "measured" if _measured(walk) else "same",
        levels=walk.levels,
        findings=walk.findings,
        noise_floor=None if walk.floor is None else walk.floor.noise,
        notes=walk.notes,
        single_steps=walk.single,
        against=against(walk),
    )


def against(walk: Walk) -> list[str]:
    """Return a sentence for every difference; none if the two agree."""
    found = [_first(walk, finding) for finding in walk.findings]
    return found + ([_single(walk.single)] if walk.single and walk.single.parted else [])


def _first(walk: Walk, finding: Finding) -> str:
    verb = "first differ" if finding is walk.findings[0] else "also differ"
    return f"They {verb} at the {finding.level} level: {where_of(finding.difference)}."


def _measured(walk: Walk) -> bool:
    return any(level.verdict == "measured" for level in walk.levels)


def show(console: Console, walk: Walk) -> None:
    """Print the levels, the first difference and its likely cause."""
    a, b = walk.a, walk.b
    length = counted(a.epochs or a.blueprint.spec.epochs, "epoch")
    if walk.steps:
        length = counted(walk.steps, "step")
    rows = "" if a.limit is None else f", first {a.limit:,} rows"
    data = ", ".join(filter(None, (a.data.name, a.data.source)))
    title = f"{a.blueprint.name}  {a.implementation} - {b.implementation}"
    console.print(Text(title, style="bold"))
    console.print(f"{length}, batch {a.batch_size:,}, {a.dtype}, seed {a.seed}; {data}{rows}")
    console.print(_level_table(walk))
    if walk.floor is not None:
        console.print(_floor_table(walk))
    for note in (*walk.notes, *_how_judged(walk)):
        _say(console, "", f"{note[0].upper()}{note[1:]}.")
    for finding in walk.findings:
        _show_finding(console, walk, finding)
    if walk.single is not None and walk.single.parted:
        _say(console, "✗ ", _single(walk.single), "red")
    console.print(Text(_verdict(walk), style="red" if walk.parts else "green"))


def level_table(names: Sequence[str], levels: Sequence[Level]) -> Table:
    """Return the table of all levels; those that were not reached are blank."""
    table = make_table("level", "", "compared", "worst", "limit")
    reached = {level.name: level for level in levels}
    for name in names:
        if level := reached.get(name):
            _add_row(table, name, level.verdict, level.compared, level.worst)
        else:
            table.add_row(name, "", "", "", "")
    return table


def _level_table(walk: Walk) -> Table:
    table = level_table(LEVELS, walk.levels)
    if single := walk.single:
        worst, verdict = (single.worst, "same")
        if single.parted:
            worst, verdict = (single.parted[0], "parted")
        _add_row(table, "single steps", verdict, single.steps, worst)
    return table


def _add_row(table: Table, name: str, verdict: str, compared: int, worst: Difference) -> None:
    mark, style = _MARKS[verdict]
    limit = "" if worst.limit is None else exponent([worst.limit])
    table.add_row(name, Text(mark, style=style), str(compared), exponent([worst.error]), limit)


def _floor_table(walk: Walk) -> Table:
    """Return the distances next to the floor's; blank where the walk did not reach them."""
    assert walk.floor is not None
    noise, apart = walk.floor.noise, walk.distance
    table = make_table("whole training", "difference", "noise floor")
    rows: dict[str, tuple[float, float | None]] = {
        "loss of any epoch": (noise.loss, None if apart is None else apart.loss),
        "weights at the end": (noise.weight, None if apart is None else apart.weight),
        "test loss": (noise.test_loss, None if apart is None else apart.test_loss),
    }
    answers = walk.a.blueprint.task.has_answers
    if not answers:
        rows["test outputs"] = (noise.outputs or 0.0, None if apart is None else apart.outputs)
    for words, (floor, found) in rows.items():
        table.add_row(words, "" if found is None else exponent([found]), exponent([floor]))
    if answers:
        mismatches = "" if apart is None else str(len(apart.mismatches))
        table.add_row("different predictions", mismatches, str(noise.predictions))
    return table


def _how_judged(walk: Walk) -> list[str]:
    """Return one sentence for each kind of measured limit."""
    sentences = []
    if walk.a.dtype == "float32":
        reference = "scratch" in (walk.a.implementation, walk.b.implementation)
        whose = "scratch's own rounding error" if reference else "the smaller rounding error"
        sentences.append(
            f"limits up to the step level: {FACTOR} times {whose}, measured against float64"
        )
    if walk.floor is not None:
        sentences.append(
            f"noise floor: the largest distance between any two of {walk.floor.noise.trainings} "
            "trainings of scratch with every result nudged at random in its last place"
        )
    elif _measured(walk) and not any("noise floor" in note for note in walk.notes):
        missing = "scratch" not in walk.a.blueprint.builders
        why = "can be measured without a build_scratch" if missing else "was requested"
        sentences.append(f"no noise floor {why}: whole trainings are not judged")
    return sentences


def _show_finding(console: Console, walk: Walk, finding: Finding) -> None:
    each = finding.difference
    _say(console, "✗ ", _first(walk, finding), "red")
    if any(each.values):
        at = f"at {list(each.index)}: " if each.index else ""
        a, b = walk.a.implementation, walk.b.implementation
        _say(console, "  ", f"{at}{a} {each.values[0]}, {b} {each.values[1]}")
    for detail in finding.details:
        _say(console, "  ", f"{detail[0].upper()}{detail[1:]}.")
    if finding.cause:
        _say(console, "  ", f"Likely cause: {finding.cause}.", "bold")


def where_of(each: Difference) -> str:
    """Return where two sides differ, by how much, and what the limit was."""
    times = {"step": each.step, "epoch": each.epoch}
    when = ", ".join(f"{name} {number}" for name, number in times.items() if number is not None)
    where = f"{each.where} ({when})" if when else each.where
    error = "by an infinite error" if math.isinf(each.error) else f"by {exponent([each.error])}"
    limit = f"limit {exponent([each.limit])}" if each.limit else "but must be identical"
    return f"{where}, {error}, {limit}"


def _single(single: SingleSteps) -> str:
    steps = [each.step for each in single.parted]
    worst = max(single.parted, key=lambda each: each.error)
    return (
        f"{len(steps):,} of {single.steps:,} single steps differ, from step {steps[0]:,} to step "
        f"{steps[-1]:,}; the worst is step {worst.step:,}: {worst.where}, by "
        f"{exponent([worst.error])}."
    )


def _verdict(walk: Walk) -> str:
    a, b = walk.a.implementation, walk.b.implementation
    if walk.parts:
        return f"{a} and {b} differ."
    if _measured(walk):
        return f"{a} and {b} agree on the first batch; whole trainings were not judged."
    if walk.floor is not None:
        return f"{a} and {b} agree: they stay within the noise floor of scratch."
    return f"{a} and {b} agree."


def _say(console: Console, first: str, text: str, style: str = "") -> None:
    """Print a paragraph with a hanging indent below its mark."""
    lines = wrap(text, _WIDTH, initial_indent=first, subsequent_indent="  ")
    console.print(Text("\n".join(lines), style=style), soft_wrap=True)
