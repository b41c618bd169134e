"""The phases of an experiment that has several: their curves in one picture, their figures."""

from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from experiments.harness.report.curves import thin
from experiments.harness.report.svg import (
    Figure,
    draw_line,
    drawable,
    figure,
    line_styles,
    set_powers,
    to_svg,
)
from experiments.harness.report.trained import Trained, Training

__all__ = ["PhaseRow", "phase_curves", "phase_rows", "phase_styles"]

_LOGARITHMIC_FROM = 20  # ratio of largest to smallest loss


@dataclass(frozen=True)
class PhaseRow:
    """The figures of one phase on its own test rows, over all seeds, by implementation."""

    name: str
    epochs: str
    n_train: str
    figures: list[str]


def phase_rows(trained: Trained) -> list[PhaseRow]:
    """Return a row for each phase; nothing for an experiment without phases."""
    return [_row(trained, i) for i in range(_count(trained))]


def phase_curves(trained: Trained) -> list[Figure]:
    """Draw one line for each phase, from its own first epoch on: losses, then accuracies.

    They are those of the first implementation and seed.
    """
    if _count(trained) < 2:
        return []
    training = trained.done[0]
    names = ("loss", *["accuracy"] * bool(training.history.accuracy))
    return [_draw(trained, training, name) for name in names]


def phase_styles(trained: Trained) -> dict:
    """Return the line style of each phase, by its name."""
    return line_styles(phase.name for phase in trained.done[0].record.phases)


def _count(trained: Trained) -> int:
    return min((len(each.record.phases) for each in trained.done), default=0)


def _row(trained: Trained, i: int) -> PhaseRow:
    metric, figures = trained.task.headline, []
    for name in trained.implementations:
        values = [each.record.phases[i].test.metric(metric.name) for each in trained.by(name)]
        ends = dict.fromkeys("–" if v is None else format(v, metric.form) for v in _ends(values))
        figures.append(" to ".join(ends))
    phases = [each.record.phases[i] for each in trained.done]
    epochs = dict.fromkeys(f"{n:,}" for n in sorted({phase.epochs for phase in phases}))
    return PhaseRow(phases[0].name, ", ".join(epochs), f"{phases[0].n_train:,}", figures)


def _ends(values: list[float | None]) -> list[float | None]:
    known = sorted(value for value in values if value is not None)
    return [known[0], known[-1]] if len(known) == len(values) else [None]


def _draw(trained: Trained, training: Training, name: str) -> Figure:
    values, styles = np.array(getattr(training.history, name), float), phase_styles(trained)
    ends = np.cumsum([phase.epochs for phase in training.record.phases])[:-1]
    parts = [drawable(part) for part in np.split(values, ends)]
    words = []
    with figure() as (drawn, axes):
        for position, (part, (phase, style)) in enumerate(zip(parts, styles.items(), strict=True)):
            at, _ = thin(part)
            draw_line(axes, at + 1, part[at], style, position)
            words.append(f"{phase} from {part[0]:.4g} to {part[-1]:.4g}")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.set_xlabel("epoch of the phase")
        axes.set_ylabel(f"training {name}")
        finite = values[np.isfinite(values)]
        if name == "loss" and 0 < finite.min(initial=1) < finite.max() / _LOGARITHMIC_FROM:
            axes.set_yscale("log")
            set_powers(axes.yaxis)
        text = f"Training {name} of each phase: {', '.join(words)}"
        svg: Markup = to_svg(drawn, trained.title, text)
    which = f"{training.by}, seed {training.record.seed}"
    return Figure(f"Training {name}, one line for each phase, by {which}.", svg)
