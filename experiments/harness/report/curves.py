"""Loss and accuracy of every epoch, all implementations in one picture."""

from typing import Any

import numpy as np

from experiments.harness.report.figures import Figure
from experiments.harness.report.line_styles import line_styles
from experiments.harness.report.svg import figure, set_powers, to_svg
from experiments.harness.report.thinning import MOST_POINTS, thin
from experiments.harness.report.trained import Trained

__all__ = ["as_floats", "curves"]

_LOGARITHMIC_FROM = 20  # the largest loss over the smallest: a linear axis would hide the end


def curves(trained: Trained) -> list[Figure]:
    """Draw the losses and the accuracies; nothing for a single epoch."""
    if not any(cell["epochs"] > 1 for cell in trained.done):
        return []
    return [_curve(trained, name) for name in ("loss", "accuracy")]


def as_floats(values: list[float | None]) -> np.ndarray:
    """Return a history's numbers; null, which stands for a NaN or an infinity, is NaN."""
    return np.array([np.nan if value is None else value for value in values], dtype=float)


def _curve(trained: Trained, name: str) -> Figure:
    styles, stretch, finite = line_styles(trained.implementations), 1, []
    most = max(40, MOST_POINTS // len(trained.seeds))
    with figure() as (drawn, axes):
        for position, (implementation, style) in enumerate(styles.items()):
            for cell in trained.cells_of(implementation):
                values = as_floats(cell["history"][name])
                at, stretch = thin(values, most)
                axes.plot(at + 1, values[at], **style.line(len(at), position))
                finite.append(values[np.isfinite(values)])
        axes.set_xlabel("epoch")
        axes.set_ylabel(f"training {name}")
        _scale(axes, name, np.concatenate(finite))
        svg = to_svg(drawn, trained.title, _in_words(trained, name))
    return Figure(_caption(trained, name, stretch), svg)


def _scale(axes: Any, name: str, values: np.ndarray) -> None:
    """Choose the axes: whole epochs; a logarithm for a loss that falls far."""
    axes.xaxis.get_major_locator().set_params(integer=True)
    if name == "loss" and len(values) and 0 < values.min() < values.max() / _LOGARITHMIC_FROM:
        axes.set_yscale("log")
        set_powers(axes.yaxis)


def _in_words(trained: Trained, name: str) -> str:
    """Return the text alternative: where each line begins and ends."""
    ends = []
    for cell in trained.first_seed():
        values = as_floats(cell["history"][name])
        ends.append(f"{cell['implementation']} from {values[0]:.4g} to {values[-1]:.4g}")
    return f"Training {name} over {trained.done[0]['epochs']} epochs: {', '.join(ends)}"


def _caption(trained: Trained, name: str, stretch: int) -> str:
    words = f"Training {name}, the mean over the rows, each batch before its update."
    if len(trained.seeds) > 1:
        words += f" One line for each of {len(trained.seeds)} seeds."
    if stretch > 1:
        words += f" Of every {stretch} epochs the lowest and the highest are drawn."
    return words
