"""Training curves of all implementations in one picture, and the results of all seeds."""

from itertools import zip_longest
from typing import Any

import numpy as np

from experiments.harness.report.svg import (
    INK,
    SERIES,
    Figure,
    draw_line,
    drawable,
    figure,
    line_styles,
    plain,
    set_powers,
    to_svg,
)
from experiments.harness.report.trained import Trained
from frameworks.backend import LineStyle
from frameworks.console import counted, spread

__all__ = ["MOST_POINTS", "curves", "figures_of_seeds", "peaks", "thin"]

MOST_POINTS = 300  # more cannot be distinguished at the width of a page
_MOST_SEEDS = 30  # that are drawn as a line each
_MOST_DOTS = 200
_LOGARITHMIC_FROM = 20  # ratio of largest to smallest loss: a linear axis would hide the end


def curves(trained: Trained) -> list[Figure]:
    """Draw the losses, and whatever else all of them recorded; nothing for a single epoch."""
    if trained.head.epochs < 2 or not trained.done:
        return []
    recorded = [{name for name, values in each.history if values} for each in trained.done]
    names = [name for name, _ in trained.done[0].history]
    return [_curve(trained, name) for name in names if all(name in each for each in recorded)]


def figures_of_seeds(trained: Trained) -> Figure | None:
    """Draw a dot for each seed of each implementation; None for a single seed."""
    if len(trained.seeds) < 2:
        return None
    metric, styles = trained.task.headline, line_styles(trained.implementations)
    words = []
    with figure(6.4, 0.75 + 0.42 * len(styles), left=1.0) as (drawn, axes):
        for height, (name, style) in enumerate(styles.items()):
            values = np.array([each.record.headline for each in trained.by(name)], float)
            values = drawable(values)
            at = np.full(len(values), height)
            colour = SERIES[style.colour]
            if len(values) <= _MOST_DOTS:
                axes.plot(values, at, style.marker, color=colour, mfc="none", mew=1.3)
            else:
                low, high = np.nanpercentile(values, [5, 95])
                axes.plot([np.nanmin(values), np.nanmax(values)], [height] * 2, color=colour, lw=1)
                axes.plot([low, high], [height] * 2, color=colour, lw=5, solid_capstyle="butt")
            axes.plot([values.mean()] * 2, [height - 0.3, height + 0.3], color=INK, lw=1.6)
            ends = spread(values.tolist(), metric.form, " to ")
            words.append(f"{name} {ends}, mean {values.mean():{metric.form}}")
        axes.set_yticks(range(len(styles)), [plain(name) for name in styles])
        axes.set_ylim(len(styles) - 0.4, -0.6)
        axes.set_xlabel(metric.title)
        title = f"{metric.title[0].upper()}{metric.title[1:]}"
        dots = "one dot each"
        if len(trained.seeds) > _MOST_DOTS:
            dots = "lowest to highest, nine in ten of them on the broad line"
        caption = f"{title} with {len(trained.seeds):,} seeds, {dots}; the bar is the mean."
        caption += f" {'; '.join(words)}."
        return Figure(caption, to_svg(drawn, trained.title, caption))


def thin(values: np.ndarray, most: int = MOST_POINTS) -> tuple[np.ndarray, int]:
    """Return the positions (k,) of a curve (n,) to draw, and the length of a stretch.

    The smallest and the largest value of every stretch are kept, and the first and the last point;
    a curve of at most `most` points is kept whole.

    >>> thin(np.array([0.0, 5, 1, 1, -3, 1, 1, 1]), most=4)[0].tolist()
    [0, 1, 4, 5, 7]
    """
    n = len(values)
    if n <= most:
        return np.arange(n), 1
    stretch = -(-2 * n // most)
    kept = {0, n - 1}
    for start in range(0, n, stretch):
        piece = np.nan_to_num(values[start : start + stretch])
        kept |= {start + int(piece.argmin()), start + int(piece.argmax())}
    return np.array(sorted(kept)), stretch


def peaks(values: np.ndarray, most: int = MOST_POINTS) -> tuple[np.ndarray, int]:
    """Return as `thin` does, but keep only the largest value of every stretch.

    >>> peaks(np.array([0.0, 5, 1, 1, -3, 1]), most=3)[0].tolist()
    [1, 2, 5]
    """
    stretch = max(1, -(-len(values) // most))
    starts = range(0, len(values), stretch)
    filled = np.nan_to_num(values, nan=np.inf)
    return np.array([s + int(filled[s : s + stretch].argmax()) for s in starts], int), stretch


def _curve(trained: Trained, name: str) -> Figure:
    stretch, finite = 1, []
    most = max(40, MOST_POINTS // len(trained.seeds))
    with figure() as (drawn, axes):
        styles = line_styles(trained.implementations)
        for position, (implementation, style) in enumerate(styles.items()):
            found = [getattr(each.history, name) for each in trained.by(implementation)]
            values = [drawable(np.array(each, float)) for each in found]
            finite += [each[np.isfinite(each)] for each in values]
            if len(values) > _MOST_SEEDS:
                epochs = [*zip_longest(*values, fillvalue=np.nan)]  # some may have been stopped
                stretch = _draw_band(axes, np.array(epochs).T, style, position)
                continue
            for each in values:
                at, stretch = thin(each, most)
                draw_line(axes, at + 1, each[at], style, position)
        axes.set_xlabel("epoch")
        axes.set_ylabel(f"training {_words(name)}")
        _scale(axes, name, np.concatenate(finite))
        svg = to_svg(drawn, trained.title, _in_words(trained, name))
    return Figure(_caption(trained, name, stretch), svg)


def _words(name: str) -> str:
    """Return the name of what a step returned, as it is written in a sentence."""
    return name.replace("_", " ")


def _draw_band(axes: Any, values: np.ndarray, style: LineStyle, position: int) -> int:
    """Draw the median of many seeds' curves (seeds, epochs), in a band of all; return the stretch.

    An epoch that one of them has not reached, or in which it is not finite, has no band.
    """
    median = np.median(values, axis=0)
    at, stretch = thin(median)
    ends = values.min(axis=0)[at], values.max(axis=0)[at]
    axes.fill_between(at + 1, *ends, color=SERIES[style.colour], alpha=0.18, linewidth=0)
    draw_line(axes, at + 1, median[at], style, position)
    return stretch


def _scale(axes: Any, name: str, values: np.ndarray) -> None:
    """Choose the axes: whole epochs, and a logarithmic axis for a loss that falls far."""
    axes.xaxis.get_major_locator().set_params(integer=True)
    if name == "loss" and len(values) and 0 < values.min() < values.max() / _LOGARITHMIC_FROM:
        axes.set_yscale("log")
        set_powers(axes.yaxis)


def _in_words(trained: Trained, name: str) -> str:
    """Return the text alternative: the first and last value of each line."""
    words = []
    for each in trained.first_seed():
        first, *_, last = np.array(getattr(each.history, name), float)
        words.append(f"{each.by} from {first:.4g} to {last:.4g}")
    return f"Training {_words(name)} over {counted(trained.epochs, 'epoch')}: {', '.join(words)}"


def _caption(trained: Trained, name: str, stretch: int) -> str:
    words = f"Training {_words(name)}, the mean over the rows, each batch before its update."
    if len(trained.seeds) > _MOST_SEEDS:
        words += f" The median of {len(trained.seeds):,} seeds, in a band from lowest to highest."
    elif len(trained.seeds) > 1:
        words += f" One line for each of {len(trained.seeds)} seeds."
    if stretch > 1:
        words += f" Of every {stretch} epochs the lowest and the highest are drawn."
    return words
