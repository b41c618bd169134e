"""A picture of points on the plane, by their class."""

from datasets import Dataset
from experiments.harness.report.figures import Figure
from experiments.harness.report.svg import INK, SERIES, figure, to_svg
from experiments.harness.report.trained import Trained

__all__ = ["draw_points"]


def draw_points(trained: Trained, data: Dataset) -> Figure:
    """Draw the training rows of data with two columns."""
    with figure(2.9, 2.9, left=0.3, right=0.05, bottom=0.25) as (drawn, axes):
        for label, (colour, face) in enumerate([(INK, "none"), (SERIES[1], SERIES[1])]):
            points = data.X_train[data.y_train == label]
            axes.scatter(*points.T, s=16, c=face, edgecolors=colour, linewidths=0.8)
        axes.set_aspect("equal")
        svg = to_svg(drawn, trained.title, f"{len(data.X_train)} training rows on the plane")
    first, second = data.class_names[:2]
    return Figure(f"{len(data.X_train)} training rows: hollow {first}, filled {second}.", svg)
