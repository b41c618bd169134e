"""Two classes: how well the probabilities separate them (ROC), and whether they can be believed."""

from typing import Any

import numpy as np

from experiments.harness.report.figures import Figure
from experiments.harness.report.line_styles import line_styles
from experiments.harness.report.svg import MUTED, figure, to_svg
from experiments.harness.report.trained import Trained

__all__ = ["judge_probabilities"]

_FEWEST_ROWS = 200  # with less, the curves are a few steps
_BINS = 10


def judge_probabilities(trained: Trained) -> tuple[list[Figure], list[dict[str, Any]]]:
    """Draw ROC and calibration curves, and return each implementation's AUC and Brier score."""
    from sklearn.metrics import brier_score_loss, roc_auc_score

    if trained.data is None or len(trained.data.class_names) != 2:
        return [], []
    y, found = trained.data.y_test, {}
    for cell in trained.first_seed():
        p = trained.array(cell, "probabilities")
        if p is not None and p.shape == (len(y), 2) and np.isfinite(p).all():
            found[cell["implementation"]] = p[:, 1].astype(float)
    if not found or len(y) < _FEWEST_ROWS or len(set(y.tolist())) < 2:
        return [], []
    scores = [
        {"name": name, "auc": float(roc_auc_score(y, p)), "brier": float(brier_score_loss(y, p))}
        for name, p in found.items()
    ]
    return [_roc(trained, y, found, scores), _calibration(trained, y, found)], scores


def _roc(trained: Trained, y: np.ndarray, found: Any, scores: list[dict[str, Any]]) -> Figure:
    from sklearn.metrics import roc_curve

    with figure(4.6, 3.6) as (drawn, axes):
        _diagonal(axes)
        for position, (name, p) in enumerate(found.items()):
            wrongly, rightly, _ = roc_curve(y, p)
            every = slice(None, None, max(1, len(wrongly) // 200))
            x, share = np.append(wrongly[every], 1), np.append(rightly[every], 1)
            axes.plot(x, share, **line_styles(trained.implementations)[name].line(len(x), position))
        axes.set_xlabel("share of the others taken for it")
        axes.set_ylabel("share found")
        words = ", ".join(f"{score['name']} {score['auc']:.4f}" for score in scores)
        svg = to_svg(drawn, trained.title, f"ROC curves; area under the curve: {words}")
    best = "The further to the upper left, the better; the diagonal is chance."
    return Figure(best, svg, "ROC curve")


def _calibration(trained: Trained, y: np.ndarray, found: Any) -> Figure:
    from sklearn.calibration import calibration_curve

    with figure(4.6, 3.6) as (drawn, axes):
        _diagonal(axes)
        for position, (name, p) in enumerate(found.items()):
            share, predicted = calibration_curve(y, p, n_bins=_BINS, strategy="quantile")
            line = line_styles(trained.implementations)[name].line(len(share), position)
            axes.plot(predicted, share, **(line | {"markevery": 1}))
        axes.set_xlabel("predicted probability")
        axes.set_ylabel("share of rows")
        words = f"Calibration curves of {', '.join(found)}, in {_BINS} groups of rows"
        svg = to_svg(drawn, trained.title, words)
    words = f"Each point is a tenth of the test rows ({len(y) // _BINS:,}); on the diagonal the "
    return Figure(words + "probabilities can be taken at their word.", svg, "Calibration")


def _diagonal(axes: Any) -> None:
    axes.plot([0, 1], [0, 1], color=MUTED, linewidth=0.9, linestyle=":")
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(-0.02, 1.02)
