"""Two classes: how well the probabilities separate them (ROC), and how well calibrated they are."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from experiments.harness.report.svg import MUTED, Figure, draw_line, figure, line_styles, to_svg
from experiments.harness.report.trained import Trained

__all__ = ["Probabilities", "judge_probabilities"]

_FEWEST_ROWS = 200  # with fewer, the curves are only a few steps
_BINS = 10


@dataclass(frozen=True)
class Probabilities:
    """Curves, and each implementation's area under the ROC curve and Brier score."""

    figures: list[Figure]
    scores: list[tuple[str, float, float]]


def judge_probabilities(trained: Trained) -> Probabilities | None:
    """Judge the probabilities of the first seed; None for other tasks, and for too few rows."""
    if trained.data is None or len(trained.classes) != 2:
        return None
    y = trained.data.y_test
    found = {
        name: p[:, 1].astype(float)
        for name, p in trained.found("probabilities").items()
        if p.shape == (len(y), 2) and ((p >= 0) & (p <= 1)).all()
    }
    if not found or len(y) < _FEWEST_ROWS or len(set(y.tolist())) < 2:
        return None
    from sklearn.metrics import brier_score_loss, roc_auc_score  # here: it takes long to load

    scores = [
        (name, float(roc_auc_score(y, p)), float(brier_score_loss(y, p)))
        for name, p in found.items()
    ]
    words = ", ".join(f"{name} {area:.4f}" for name, area, _ in scores)
    return Probabilities([_roc(trained, y, found, words), _calibration(trained, y, found)], scores)


def _roc(trained: Trained, y: np.ndarray, found: Mapping[str, np.ndarray], areas: str) -> Figure:
    from sklearn.metrics import roc_curve

    styles = line_styles(trained.implementations)
    with figure(4.6, 3.6) as (drawn, axes):
        _diagonal(axes)
        for position, (name, p) in enumerate(found.items()):
            wrongly, rightly, _ = roc_curve(y, p)
            every = slice(None, None, max(1, len(wrongly) // 200))
            x, share = np.append(wrongly[every], 1), np.append(rightly[every], 1)
            draw_line(axes, x, share, styles[name], position)
        axes.set_xlabel("false positive rate")
        axes.set_ylabel("true positive rate")
        svg = to_svg(drawn, trained.title, f"ROC curves; area under the curve: {areas}")
    best = "The closer to the upper left corner, the better; the diagonal is chance."
    return Figure(best, svg, "ROC curve")


def _calibration(trained: Trained, y: np.ndarray, found: Mapping[str, np.ndarray]) -> Figure:
    from sklearn.calibration import calibration_curve

    styles = line_styles(trained.implementations)
    with figure(4.6, 3.6) as (drawn, axes):
        _diagonal(axes)
        for position, (name, p) in enumerate(found.items()):
            share, predicted = calibration_curve(y, p, n_bins=_BINS, strategy="quantile")
            draw_line(axes, predicted, share, styles[name], position)
        axes.set_xlabel("predicted probability")
        axes.set_ylabel("observed frequency")
        words = f"Calibration curves of {', '.join(found)}, in {_BINS} groups of rows"
        svg = to_svg(drawn, trained.title, words)
    words = f"Each point is a tenth of the test rows ({len(y) // _BINS:,}); on the diagonal "
    return Figure(words + "probabilities match observed frequencies.", svg, "Calibration")


def _diagonal(axes: Any) -> None:
    axes.plot([0, 1], [0, 1], color=MUTED, linewidth=0.9, linestyle=":")
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(-0.02, 1.02)
