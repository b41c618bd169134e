"""Matplotlib figures as inline SVG: small, reproducible, in the page's own colours."""

import io
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

import matplotlib.figure
import numpy as np
from markupsafe import Markup
from matplotlib import rc_context, rcParamsDefault
from matplotlib.ticker import NullLocator

from frameworks.backend import LineStyle
from frameworks.backends import BACKENDS

__all__ = [
    *("INK", "LIMIT", "MUTED", "SERIES", "Figure", "draw_line", "drawable", "figure"),
    *("line_styles", "plain", "set_powers", "to_svg"),
]

# Placeholders: in the SVG each becomes a CSS variable of the page, light or dark.
INK, MUTED, GRID, LIMIT = "#000001", "#000002", "#000003", "#000004"
SERIES = ("#000011", "#000012", "#000013", "#000014", "#000015", "#000016")
_VARIABLES = {INK: "ink", MUTED: "muted", GRID: "rule", LIMIT: "bad"} | {
    colour: f"s{i}" for i, colour in enumerate(SERIES, 1)
}

_TOO_FINE = re.compile(r"(\d\.\d\d)\d+")  # of a hundredth of a point nobody sees a fraction
_LARGEST = 1e100  # the ticks of an axis are computed with squares and differences of its ends

_STYLE: Any = {
    "svg.fonttype": "none",  # text stays text: small and searchable
    "svg.hashsalt": "lockstep",
    "text.parse_math": False,
    "axes.formatter.use_mathtext": False,
    "path.simplify_threshold": 0.3,
    "font.family": "DejaVu Sans",  # for measuring; the page's style sets its own font
    "font.size": 9,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.facecolor": "none",
    "figure.facecolor": "none",
    "grid.color": GRID,
    "grid.linewidth": 0.7,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "text.color": INK,
    "lines.markersize": 5,
}


# What a user has set for other figures is not for ours: LaTeX, fonts, a style that others made.
_STOCK: Any = {
    name: value
    for name, value in rcParamsDefault.items()
    if not name.startswith(("backend", "date"))
}


@dataclass(frozen=True)
class Figure:
    """A picture with its caption; if there is nothing to draw, only a caption that says why."""

    caption: str
    svg: Markup = Markup()
    title: str = ""


def line_styles(implementations: Iterable[str]) -> dict[str, LineStyle]:
    """Return each implementation's style; unknown ones get that of another."""
    known = [backend.style for backend in BACKENDS.values()]
    styles = {
        name: BACKENDS[name].style if name in BACKENDS else known[i % len(known)]
        for i, name in enumerate(implementations)
    }
    return {name: replace(s, colour=s.colour % len(SERIES)) for name, s in styles.items()}


def draw_line(axes: Any, x: np.ndarray, y: np.ndarray, style: LineStyle, position: int) -> None:
    """Draw a line (n,) with markers on some of its points.

    `position`: the line's number in the figure, by which its markers are shifted from others'.
    """
    n, colour = len(x), SERIES[style.colour]
    every = max(1, n // 6)
    axes.plot(
        x,
        y,
        color=colour,
        linewidth=style.width,
        linestyle=(0, style.dashes) if style.dashes else "-",
        marker=style.marker,
        markevery=(position * every // len(SERIES) % n, every),
        markerfacecolor="none" if style.colour % 2 else colour,
    )


def drawable(values: np.ndarray) -> np.ndarray:
    """Return numbers with NaN for those that no axis can be laid out for.

    >>> drawable(np.array([1.0, np.inf, 1e308]))
    array([ 1., nan, nan])
    """
    return np.where(np.abs(values) < _LARGEST, values, np.nan)


@contextmanager
def figure(
    width: float = 4.6,
    height: float = 2.9,
    left: float = 0.75,
    right: float = 0.12,
    bottom: float = 0.47,
) -> Iterator[tuple[matplotlib.figure.Figure, Any]]:
    """Yield a figure with one empty axes in the report's style, to be drawn within the context.

    Sizes and the margins for labels are in inches; at a width of 4.6 the text is readable on a
    phone. A layout that measures the labels would take twice the time.
    """
    with rc_context(_STOCK | _STYLE):
        drawn = matplotlib.figure.Figure(figsize=(width, height))
        x, y = left / width, bottom / height
        yield drawn, drawn.add_axes((x, y, 1 - x - right / width, 1 - y - 0.1 / height))


def to_svg(drawn: matplotlib.figure.Figure, title: str, words: str) -> Markup:
    """Return a figure as an <svg> element; call it within `figure`.

    `title` and `words` are the text alternative; together they are unique on a page.
    """
    out = io.StringIO()
    drawn.savefig(out, format="svg", metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")))
    text = out.getvalue()
    body = text[text.index(">", text.index("<svg")) + 1 : text.rindex("</svg>")]
    body = re.sub(r"<(metadata|style).*?</\1>|<!--.*?-->", "", body, flags=re.DOTALL)
    label = f"{title}: {words}"
    body = _scope_ids(body, sha256((label + body).encode()).hexdigest()[:8])
    body = re.sub(r"#0000[01]\d", lambda match: f"var(--{_VARIABLES[match[0]]})", body)
    body = re.sub(r"font: ([\d.]+)px[^;\"]*", r"font-size: \1px", body)
    body = re.sub(r"\n\s*", "\n", body)
    body = re.sub(r"<[^>]*>", lambda tag: _TOO_FINE.sub(r"\1", tag[0]), body)
    width, height = (72 * inches for inches in drawn.get_size_inches())
    start = Markup('<svg role="img" aria-label="{}" viewBox="0 0 {:g} {:g}" style="--w:{:g}">')
    return start.format(label, width, height, width) + Markup(body) + Markup("</svg>")


def set_powers(axis: Any) -> None:
    """Label a logarithmic axis as in 1e-12; matplotlib's default labels need a special font."""
    axis.set_major_formatter("{x:.0e}")
    axis.set_minor_locator(NullLocator())


def plain(name: Any) -> str:
    """Return a name in characters that every font has.

    >>> plain("naïve ☃")
    'na?ve ?'
    """
    return "".join(c if " " <= c <= "~" else "?" for c in str(name))


def _scope_ids(svg: str, figure: str) -> str:
    """Drop ids that nothing refers to, and make the others unique to the figure."""
    key = f"f{figure}"
    used = set(re.findall(r"#([\w-]+)[\")]", svg))

    def scoped(match: re.Match[str]) -> str:
        return f' id="{key}{match[1]}"' if match[1] in used else ""

    svg = re.sub(r' id="([^"]*)"', scoped, svg)
    return re.sub(r"((?:href=\"|url\()#)(?=[\w-]+[\")])", rf"\g<1>{key}", svg)
