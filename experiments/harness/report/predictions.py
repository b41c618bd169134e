"""Numbers for answers: predictions against the true values of the test rows, and the residuals."""

from dataclasses import dataclass

import numpy as np

from datasets import Quantity
from experiments.harness.report.svg import MUTED, SERIES, Figure, figure, line_styles, to_svg
from experiments.harness.report.trained import Trained

__all__ = ["draw_predictions"]

_MOST_DOTS = 200  # of an implementation; more hide each other


@dataclass(frozen=True)
class _Dots:
    """A figure to be drawn: dots of each implementation, and where they lie if all is right."""

    title: str
    caption: str
    labels: tuple[str, str]
    dots: dict[str, tuple[np.ndarray, np.ndarray]]
    exact: tuple[np.ndarray, np.ndarray]  # both ends of a line


def draw_predictions(trained: Trained) -> list[Figure]:
    """Draw what a regression predicts on the test rows; nothing for other tasks."""
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
    quantity = ", ".join(filter(None, [data.targets.name, data.targets.unit]))
    values = np.concatenate([true, *predicted.values()])
    ends = np.array([values.min(), values.max()])
    against_truth = _Dots(
        "Predictions",
        f"A dot for {which} and implementation; on the diagonal it is predicted exactly.",
        (f"true {quantity}", f"predicted {quantity}"),
        {name: (true, p) for name, p in predicted.items()},
        (ends, ends),
    )
    residuals = _Dots(
        "Residuals",
        "True minus predicted value; a pattern is something that the network has not learned.",
        (f"predicted {quantity}", "residual"),
        {name: (p, true - p) for name, p in predicted.items()},
        (ends, np.zeros(2)),
    )
    return [_draw(trained, each) for each in (against_truth, residuals)]


def _draw(trained: Trained, what: _Dots) -> Figure:
    styles = line_styles(trained.implementations)
    with figure(4.6, 3.6) as (drawn, axes):
        axes.plot(*what.exact, color=MUTED, linewidth=0.9, linestyle=":")
        for position, (name, dots) in enumerate(what.dots.items()):
            # Equal dots lie on each other: every next one is smaller.
            size, style = 60 - 50 * position / len(what.dots), styles[name]
            axes.scatter(*dots, s=size, marker=style.marker, linewidths=1.1,
                         facecolors="none", edgecolors=SERIES[style.colour])  # fmt: skip
        for axis, label in zip((axes.xaxis, axes.yaxis), what.labels, strict=True):
            axis.set_label_text(label)
        words = f"{what.title} of {', '.join(what.dots)}: {' and '.join(what.labels)}"
        return Figure(what.caption, to_svg(drawn, trained.title, words), what.title)
