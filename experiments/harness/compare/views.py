"""A comparison in sentences, on the terminal, and as one HTML file."""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from experiments.harness.compare import schema
from experiments.harness.records.own_files import refuse_a_runs_own
from frameworks.console import exponent, make_table, spread, two_decimals
from frameworks.errors import RequestError, printable
from frameworks.files import is_another, require_place
from frameworks.task import find_task

__all__ = ["check_html", "findings", "render", "show_comparison", "summary"]

_STYLES = {"worse": "red", "better": "green", "changed": "yellow", "not comparable": "yellow"}
_SIGNS = {"worse": "✗", "better": "✓"}


def findings(comparison: schema.ComparedRuns) -> list[tuple[str, str]]:
    """Return (verdict, sentence) for everything that changed or was not compared."""
    found: list[tuple[str, str]] = [
        (each.verdict, each.sentence)
        for each in [*comparison.trainings, *comparison.lost]
        if each.verdict != "unchanged"
    ]
    found += [
        (pair.verdict, pair.sentence)
        for pair in comparison.pairs
        if pair.verdict in ("worse", "better")
    ]
    for refused in comparison.not_comparable:
        found.append(("not comparable", f"{refused.training}: not comparable: {refused.reason}"))
    lost = {str(each) for each in comparison.lost}
    remaining = [name for name in comparison.only_before if name not in lost]
    found += [("only before", f"{name}: only before") for name in remaining]
    return found + [("only after", f"{name}: only after") for name in comparison.only_after]


def summary(comparison: schema.ComparedRuns) -> str:
    """Count the verdicts in one line: "2 trainings compared: 1 worse, 1 unchanged."."""
    parts = []
    for noun, entries in (("training", comparison.trainings), ("pair", comparison.pairs)):
        verdicts = Counter(each.verdict for each in entries)
        counts = ", ".join(f"{number} {verdict}" for verdict, number in verdicts.items())
        total = f"{len(entries)} {noun}{'s' if len(entries) > 1 else ''}"
        compared = " compared" if noun == "training" else ""
        parts += [f"{total}{compared}: {counts}"] if entries else []
    for what in ("not_comparable", "only_before", "only_after"):
        if count := len(getattr(comparison, what)):
            parts.append(f"{count} {what.replace('_', ' ')}")
    return "; ".join(parts) + "."


def show_comparison(console: Console, comparison: schema.ComparedRuns) -> None:
    """Print a comparison for 80 columns: what changed around the trainings, then each training."""
    for which, run in (("before", comparison.before), ("after", comparison.after)):
        line = f"{which:<8}{printable(run.path)}, {run.trainings} trainings"
        console.print(Text(line), soft_wrap=True)
    console.print()
    if comparison.environment:
        table = make_table("changed", "before", "after")
        for change in comparison.environment:
            shown = change.name, _shown(change.before), _shown(change.after)
            table.add_row(*map(_text, shown))
        console.print(table)
    else:
        console.print("The environment, the source and the data are the same.")
    console.print()
    console.print(_trainings_table(comparison.trainings))
    if comparison.times:
        console.print()
        console.print(_times_table(comparison.times))
    console.print()
    for verdict, line in findings(comparison):
        sign = _SIGNS.get(verdict, "·")
        console.print(_text(f"{sign} {line}", style=_STYLES.get(verdict, "")))
    style = _STYLES.get(comparison.verdict, "")
    console.print(Text(summary(comparison), style=style))


def check_html(path: Path) -> None:
    """Raise RequestError for a file that cannot be written, is a run's own, or is no HTML."""
    require_place(path, "--html")
    if is_another(path, b"<!doctype html"):
        raise RequestError(f"{path}: is there already, and is no HTML file; choose another --html")
    refuse_a_runs_own(path, "choose another --html")


def render(comparison: schema.ComparedRuns) -> bytes:
    """Return a self-contained HTML document; all text in it is escaped."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"shown": _shown, "figures": _figures, "digits": _digits}
    environment.filters |= {"flips": _flips, "exponent": exponent, "spread": spread, "band": _band}
    html = environment.get_template("comparison.html").render(
        comparison=comparison,
        summary=summary(comparison),
        findings=findings(comparison),
        figure=_figure_title(comparison.trainings),
    )
    return html.encode(errors="backslashreplace")  # of a name that is no UTF-8


def _text(shown: str, style: str = "") -> Text:
    """Return what a record says as text that no terminal obeys."""
    return Text(printable(shown), style=style)


def _trainings_table(trainings: Sequence[schema.ComparedTraining]) -> Table:
    title = _figure_title(trainings)
    table = make_table("training", "losses", title, "digits", "rows", "verdict")
    for each in trainings:
        numbers = ("failed", "", "", "")
        if isinstance(each, schema.MeasuredTraining):
            losses = exponent([each.worst_epoch.error])
            numbers = (losses, _gain(each), _digits(each), _flips(each.flips))
        verdict = Text(each.verdict, style=_STYLES.get(each.verdict, ""))
        table.add_row(_text(str(each)), *numbers, verdict)
    return table


def _times_table(times: Sequence[schema.ComparedTimes]) -> Table:
    table = make_table("time, after / before", "trainings", "median (range)", "verdict")
    for each in times:
        verdict = each.verdict or "not judged"
        table.add_row(_text(each.implementation), str(each.trainings), _band(each), verdict)
    return table


def _flips(counts: schema.Flips | None) -> str:
    """Format the rows that were lost, gained, and wrong differently; "-" without answers.

    >>> _flips(schema.Flips(n=5, lost=3, gained=1, other=1, chance=0.625)), _flips(None)
    ('-3 +1 ~1', '-')
    """
    if counts is None:
        return "-"
    if not counts.n or counts.lost is None:
        return "?" if counts.n is None else str(counts.n)
    return f"-{counts.lost} +{counts.gained}" + f" ~{counts.other}" * bool(counts.other)


def _shown(value: object) -> str:
    """Format a value of the environment; "-" for a package that is not installed."""
    return "-" if value is None else str(value)


def _digits(training: schema.MeasuredTraining) -> str:
    """Format the certified digits, before and after if they differ, else those in common."""
    certified = training.certified_digits
    both = (certified.before, certified.after) if certified else (training.digits,)
    return "→".join(dict.fromkeys(two_decimals(value) for value in both if value is not None))


def _figure_title(trainings: Iterable[schema.ComparedTraining]) -> str:
    """Name the headline figure of the trainings; "figure" if their tasks differ."""
    tasks = {each.task for each in trainings if isinstance(each, schema.MeasuredTraining)}
    titles = [find_task(task).headline.title.removeprefix("test ") for task in tasks]
    return titles[0] if len(titles) == 1 else "figure"


def _figures(training: schema.MeasuredTraining) -> tuple[str, str]:
    """Format the headline figure, before and after."""
    metric = find_task(training.task).headline
    both = training.metrics[metric.name]
    return spread([both.before], metric.form), spread([both.after], metric.form)


def _gain(training: schema.MeasuredTraining) -> str:
    """Format the change of the headline figure, with its sign."""
    metric = find_task(training.task).headline
    both = training.metrics[metric.name]
    if both.before == both.after:
        return "0"
    if both.before is None or both.after is None:
        return "nan"
    return format(both.after - both.before, f"+{metric.form}")


def _band(times: schema.ComparedTimes) -> str:
    """Format the median ratio, with the smallest and the largest."""
    return f"{times.median:.2f} ({times.lowest:.2f} .. {times.highest:.2f})"
