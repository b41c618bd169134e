"""How far the losses are apart, epoch by epoch, on a logarithmic axis."""

from typing import Any

import numpy as np

from experiments.harness.report.curves import as_floats
from experiments.harness.report.figures import Figure
from experiments.harness.report.line_styles import line_styles
from experiments.harness.report.svg import INK, LIMIT, MUTED, figure, set_powers, to_svg
from experiments.harness.report.thinning import peaks
from experiments.harness.report.trained import Record, Trained

__all__ = ["differences"]

_MOST_POINTS = 100  # noise from epoch to epoch: fewer points keep the lines apart


def differences(trained: Trained) -> Figure | None:
    """Draw each implementation's distance from the first; None if there is nothing to compare."""
    reference, *others = trained.implementations or [""]
    if (
        trained.mode != "lockstep"
        or not others
        or not any(cell["epochs"] > 1 for cell in trained.done)
    ):
        return None
    distances = {name: _distance(trained, reference, name) for name in others}
    distances = {name: distance for name, distance in distances.items() if len(distance)}
    if not distances:
        return None
    epsilon = float(np.finfo("f4" if trained.dtype == "float32" else "f8").eps)
    with figure(9.4, 2.9, right=1.3) as (drawn, axes):
        axes.set_yscale("log")
        set_powers(axes.yaxis)
        lowest = epsilon / 20  # where equal losses are drawn, which a logarithm cannot show
        stretch = _draw(axes, trained, distances, lowest)
        _draw_yardsticks(axes, trained, epsilon, lowest)
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.set_xlabel("epoch")
        axes.set_ylabel("relative difference")
        svg = to_svg(drawn, trained.title, _in_words(reference, distances))
    return Figure(_caption(trained, reference, stretch), svg)


def _distance(trained: Trained, reference: str, name: str) -> np.ndarray:
    """Return the largest relative difference (epochs,) over the seeds that both were trained on."""
    mine = {cell["seed"]: as_floats(cell["history"]["loss"]) for cell in trained.cells_of(name)}
    pairs = [
        (as_floats(cell["history"]["loss"]), mine[cell["seed"]])
        for cell in trained.cells_of(reference)
        if cell["seed"] in mine
    ]
    rows = []
    for a, b in pairs:
        n = min(len(a), len(b))
        largest = np.maximum(np.abs(a[:n]), np.abs(b[:n]))
        rows.append(np.abs(a[:n] - b[:n]) / np.where(largest == 0, 1, largest))
    shortest = min(map(len, rows), default=0)
    return np.max([row[:shortest] for row in rows], axis=0) if rows else np.empty(0)


def _draw(axes: Any, trained: Trained, distances: dict[str, np.ndarray], lowest: float) -> int:
    """Draw the lines; return how many epochs a stretch of thinned ones has."""
    styles, stretch = line_styles(trained.implementations), 1
    for position, (name, distance) in enumerate(distances.items()):
        at, stretch = peaks(distance, _MOST_POINTS)
        line = styles[name].line(len(at), position) | {"linewidth": 1.3}
        axes.plot(at + 1, np.maximum(distance[at], lowest), **line)
    return stretch


def _draw_yardsticks(axes: Any, trained: Trained, epsilon: float, lowest: float) -> None:
    """Draw what the differences are to be measured by: limit, noise floor, rounding."""
    limits = [entry["tolerance"] for entry in trained.agreement if entry["tolerance"]]
    if limits:
        _level(axes, max(limits), f"limit {max(limits):.0e}", LIMIT, "-")
    _level(axes, epsilon, f"rounding {epsilon:.1e}", MUTED, ":")
    floor = np.maximum(as_floats(noise_floor(trained.agreement)), lowest)
    if np.isfinite(floor).any():
        at, _ = peaks(floor, _MOST_POINTS)
        axes.plot(at + 1, floor[at], color=INK, linewidth=1, linestyle=(0, (3, 1.5)))
        _beside(axes, floor[np.isfinite(floor)][-1], "noise floor", INK)
    axes.set_ylim(lowest * 0.6, None)
    axes.margins(x=0.01)


def _level(axes: Any, y: float, words: str, colour: str, linestyle: str) -> None:
    axes.axhline(y, color=colour, linewidth=1.1, linestyle=linestyle)
    _beside(axes, y, words, colour)


def _beside(axes: Any, y: float, words: str, colour: str) -> None:
    """Write words to the right of the axes, at the height of a line."""
    axes.annotate(words, (1, y), (5, 0), xycoords=("axes fraction", "data"),
                  textcoords="offset points", va="center", color=colour)  # fmt: skip


def noise_floor(agreement: list[Record]) -> list[float | None]:
    """Return the noise floor of every epoch, the lowest of the pairs'; empty if none is known."""
    known = [entry["noise_floor"]["epochs"] for entry in agreement if entry.get("noise_floor")]
    return min(known, key=lambda floor: floor[-1] or 0) if known else []


def _in_words(reference: str, distances: dict[str, np.ndarray]) -> str:
    largest = [f"{name} at most {np.max(d):.1e}" for name, d in distances.items()]
    return f"Relative difference of the loss from {reference}'s: {', '.join(largest)}"


def _caption(trained: Trained, reference: str, stretch: int) -> str:
    words = f"How far each loss is from {reference}'s, relative to the larger of the two"
    words += ", the largest over the seeds." if len(trained.seeds) > 1 else "."
    words += " Equal losses are drawn at the bottom; rounding is the relative distance between two"
    words += f" neighbouring {trained.dtype} numbers."
    if stretch > 1:
        words += f" Of every {stretch} epochs the largest is drawn."
    return words
