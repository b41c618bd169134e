"""How the test accuracies of several seeds are spread."""

from dataclasses import dataclass

import numpy as np

from experiments.harness.report.figures import Figure
from experiments.harness.report.line_styles import line_styles
from experiments.harness.report.svg import INK, figure, plain, to_svg
from experiments.harness.report.trained import Trained

__all__ = ["accuracies_of_seeds"]


def accuracies_of_seeds(trained: Trained) -> Figure | None:
    """Draw a dot for each seed of each implementation; None for a single seed."""
    if len(trained.seeds) < 2:
        return None
    found = {
        name: [cell["test"]["accuracy"] for cell in trained.cells_of(name)]
        for name in trained.implementations
    }
    words = f"Test accuracy with {len(trained.seeds)} seeds, a dot each; the bar is the mean."
    return _strips(trained, found, words)


@dataclass(frozen=True)
class _Summary:
    name: str
    values: np.ndarray

    def words(self) -> str:
        low, mean, high = self.values.min(), self.values.mean(), self.values.max()
        return f"{self.name} {low:.4f} to {high:.4f}, mean {mean:.4f}"


def _strips(trained: Trained, found: dict[str, list[float]], caption: str) -> Figure:
    summaries = [_Summary(name, np.array(values)) for name, values in found.items()]
    styles = line_styles(list(found))
    with figure(6.4, 0.75 + 0.42 * len(found), left=1.0) as (drawn, axes):
        for height, each in enumerate(summaries):
            style = styles[each.name]
            axes.scatter(each.values, np.full(len(each.values), height), s=34, marker=style.marker,
                         facecolors="none", edgecolors=style.colour, linewidths=1.3)  # fmt: skip
            axes.plot([each.values.mean()] * 2, [height - 0.3, height + 0.3], color=INK, lw=1.6)
        axes.set_yticks(range(len(found)), [plain(name) for name in found])
        axes.set_ylim(len(found) - 0.4, -0.6)
        axes.set_xlabel("test accuracy")
        words = f"{caption} {'; '.join(each.words() for each in summaries)}."
        return Figure(words, to_svg(drawn, trained.title, words))
