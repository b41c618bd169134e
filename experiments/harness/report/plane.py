"""Two inputs: the points in the plane, and each implementation's decision boundary."""

from itertools import combinations
from typing import Any

import numpy as np

from experiments.harness.report.svg import INK, SERIES, Figure, figure, set_powers, to_svg
from experiments.harness.report.trained import MOST_ROWS, Trained

__all__ = ["boundaries", "draw_points"]

_DARK = "#1a1a1a"  # on an image, whose colours stay the same on a dark page


def draw_points(trained: Trained) -> Figure | None:
    """Draw the training rows of data with two columns and two classes."""
    data = trained.data
    if data is None or len(data.feature_names) != 2 or len(trained.classes) != 2:
        return None
    first = "the first " if len(data.X_train) == MOST_ROWS else ""
    rows = f"{first}{len(data.X_train):,} training rows"
    with figure(2.9, 2.9, left=0.4, right=0.05, bottom=0.25) as (drawn, axes):
        for label, (colour, face) in enumerate([(INK, "none"), (SERIES[1], SERIES[1])]):
            points = data.X_train[data.y_train == label]
            axes.scatter(*points.T, s=16, c=face, edgecolors=colour, linewidths=0.8)
        axes.set_aspect("equal")
        svg = to_svg(drawn, trained.title, f"{rows} in the plane")
    hollow, filled = trained.classes
    return Figure(f"{rows.capitalize()}: hollow {hollow}, filled {filled}.", svg)


def boundaries(trained: Trained) -> list[Figure]:
    """Draw each implementation's probability of the second class, and their largest difference."""
    fields: dict[str, np.ndarray] = {}
    axes, found = np.zeros((2, 0)), trained.found("grid_axes")
    for name, p in trained.found("grid_probabilities").items():
        if name in found and p.shape[1] == 2 and np.isfinite(p).all():
            axes = found[name]
            fields[name] = p[:, 1].reshape(len(axes[1]), len(axes[0]))
    drawn = [_field(trained, name, values, axes) for name, values in fields.items()]
    if len(fields) > 1:
        drawn.append(_difference(trained.title, fields, axes))
    return drawn


def _field(trained: Trained, name: str, p: np.ndarray, at: np.ndarray) -> Figure:
    data, accuracy = trained.data, trained.by(name)[0].test.accuracy
    with figure(3.2, 2.7, left=0.4, right=0.3, bottom=0.2) as (drawn, axes):
        image = _show(axes, p, at, cmap="PuOr", vmin=-0.3, vmax=1.3)
        axes.contour(at[0], at[1], p, levels=[0.5], colors=_DARK, linewidths=1.6)
        if data is not None:
            for i, face in enumerate(("white", _DARK)):
                points = data.X_test[data.y_test == i]
                axes.scatter(*points.T, s=11, c=face, edgecolors=_DARK, linewidths=0.6)
        _bar(drawn, image, axes).ax.set_ylim(0, 1)
        words = f"Probability in the plane by {name}; test accuracy {accuracy:.4f}"
        caption = f"The probability that {name} gives; black line: one half."
        return Figure(caption, to_svg(drawn, trained.title, words), name)


def _difference(title: str, fields: dict[str, np.ndarray], at: np.ndarray) -> Figure:
    largest = np.max([np.abs(a - b) for a, b in combinations(fields.values(), 2)], axis=0)
    if largest.max() == 0:
        return Figure("The implementations are identical to the last bit on the whole grid.")
    from matplotlib.colors import LogNorm

    with figure(3.2, 2.7, left=0.4, right=0.3, bottom=0.2) as (drawn, axes):
        floor = np.finfo(largest.dtype).eps / 4
        norm = LogNorm(floor, max(largest.max(), floor * 100))
        image = _show(axes, np.maximum(largest, floor), at, cmap="cividis", norm=norm)
        set_powers(_bar(drawn, image, axes).ax.yaxis)
        svg = to_svg(drawn, title, f"Largest difference of two probabilities: {largest.max():.1e}")
    return Figure(f"At most {largest.max():.1e} between any two.", svg, "difference")


def _show(axes: Any, values: np.ndarray, at: np.ndarray, **options: Any) -> Any:
    extent = (at[0][0], at[0][-1], at[1][0], at[1][-1])
    axes.grid(False)
    axes.set_aspect("equal")
    return axes.imshow(values, origin="lower", extent=extent, interpolation="none", **options)


def _bar(drawn: Any, image: Any, axes: Any) -> Any:
    bar = drawn.colorbar(image, ax=axes, shrink=0.75, aspect=16)
    bar.outline.set_visible(False)
    return bar
