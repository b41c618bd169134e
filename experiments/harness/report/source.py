"""The builders of a page side by side, highlighted and aligned line by line."""

import inspect
import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache
from itertools import pairwise
from types import FunctionType
from typing import cast

from markupsafe import Markup

from experiments.harness.report.trained import Trained
from frameworks.backends import BACKENDS
from frameworks.program import ProgramBuilder

__all__ = ["Line", "SideBySide", "align", "highlighting", "side_by_side"]

Row = list[int | None]  # the line number in each column; None where it has no line

_ALIKE = 0.45  # the likeness from which two lines correspond
_NARROW = 30  # characters; a longer piece of a line may be broken before a dot
_AFTER = re.compile(r'(<span class="p">[^<]*[(\[{,]</span>)')
_DOT = re.compile(r'(<span class="o">\.</span>)')
_MODULE = re.compile(r"\b\w+\.(?=[A-Z])")  # nn.ReLU and layers.ReLU are the same to a reader


@dataclass(frozen=True)
class Line:
    """One line of one builder; empty for a gap."""

    code: Markup = Markup()
    indent: int = 0
    differs: bool = False  # marked with "# differs:" on the page

    def __bool__(self) -> bool:
        return bool(self.code)


@dataclass(frozen=True)
class SideBySide:
    """A column for each builder, a row for each line."""

    builders: list[str]
    rows: list[list[Line]]


def side_by_side(trained: Trained) -> SideBySide | None:
    """Return the builders of the trained implementations; None if the page is not known."""
    page = trained.experiment
    if page is None:
        return None
    names = [BACKENDS[name].builders for name in trained.implementations if name in BACKENDS]
    names = [name for name in dict.fromkeys(names) if name in page.blueprint.builders]
    if not names:
        return None
    sources = [_source(page.blueprint.builders[name], name) for name in names]
    lines = [_highlight(source) for source in sources]
    rows = [
        [Line() if at is None else _line(sources[c][at], lines[c][at]) for c, at in enumerate(row)]
        for row in align(sources)
    ]
    rows = [row for above, row in pairwise([[], *rows]) if any(above) or any(row)]
    return SideBySide(names, rows)


def highlighting() -> str:
    """Return the CSS of highlighted code, for light and dark colour schemes."""
    from pygments.formatters import HtmlFormatter

    light, dark = (
        HtmlFormatter(style=style).get_token_style_defs(".code")
        for style in ("default", "github-dark")
    )
    return "\n".join([*light, "@media screen and (prefers-color-scheme: dark) {", *dark, "}"])


def _source(build: ProgramBuilder, name: str) -> list[str]:
    """Return the lines of a builder, after those of what it calls that ends in `_in_` its name."""
    own = cast("FunctionType", inspect.unwrap(build))
    called = [own.__globals__.get(each) for each in own.__code__.co_names]
    parts = [f for f in called if inspect.isfunction(f) and f.__name__.endswith(f"_in_{name}")]
    whole = "\n\n".join(inspect.getsource(each) for each in (*parts, own))
    return whole.rstrip().split("\n")


def _line(source: str, code: Markup) -> Line:
    return Line(code.lstrip(), len(source) - len(source.lstrip()), "# differs:" in source)


def _highlight(lines: list[str]) -> list[Markup]:
    """Return each line as HTML, escaped by Pygments."""
    from pygments import highlight
    from pygments.formatters import HtmlFormatter
    from pygments.lexers import PythonLexer

    lexer = PythonLexer(stripnl=False, ensurenl=False)
    html = highlight("\n".join(lines), lexer, HtmlFormatter(nowrap=True))
    return [
        _breakable(line, source)
        for line, source in zip(html.rstrip("\n").split("\n"), lines, strict=True)
    ]


def _breakable(html: str, source: str) -> Markup:
    """Let a line be broken between two tokens: after a bracket or a comma, else before a dot."""
    html = _AFTER.sub(r"\1<wbr>", html)
    if max(map(len, re.split(r"\s+|(?<=[(\[{,])", source))) > _NARROW:
        html = _DOT.sub(r"<wbr>\1", html)
    return Markup(html)


def align(columns: Sequence[Sequence[str]]) -> list[Row]:
    """Return rows that hold every line of every column once, in order.

    Each column in turn is aligned with the rows so far, so that the total likeness of facing lines
    is largest (Needleman and Wunsch, 1970, without a gap cost).

    >>> align([["a = 1", "b = 2"], ["a = 1", "extra()", "b = 3"]])
    [[0, 0], [None, 1], [1, 2]]
    """
    rows: list[Row] = [[i] for i in range(len(columns[0]))]
    for number, column in enumerate(columns[1:], 1):
        texts = [
            [columns[c][line] for c, line in enumerate(row) if line is not None] for row in rows
        ]
        score = [[max(_likeness(text, line) for text in row) for line in column] for row in texts]
        empty: Row = [None] * number
        rows = [
            [*(empty if i is None else rows[i]), j]
            for i, j in _best_path(score, len(rows), len(column))
        ]
    return rows


def _best_path(score: list[list[float]], n: int, m: int) -> list[tuple[int | None, int | None]]:
    """Return the pairs (i, j), in order, with the largest sum of scores; None is a gap."""
    best = [[0.0] * (m + 1) for _ in range(n + 1)]
    for i in reversed(range(n)):
        for j in reversed(range(m)):
            best[i][j] = max(best[i + 1][j], best[i][j + 1], score[i][j] + best[i + 1][j + 1])
    path: list[tuple[int | None, int | None]] = []
    i = j = 0
    while i < n or j < m:
        if i < n and j < m and score[i][j] > 0 and best[i][j] == score[i][j] + best[i + 1][j + 1]:
            path.append((i, j))
            i, j = i + 1, j + 1
        elif j == m or (i < n and best[i][j] == best[i + 1][j]):
            path.append((i, None))
            i += 1
        else:
            path.append((None, j))
            j += 1
    return path


@lru_cache(maxsize=10_000)
def _likeness(a: str, b: str) -> float:
    """Return how alike two lines are, 0 to 1; 0 if they do not correspond."""
    a, b = (_MODULE.sub("", line.strip()) for line in (a, b))
    if not a or not b:
        return 0.1 * (a == b)
    matcher = SequenceMatcher(None, a, b, autojunk=False)
    if matcher.real_quick_ratio() < _ALIKE:
        return 0.0
    ratio = matcher.ratio()
    return ratio if ratio >= _ALIKE else 0.0
