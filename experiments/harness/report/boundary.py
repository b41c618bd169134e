"""Two inputs: where each implementation draws the boundary, and how far they are apart."""

from itertools import combinations
from typing import Any

import numpy as np

from experiments.harness.report.figures import Figure
from experiments.harness.report.svg import figure, set_powers, to_svg
from experiments.harness.report.trained import Trained

__all__ = ["boundaries"]

_DARK = "#1a1a1a"  # on a picture, whose colours are the same on a dark page


def boundaries(trained: Trained) -> list[Figure]:
    """Draw each implementation's probability of the second class, and their largest difference."""
    fields: dict[str, np.ndarray] = {}
    axes = np.zeros((2, 0))
    for cell in trained.first_seed():
        p, found = trained.array(cell, "grid_probabilities"), trained.array(cell, "grid_axes")
        if p is not None and found is not None and p.shape[1] == 2:
            fields[cell["implementation"]] = p[:, 1].reshape(len(found[1]), len(found[0]))
            axes = found
    drawn = [_field(trained, name, values, axes) for name, values in fields.items()]
    if len(fields) > 1:
        drawn.append(_difference(trained.title, fields, axes))
    return drawn


def _field(trained: Trained, name: str, p: np.ndarray, at: np.ndarray) -> Figure:
    with figure(3.2, 2.7, left=0.3, right=0.3, bottom=0.2) as (drawn, axes):
        image = _show(axes, p, at, cmap="PuOr", vmin=-0.3, vmax=1.3)
        axes.contour(at[0], at[1], p, levels=[0.5], colors=_DARK, linewidths=1.6)
        if trained.data is not None:
            for i, face in enumerate(("white", _DARK)):
                points = trained.data.X_test[trained.data.y_test == i]
                axes.scatter(*points.T, s=11, c=face, edgecolors=_DARK, linewidths=0.6)
        _bar(drawn, image, axes).ax.set_ylim(0, 1)
        wrong = trained.cells_of(name)[0]["test"]
        label = f"Probability on the plane by {name}; test accuracy {wrong['accuracy']:.4f}"
        return Figure("", to_svg(drawn, trained.title, label), name)


def _difference(title: str, fields: dict[str, np.ndarray], at: np.ndarray) -> Figure:
    largest = np.max([np.abs(a - b) for a, b in combinations(fields.values(), 2)], axis=0)
    if largest.max() == 0:
        return Figure("The implementations are equal to the last bit on the whole plane.")
    from matplotlib.colors import LogNorm

    with figure(3.2, 2.7, left=0.3, right=0.3, bottom=0.2) as (drawn, axes):
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
