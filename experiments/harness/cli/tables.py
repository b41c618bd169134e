"""The tables of a run on the terminal."""

from collections.abc import Iterator, Sequence
from shlex import quote

from rich.console import Console
from rich.table import Table
from rich.text import Text

from experiments.harness.experiment import widths
from experiments.harness.records.models import AgreementEntry, Record, Results
from experiments.harness.records.results import (
    DIGITS,
    accepted,
    asked_for,
    certified_digits,
    different_predictions,
    remarks,
)
from experiments.harness.records.sweeps import SettingSummary, figure_of, summaries
from experiments.registry import as_given, known_experiment
from frameworks.console import agreeing, counted, exponent, make_table, spread, two_decimals
from frameworks.task import Metric, find_task

__all__ = ["in_a_sentence", "show_experiment", "show_summary", "show_sweep"]

_ROWS = 50  # of a sweep
_LINES = 50  # of what went against
_NARROW = (0, 1, 0, 0)  # two blanks between columns, where three are too many for 80


def show_experiment(
    console: Console, cells: Sequence[Record], agreement: Sequence[AgreementEntry]
) -> None:
    """Print one experiment: a table of the implementations, and one of their pairs."""
    console.print()
    console.print(_title(cells))
    console.print(_cells_table(cells))
    if agreement:
        console.print(_agreement_table(agreement))
    for line in [*_confusions(cells), *remarks(cells, agreement)]:
        console.print(Text(line))


def show_sweep(console: Console, results: Results) -> None:
    """Print one experiment with several settings: a row for each of them."""
    rows, task = summaries(results), find_task(results.cells[0].task)
    console.print()
    console.print(_title(results.cells, sweep=len(rows)))
    table = make_table("setting", "seeds", task.headline.title, "range", "losses", "verdict")
    for row in rows[:_ROWS]:
        ends = spread([row.lowest, row.highest], task.headline.form) if row.finished else ""
        losses = "" if row.worst is None else exponent([row.worst])
        figure = figure_of(row, task.headline.form)
        verdict = Text(row.word, style=_style(row))
        table.add_row(
            row.label or "the page's own", f"{row.seeds:,}", figure, ends, losses, verdict
        )
    console.print(table)
    if len(rows) > _ROWS:
        more = f"and {len(rows) - _ROWS:,} settings more"
        console.print(f"{more}; trainings.csv has a row for every training")
    for line in list(remarks(results.cells, results.agreement))[:_LINES]:
        console.print(Text(line))


def _style(row: SettingSummary) -> str:
    return "red" if row.against else "green" if row.word == "agree" else ""


def show_summary(
    console: Console, results: Results, objections: list[str], counts: str = ""
) -> None:
    """Print the verdict over all: the experiments, each objection, what was trained and agrees.

    A single experiment has shown its own tables, and gets no table of experiments.
    `counts` says how much of it was trained just now.
    """
    if len({cell.experiment for cell in results.cells}) > 1:
        console.print(_experiments_table(results))
        console.print()
    for line in objections[:_LINES]:
        console.print(Text(f"✗ {line}", style="red"))
    if len(objections) > _LINES:
        more = f"✗ and {len(objections) - _LINES:,} more, in results.json"
        console.print(Text(more, style="red"))
    console.print(Text(in_a_sentence(results, counts), style="red" if objections else "green"))
    if command := _next(results):
        console.print(Text(f"Where it begins, and why: {command}"), soft_wrap=True)


def _next(results: Results) -> str:
    """Return the command that says more of the first pair that differs, or an empty string.

    Of a pair with other inputs it would say nothing: it gives both the same.
    """
    differ = (each for each in results.agreement if each.verdict == "differ")
    entry = next((each for each in differ if not each.inputs_differ), None)
    if entry is None:
        return ""
    words = ["lockstep diverge", quote(as_given(entry.experiment))]
    words += ["--between", ",".join(entry.pair)]
    words += ["--dtype float32"] * (entry.dtype == "float32")
    words += [f"--seed {entry.seed}"] * (entry.seed > 0)
    words += [f"--set {each}" for each in entry.label.split()]
    return " ".join(words)


def in_a_sentence(results: Results, counts: str = "") -> str:
    """Count what was trained, and what agrees."""
    cells, agreement = results.cells, results.agreement
    judged = [entry.verdict for entry in agreement if entry.verdict]
    asked = asked_for(results)
    parts = [f"{sum(cell.ok for cell in cells):,} of {counted(asked, 'training')} finished"]
    if counts:
        parts.append(counts)
    if judged:
        parts.append(f"{judged.count('agree'):,} of {agreeing(len(judged))}")
    if tests := [pair.verdict for entry in results.native for pair in entry.pairs]:
        parts.append(
            f"{tests.count('equivalent'):,} of {counted(len(tests), 'pair')} shown equivalent"
        )
    if len(judged) < len(agreement):
        parts.append(f"{counted(len(agreement) - len(judged), 'pair')} measured, not judged")
    return "; ".join(parts) + "."


def _experiments_table(results: Results) -> Table:
    """Give a row for each experiment: the worst of its verdicts and digits, its main figure, time.

    `seconds` is the sum of all its trainings.
    """
    names = ("verdict", "digits", "predictions", "test figure", "seconds")
    table = make_table("experiment", *names)
    table.columns[0].no_wrap = True
    table.padding = _NARROW
    for name in dict.fromkeys(cell.experiment for cell in results.cells):
        done = [cell for cell in results.cells if cell.experiment == name and cell.ok]
        entries = [entry for entry in results.agreement if entry.experiment == name]
        headline = find_task(done[0].task).headline if done else None
        tests = [cell.test for cell in done if cell.test]
        found = [test.metric(headline.name) for test in tests] if headline else []
        figures = spread(found, ".4g", "..\n") if found else "-"
        table.add_row(
            name,
            _verdict({entry.verdict for entry in entries}) if entries else "-",
            _digits(done),
            _mismatches(entries) if entries else "-",
            f"{headline.title.replace('test ', '')} {figures}" if headline and found else figures,
            f"{sum(cell.seconds.fit for cell in done if cell.seconds):.1f}",
        )
    return table


