"""A comparison on the terminal: first what changed around the trainings, then each of them."""

from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from experiments.harness.cli.tables import make_table
from experiments.harness.compare import wording
from frameworks.errors import printable

__all__ = ["show_comparison"]

_STYLES = {"worse": "red", "better": "green", "changed": "yellow", "not comparable": "yellow"}
_SIGNS = {"worse": "✗", "better": "✓"}


def show_comparison(console: Console, comparison: dict[str, Any]) -> None:
    """Print a comparison, at 80 columns."""
    for which in ("before", "after"):
        run = comparison[which]
        line = f"{which:<8}{printable(run['path'])}, {run['trainings']} trainings"
        console.print(Text(line), soft_wrap=True)
    console.print()
    if comparison["environment"]:
        console.print(_environment_table(comparison["environment"]))
    else:
        console.print("The environment, the source and the data are the same.")
    console.print()
    console.print(_trainings_table(comparison["trainings"]))
    if comparison["times"]:
        console.print()
        console.print(_times_table(comparison["times"]))
    console.print()
    for verdict, line in wording.findings(comparison):
        sign = _SIGNS.get(verdict, "·")
        console.print(Text(f"{sign} {line}", style=_STYLES.get(verdict, "")))
    style = _STYLES.get(comparison["verdict"], "")
    console.print(Text(wording.summary(comparison), style=style))


def _environment_table(changes: list[dict[str, Any]]) -> Table:
    table = make_table("changed", "before", "after")
    for change in changes:
        table.add_row(
            change["name"], *(wording.shown(change[which]) for which in ("before", "after"))
        )
    return table


def _trainings_table(trainings: list[dict[str, Any]]) -> Table:
    table = make_table("training", "losses", "accuracy", "digits", "rows", "verdict")
    for training in trainings:
        verdict = Text(training["verdict"], style=_STYLES.get(training["verdict"], ""))
        name = wording.name_of(training)
        if "accuracy" in training:
            change = training["accuracy"]["after"] - training["accuracy"]["before"]
            accuracy = f"{change:+.4f}" if change else "0"
            losses, rows = wording.worst_error(training), wording.flips(training["flips"])
            table.add_row(name, losses, accuracy, wording.digits(training), rows, verdict)
        else:
            table.add_row(name, "failed", "", "", "", verdict)
    return table


def _times_table(times: list[dict[str, Any]]) -> Table:
    table = make_table("time, after / before", "trainings", "median (range)", "verdict")
    for each in times:
        verdict = each["verdict"] or "not judged"
        table.add_row(each["implementation"], str(each["trainings"]), wording.band(each), verdict)
    return table
