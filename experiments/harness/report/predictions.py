"""Regressions: predictions against the true values of the test rows, and residuals."""

from collections.abc import Mapping

import numpy as np
from markupsafe import Markup

from datasets import Quantity
from experiments.harness.report.svg import MUTED, SERIES, Figure, figure, line_styles, to_svg
from experiments.harness.report.trained import Trained

__all__ = ["draw_predictions"]

_MOST_DOTS = 200  # per implementation; more would hide each other

Dots = Mapping[str, tuple[np.ndarray, np.ndarray]]  # x and y, by implementation


def draw_predictions(trained: Trained) -> list[Figure]:
    """Draw the predictions of a regression on the test rows; nothing for other tasks."""
    data = trained.data
    if data is None or not isinstance(data.targets, Quantity):
        return []
    every = -(-len(data.y_test) // _MOST_DOTS)
    true = data.in_units(data.y_test[::every])
    predicted = {
        name: data.in_units(outputs[::every, 0])
        for name, outputs in trained.found("outputs").items()
        if outputs.shape == (len(data.y_test), 1) and np.isfinite(outputs).all()
    }
    if not predicted:
        return []
    which = f"one test row in {every}" if every > 1 else "each test row"
    caption = f"One dot for {which} and implementation; on the diagonal predictions are exact."
    quantity = ", ".join(filter(None, [data.targets.name, data.targets.unit]))
    labels = f"true {quantity}", f"predicted {quantity}", "residual"
    against_truth = _draw(trained, {k: (true, p) for k, p in predicted.items()}, labels[:2], 1)
    residuals = _draw(trained, {k: (p, true - p) for k, p in predicted.items()}, labels[1:], 0)
    pattern = "True minus predicted value; a pattern is something that the network has not learned."
    return [
        Figure(caption, against_truth, "Predictions"),
        Figure(pattern, residuals, "Residuals"),
    ]


def _draw(trained: Trained, dots: Dots, labels: tuple[str, ...], slope: int) -> Markup:
    """Draw dots, and the line through the origin on which exact predictions lie."""
    styles = line_styles(trained.implementations)
    with figure(4.6, 3.6) as (drawn, axes):
        for position, (name, (x, y)) in enumerate(dots.items()):
            # Equal dots coincide, so each implementation's dots are smaller than the last one's.
            size, style = 60 - 50 * position / len(dots), styles[name]
            axes.scatter(x, y, s=size, marker=style.marker, linewidths=1.1,
                         facecolors="none", edgecolors=SERIES[style.colour])  # fmt: skip
        axes.axline((x[0], slope * x[0]), slope=slope, color=MUTED, linewidth=0.9, linestyle=":")
        axes.set_xlabel(labels[0])
        axes.set_ylabel(labels[1])
        words = f"Test rows by {', '.join(dots)}: {labels[0]}, {labels[1]}"
        return to_svg(drawn, trained.title, words)
