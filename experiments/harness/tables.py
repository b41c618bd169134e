"""The tables on the terminal, readable at 80 columns and without colour."""

from collections.abc import Iterable
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from experiments.harness.results import DIGITS, accepted, certified_digits

__all__ = ["make_console", "make_table", "show_experiment", "show_summary"]

Records = list[dict[str, Any]]


def show_experiment(console: Console, cells: Records, agreement: Records) -> None:
    """Print one experiment: a table of the implementations, and one of their pairs."""
    console.print()
    console.print(_title(cells))
    console.print(_cells_table(cells))
    if agreement:
        console.print(_agreement_table(agreement))
    for line in _confusions(cells):
        console.print(Text(line))


def show_summary(console: Console, results: dict[str, Any], objections: list[str]) -> None:
    """Print the verdict over all: what was trained, what agrees, and each objection."""
    cells, agreement = results["cells"], results["agreement"]
    failed = sum(cell["status"] == "failed" for cell in cells)
    judged = [entry["verdict"] for entry in agreement if entry["verdict"]]
    parts = [f"{len(cells) - failed} of {len(cells)} trainings finished"]
    if judged:
        parts.append(f"{judged.count('agree')} of {len(judged)} pairs agree")
    if tests := [pair["verdict"] for entry in results["native"] for pair in entry["pairs"]]:
        parts.append(f"{tests.count('equivalent')} of {len(tests)} pairs shown equivalent")
    if len(judged) < len(agreement):
        parts.append(f"{len(agreement) - len(judged)} pairs in float32 measured, not judged")
    for line in objections:
        console.print(Text(f"✗ {line}", style="red"))
    console.print(Text("; ".join(parts) + ".", style="red" if objections else "green"))


def _title(cells: Records) -> Text:
    first = cells[0]
    spec, data = first["spec"], first["data"]
    network = "-".join(str(width) for width in (spec["inputs"], *spec["hidden"], spec["outputs"]))
    seeds = len({cell["seed"] for cell in cells})
    which = f"seed {first['seed']}" if seeds == 1 else f"{seeds} seeds"
    title = Text(first["experiment"], style="bold")
    how = "native, " if first["mode"] == "native" else ""
    rows = "" if first["limit"] is None else f", first {first['limit']} rows"
    title.append(
        f"  {network}, {first['epochs']} epochs, batch {spec['batch_size']}, {first['dtype']}, "
        f"{how}{which}\n{data['name']}, {data['source']}{rows}, SHA-256 {data['sha256'][:12]}",
        style="not bold",
    )
    return title


def _cells_table(cells: Records) -> Table:
    certified = ["digits"] if any(map(certified_digits, cells)) else []
    names = ("training loss", "test loss", "test accuracy", *certified, "seconds")
    table = make_table("implementation", *names)
    for name in dict.fromkeys(cell["implementation"] for cell in cells):
        mine = [cell for cell in cells if cell["implementation"] == name]
        done = [cell for cell in mine if cell["status"] == "ok"]
        if not done:
            table.add_row(name, Text("failed", style="red"), *[""] * (len(names) - 1))
            continue
        digits = ".6f" if len(done) == 1 else ".4f"
        inside = all(accepted(cell) is not False for cell in done)
        table.add_row(
            name,
            _spread([cell["history"]["loss"][-1] for cell in done], digits),
            _spread([cell["test"]["loss"] for cell in done], digits),
            Text(
                _spread([cell["test"]["accuracy"] for cell in done], ".4f"),
                style="" if inside else "red",
            ),
            *([_digits(done)] if certified else []),
            _spread([cell["seconds"]["fit"] for cell in done], ".1f"),
        )
    return table


def _digits(cells: Records) -> Text:
    """Give the fewest certified digits that one of the cells has right."""
    found = [digits for cell in cells if (digits := certified_digits(cell))]
    if not found:
        return Text("-")
    worst, _ = min(found)
    return Text(f"{worst:.2f}", style="red" if worst < DIGITS else "")


def _agreement_table(agreement: Records) -> Table:
    table = make_table("pair", "epoch losses", "weights", "predictions", "verdict")
    for pair in dict.fromkeys(tuple(entry["pair"]) for entry in agreement):
        mine = [entry for entry in agreement if tuple(entry["pair"]) == pair]
        mismatches = sum(entry["prediction_mismatches"] for entry in mine)
        table.add_row(
            " - ".join(pair),
            _exponent(entry["max_rel_loss"] for entry in mine),
            _exponent(entry["max_rel_weight"] for entry in mine),
            f"{mismatches} of {sum(entry['n_predictions'] for entry in mine)}",
            _verdict({entry["verdict"] for entry in mine}),
        )
    if floors := [entry["noise_floor"] for entry in agreement if entry["noise_floor"]]:
        table.add_row(
            "noise floor",
            _exponent(floor["loss"] for floor in floors),
            _exponent(floor["weight"] for floor in floors),
            str(max(floor["predictions"] for floor in floors)),
            f"scratch x{floors[0]['trainings']}",
            style="dim",
        )
    return table


def _verdict(verdicts: set[str | None]) -> Text:
    """Give the worst of them; float32 is measured, not judged."""
    if "differ" in verdicts:
        return Text("differ", style="red")
    return Text("not judged") if None in verdicts else Text("agree", style="green")


def _confusions(cells: Records) -> Iterable[str]:
    """Give the confusion matrices of two classes on one seed, a line for each different one."""
    by_matrix: dict[str, list[str]] = {}
    for cell in cells:
        one_seed = cell["seed"] == cells[-1]["seed"] == cells[0]["seed"]
        if one_seed and cell["status"] == "ok" and len(cell["test"]["confusion"]) == 2:
            by_matrix.setdefault(str(cell["test"]["confusion"]), []).append(cell["implementation"])
    for matrix, names in by_matrix.items():
        yield f"confusion matrix {matrix}: {', '.join(names)}"


def make_console(quiet: bool = False) -> Console:
    """Return a console that shows text as it is: names of files and records are no markup."""
    return Console(highlight=False, markup=False, emoji=False, quiet=quiet)


def make_table(first: str, *others: str) -> Table:
    """Return an empty table: one column to the left, the others to the right."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), show_edge=False, pad_edge=False)
    table.add_column(first)
    for name in others:
        table.add_column(name, justify="right")
    return table


def _spread(values: list[float | None], form: str) -> str:
    """Give the one value, or the smallest and the largest."""
    finite = [value for value in values if value is not None]
    if len(finite) < len(values):
        return "nan"
    if len(finite) == 1:
        return format(finite[0], form)
    return f"{min(finite):{form}}..{max(finite):{form}}"


def _exponent(errors: Iterable[float | None]) -> str:
    """Give the worst relative error, in as many digits as matter."""
    worst = max(float("inf") if error is None else error for error in errors)
    return f"{worst:.1e}" if worst else "0"
