"""The differences of the losses, epoch by epoch, on a logarithmic axis."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import zip_longest
from typing import Any

import numpy as np

from experiments.harness.records.models import AgreementEntry
from experiments.harness.report.curves import peaks
from experiments.harness.report.svg import (
    INK,
    LIMIT,
    MUTED,
    Figure,
    draw_line,
    figure,
    line_styles,
    set_powers,
    to_svg,
)
from experiments.harness.report.trained import Trained
from frameworks.agreement.distances import relative_errors

__all__ = ["differences"]

_MOST_POINTS = 100  # noise from epoch to epoch: fewer points keep the lines apart


def differences(trained: Trained) -> Figure | None:
    """Draw each implementation's distance from the first; None if there is nothing to compare."""
    reference, *others = trained.implementations or [""]
    if trained.head.mode != "lockstep" or trained.head.epochs < 2:
        return None
    found = {name: _distance(trained, reference, name) for name in others}
    distances = {name: distance for name, distance in found.items() if len(distance)}
    if not distances:
        return None
    epsilon = float(np.finfo(trained.head.dtype).eps)
    lowest = epsilon / 20  # equal losses are drawn here: a logarithmic axis has no 0
    with figure(right=0.68) as (drawn, axes):
        axes.set_yscale("log")
        set_powers(axes.yaxis)
        stretch = _draw(axes, trained, distances, lowest)
        _draw_yardsticks(axes, trained, epsilon, lowest)
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.set_xlabel("epoch")
        axes.set_ylabel("relative difference")
        svg = to_svg(drawn, trained.title, _in_words(reference, distances))
    return Figure(_caption(trained, reference, stretch), svg)


def _distance(trained: Trained, reference: str, name: str) -> np.ndarray:
    """Return the largest relative difference (epochs,) over the seeds of both.

    NaN where a loss was not finite.
    """
    mine = {each.record.seed: each.history.loss for each in trained.by(name)}
    rows = [
        relative_errors(each.history.loss, mine[each.record.seed])
        for each in trained.by(reference)
        if each.record.seed in mine
    ]
    largest = np.array([max(errors) for errors in zip_longest(*rows, fillvalue=0.0)], float)
    return np.where(np.isfinite(largest), largest, np.nan)


def _draw(axes: Any, trained: Trained, distances: dict[str, np.ndarray], lowest: float) -> int:
    """Draw the lines; return the number of epochs per drawn point."""
    styles, stretch = line_styles(trained.implementations), 1
    for position, (name, distance) in enumerate(distances.items()):
        at, stretch = peaks(distance, _MOST_POINTS)
        style = replace(styles[name], width=1.3)
        draw_line(axes, at + 1, np.maximum(distance[at], lowest), style, position)
    return stretch


def _draw_yardsticks(axes: Any, trained: Trained, epsilon: float, lowest: float) -> None:
    """Draw what the differences are compared with: limit, noise floor, rounding."""
    limits = [entry.tolerance for entry in trained.agreement if entry.tolerance]
    if limits:
        _level(axes, max(limits), f"limit\n{max(limits):.0e}", LIMIT, "-")
    _level(axes, epsilon, f"rounding\n{epsilon:.1e}", MUTED, ":")
    floor = np.maximum(_noise_floor(trained.agreement), lowest)
    if np.isfinite(floor).any():
        at, _ = peaks(floor, _MOST_POINTS)
        axes.plot(at + 1, floor[at], color=INK, linewidth=1, linestyle=(0, (3, 1.5)))
        axes.annotate("noise floor", (1, floor[np.isfinite(floor)][-1]), (0, 3), ha="right",
                      xycoords=("axes fraction", "data"), textcoords="offset points")  # fmt: skip
    axes.set_ylim(lowest * 0.6, None)
    axes.margins(x=0.01)


def _level(axes: Any, y: float, words: str, colour: str, linestyle: str) -> None:
    """Draw a line across the axes, and write what it is to the right of them."""
    axes.axhline(y, color=colour, linewidth=1.1, linestyle=linestyle)
    axes.annotate(words, (1, y), (5, 0), xycoords=("axes fraction", "data"), size=8,
                  textcoords="offset points", va="center", color=colour)  # fmt: skip


def _noise_floor(agreement: Sequence[AgreementEntry]) -> np.ndarray:
    """Return the noise floor of every epoch, the lowest of all pairs; empty if none is known."""
    known = [entry.noise_floor.epochs for entry in agreement if entry.noise_floor]
    known = [epochs for epochs in known if epochs]
    return np.array(min(known, key=lambda epochs: epochs[-1] or 0) if known else [], float)


def _in_words(reference: str, distances: dict[str, np.ndarray]) -> str:
    largest = [f"{name} at most {np.max(d):.1e}" for name, d in distances.items()]
    return f"Relative difference of the loss from {reference}'s: {', '.join(largest)}"


def _caption(trained: Trained, reference: str, stretch: int) -> str:
    words = f"Difference of each loss from {reference}'s, relative to the larger of the two"
    words += ", the largest over the seeds." if len(trained.seeds) > 1 else "."
    words += " Equal losses are drawn at the bottom; rounding is the relative distance between two"
    words += f" neighbouring {trained.head.dtype} numbers."
    if stretch > 1:
        words += f" Of every {stretch} epochs the largest is drawn."
    return words
