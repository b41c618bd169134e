"""A sweep: the task's headline figure against each number that was set, and a row a setting."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from experiments.harness.records.sweeps import SettingSummary, figure_of
from experiments.harness.report.svg import SERIES, Figure, drawable, figure, plain, to_svg
from experiments.harness.report.trained import Trained
from frameworks.console import exponent, spread
from frameworks.spec_values import label_of, rank_of, value_text

__all__ = ["SettingRow", "figures", "rows"]

_MARKERS = "os^vPD"
_LOGARITHMIC_FROM = 5  # ratio of the largest value of a number to the smallest
_MOST_POINTS = 200  # along an axis
_MOST_LABELS = 12
_MOST_ROWS = 200
_MOST_FIGURES = 4


@dataclass(frozen=True)
class SettingRow:
    """One setting in the report's table."""

    label: str
    seeds: str
    figure: str
    ends: str
    losses: str
    word: str
    against: bool


def rows(trained: Trained) -> list[SettingRow]:
    """Return a row for each setting; of very many, first those that something went against."""
    form, summaries = trained.task.headline.form, trained.sweep
    if len(summaries) > _MOST_ROWS:
        summaries = sorted(summaries, key=lambda each: not each.against)[:_MOST_ROWS]
    return [_row(each, form) for each in summaries]


def _row(each: SettingSummary, form: str) -> SettingRow:
    return SettingRow(
        label=each.label or "the page's own numbers",
        seeds=f"{each.seeds:,}",
        figure=figure_of(each, form),
        ends=spread([each.lowest, each.highest], form, " to ") if each.finished else "",
        losses="" if each.worst is None else exponent([each.worst]),
        word=each.word,
        against=bool(each.against),
    )


def figures(trained: Trained) -> list[Figure]:
    """Draw the headline against each number that has several values."""
    values: dict[str, set[Any]] = defaultdict(set)
    for each in trained.sweep:
        for name, value in each.setting.items():
            values[name].add(value_text(value))
    several = [name for name, found in values.items() if len(found) > 1]
    return [_draw(trained, name) for name in several[:_MOST_FIGURES]]


def _draw(trained: Trained, name: str) -> Figure:
    """Draw means over the seeds, a line for each combination of the other numbers."""
    given = [each for each in trained.sweep if name in each.setting]  # a folder may hold others
    lines, metric = _lines(given, name), trained.task.headline
    place, words = _places(each.setting[name] for each in given), []
    is_number = all(_number(each.setting[name]) is not None for each in given)
    with figure(bottom=0.47 if is_number else 0.62) as (drawn, axes):
        for i, (label, line) in enumerate(lines.items()):
            x, low, mean, high = _points(line, name, place)
            colour = SERIES[i % len(SERIES)]
            axes.vlines(x, low, high, color=colour, linewidth=1.0, alpha=0.6)
            axes.plot(x, mean, _MARKERS[i % len(_MARKERS)] + "-", color=colour, label=plain(label))
            words.append(f"{label or 'the mean'} {spread(_known(mean), metric.form, ' to ')}")
        _scale(axes, is_number, place)
        axes.set_xlabel(plain(name.replace("_", " ")))
        axes.set_ylabel(metric.title)
        if len(lines) > 1:
            axes.legend(frameon=False, fontsize=7)
        title = f"{metric.title[0].upper()}{metric.title[1:]} against {name.replace('_', ' ')}"
        svg = to_svg(drawn, trained.title, f"{title}: {'; '.join(words)}")
    return Figure(_caption(given, lines), svg, title)


def _lines(summaries: Iterable[SettingSummary], name: str) -> dict[str, list[SettingSummary]]:
    """Return what is drawn as a line each, by the other numbers; all as one if they are many."""
    lines: dict[str, list[SettingSummary]] = defaultdict(list)
    for each in summaries:
        others = {key: value for key, value in each.setting.items() if key != name}
        lines[label_of(others)].append(each)
    if len(lines) <= len(SERIES):
        return dict(lines)
    return {"": [each for line in lines.values() for each in line]}


def _points(
    line: Iterable[SettingSummary], name: str, place: dict[str, float]
) -> tuple[np.ndarray, ...]:
    """Return x, and the lowest, the mean and the highest value there, each (k,), k at most 200."""
    at: dict[float, list[tuple[float | None, ...]]] = defaultdict(list)
    for each in line:
        at[place[value_text(each.setting[name])]].append((each.lowest, each.mean, each.highest))
    x = sorted(at)[:: -(-len(at) // _MOST_POINTS)]
    found = [drawable(np.array(at[each], float)) for each in x]
    low = np.array([ends[:, 0].min() for ends in found])
    mean = np.array([ends[:, 1].mean() for ends in found])
    high = np.array([ends[:, 2].max() for ends in found])
    return np.array(x), low, mean, high


def _known(values: np.ndarray) -> list[float | None]:
    return [float(value) if np.isfinite(value) else None for value in values]


def _number(value: Any) -> float | None:
    """Return a value that is one number; None for another."""
    if isinstance(value, list | tuple) and len(value) == 1:
        value = value[0]
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number else None


def _places(values: Iterable[Any]) -> dict[str, float]:
    """Return where values stand on the axis: numbers where they are, others side by side.

    >>> _places([[8], [16]]), _places([[6, 6], [12, 12]])
    ({'8': 8.0, '16': 16.0}, {'6-6': 0.0, '12-12': 1.0})
    """
    distinct = {value_text(value): value for value in values}
    ranked = sorted(distinct, key=lambda text: rank_of({"": distinct[text]}))
    numbers = [_number(distinct[text]) for text in ranked]
    if None in numbers:
        return {text: float(i) for i, text in enumerate(ranked)}
    return {text: x for text, x in zip(ranked, numbers, strict=True) if x is not None}


def _scale(axes: Any, is_number: bool, place: dict[str, float]) -> None:
    """Label the axis: a wide range of numbers is logarithmic, what is no number has its words."""
    places = sorted(place.values())
    if not is_number:
        shown = [*place.items()][:: -(-len(place) // _MOST_LABELS)]
        axes.set_xticks([x for _, x in shown], [plain(text) for text, _ in shown], rotation=20)
    elif 0 < places[0] <= places[-1] / _LOGARITHMIC_FROM:
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter("{x:g}")


def _caption(summaries: Sequence[SettingSummary], lines: dict[str, list[SettingSummary]]) -> str:
    seeds = max(each.seeds for each in summaries)
    words = f"Means{f' over {seeds:,} seeds' if seeds > 1 else ''}; the bars reach from the lowest"
    words += " to the highest training."
    together = len(lines) == 1 and len({name for each in summaries for name in each.setting}) > 1
    return words + " All combinations of the other numbers are drawn as one." * together