def _title(cells: Sequence[Record], sweep: int = 0) -> Text:
    """Name an experiment, and what is the same for all of its trainings."""
    first = cells[0]
    experiment, data = known_experiment(first.experiment), first.data
    network = f"{widths(first.spec)}, " if experiment else ""
    if sweep:
        network = f"{sweep:,} settings, "
    setting = f"{first.label}, " if first.setting and not sweep else ""
    seeds = len({cell.seed for cell in cells})
    which = f"seed {first.seed}" if seeds == 1 else counted(seeds, "seed")
    title = Text(first.experiment, style="bold")
    how = "native, " if first.mode == "native" else ""
    rows = "" if first.limit is None else f", first {first.limit:,} rows"
    alike = len({(cell.epochs, cell.spec.batch_size) for cell in cells}) == 1
    length = f"{counted(first.epochs, 'epoch')}, batch {first.spec.batch_size:,}"
    length = length if alike else "of different lengths"
    title.append(
        f"  {network}{setting}{length}, {first.dtype}, "
        f"{how}{which}\n{data.name}, {data.source}{rows}, SHA-256 {data.sha256[:12]}",
        style="not bold",
    )
    return title


def _cells_table(cells: Sequence[Record]) -> Table:
    metrics = find_task(cells[0].task).metrics
    # Several figures, or those of several seeds, fit into 80 columns as cells of two lines.
    one_seed = len({cell.seed for cell in cells}) == 1
    between, space = ("..", " ") if len(metrics) == 1 and one_seed else ("..\n", "\n")
    certified = ["digits"] if any(map(certified_digits, cells)) else []
    titles = [metric.title.replace(" ", space) for metric in metrics]
    names = (f"training{space}loss", f"test{space}loss", *titles, *certified, "seconds")
    table = make_table("implementation", *names)
    table.columns[0].no_wrap = True
    if len(metrics) > 2:
        table.padding = _NARROW
    for name in dict.fromkeys(cell.implementation for cell in cells):
        done = [cell for cell in cells if cell.implementation == name and cell.ok]
        if not done:
            table.add_row(name, Text("failed", style="red"), *[""] * (len(names) - 1))
            continue
        form = ".6f" if len(done) == 1 else ".4f"
        inside = all(accepted(cell) is not False for cell in done)
        figures = [_figure(done, metric, between) for metric in metrics]
        table.add_row(
            name,
            spread([cell.history.loss[-1] for cell in done if cell.history], form, between),
            spread([cell.test.loss for cell in done if cell.test], form, between),
            Text(figures[0], style="" if inside else "red"),
            *figures[1:],
            *([_digits(done)] if certified else []),
            spread([cell.seconds.fit for cell in done if cell.seconds], ".1f", between),
        )
    return table


def _figure(cells: Sequence[Record], metric: Metric, between: str) -> str:
    form = metric.form if len(cells) == 1 or metric.form == ".4f" else ".4g"
    return spread([cell.test.metric(metric.name) for cell in cells if cell.test], form, between)


def _digits(cells: Sequence[Record]) -> Text:
    """Give the fewest certified digits that one of the trainings has right."""
    found = [digits for cell in cells if (digits := certified_digits(cell))]
    if not found:
        return Text("-")
    worst, _ = min(found)
    return Text(two_decimals(worst), style="red" if worst < DIGITS else "")


def _agreement_table(agreement: Sequence[AgreementEntry]) -> Table:
    table = make_table("pair", "epoch losses", "weights", "predictions", "verdict")
    for pair in dict.fromkeys(entry.pair for entry in agreement):
        mine = [entry for entry in agreement if entry.pair == pair]
        table.add_row(
            " - ".join(pair),
            exponent(entry.max_rel_loss for entry in mine),
            exponent(entry.max_rel_weight for entry in mine),
            _mismatches(mine),
            _verdict({entry.verdict for entry in mine}),
        )
    if floors := [entry.noise_floor for entry in agreement if entry.noise_floor]:
        table.add_row(
            "noise floor",
            exponent(floor.loss for floor in floors),
            exponent(floor.weight for floor in floors),
            f"{max(floor.predictions for floor in floors):,}",
            f"scratch x{floors[0].trainings}",
            style="dim",
        )
    return table


def _mismatches(entries: Sequence[AgreementEntry]) -> str:
    """Count the predictions that differ; outputs are compared where there are none."""
    if counts := different_predictions(entries):
        return "{:,} of {:,}".format(*counts)
    return f"outputs {exponent(entry.max_rel_output for entry in entries)}"


def _verdict(verdicts: set[str | None]) -> Text:
    """Give the worst of them; float32 is measured, not judged."""
    if "differ" in verdicts:
        return Text("differ", style="red")
    return Text("not judged") if None in verdicts else Text("agree", style="green")


def _confusions(cells: Sequence[Record]) -> Iterator[str]:
    """Give the confusion matrices of two classes on one seed, a line for each different one."""
    by_matrix: dict[str, list[str]] = {}
    for cell in cells:
        matrix = cell.test.confusion if cell.test else None
        if matrix and len(matrix) == 2 and cell.seed == cells[-1].seed == cells[0].seed:
            by_matrix.setdefault(str(matrix), []).append(cell.implementation)
    for text, names in by_matrix.items():
        yield f"confusion matrix {text}: {', '.join(names)}"
