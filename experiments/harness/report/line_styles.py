"""How each implementation is drawn: by colour, and by dashes and markers where there is none."""

from dataclasses import dataclass
from typing import Any

from experiments.harness.report.svg import SERIES

__all__ = ["LineStyle", "line_styles"]


@dataclass(frozen=True)
class LineStyle:
    """One implementation's line; the first is broad, so that those drawn over it leave it seen."""

    colour: str
    variable: str  # the same colour in the page's style
    width: float
    dashes: tuple[float, ...]
    marker: str

    def line(self, n: int, position: int) -> dict[str, Any]:
        """Return matplotlib's arguments for a line of n points, some of them marked.

        `position`: of the line among those in the figure, so that their markers stand side by side.
        """
        every = max(1, n // 6)
        return {
            "color": self.colour,
            "linewidth": self.width,
            "linestyle": (0, self.dashes) if self.dashes else "-",
            "marker": self.marker,
            "markevery": (position * every // 4 % n, every),
            "markerfacecolor": self.colour if position % 2 == 0 else "none",
        }


_STYLES = [
    LineStyle(SERIES[0], "--s1", 3.2, (), "o"),
    LineStyle(SERIES[1], "--s2", 1.7, (5, 2), "s"),
    LineStyle(SERIES[2], "--s3", 1.7, (1.5, 1.5), "^"),
    LineStyle(SERIES[3], "--s4", 1.3, (6, 2, 1, 2), "D"),
]
_OWN = {"scratch": 0, "keras": 1, "pytorch": 2, "python": 3}


def line_styles(implementations: list[str]) -> dict[str, LineStyle]:
    """Return a style for each implementation: the known ones always have the same."""
    return {name: _STYLES[_OWN.get(name, i) % 4] for i, name in enumerate(implementations)}
