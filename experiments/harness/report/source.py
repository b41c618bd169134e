"""The builders of a page side by side, highlighted, line against line."""

import inspect
from dataclasses import dataclass
from itertools import pairwise
from types import ModuleType

from markupsafe import Markup

from experiments.harness.records.environment import source_digest
from experiments.harness.report.alignment import align
from experiments.harness.report.trained import Trained

__all__ = ["SideBySide", "highlighting", "side_by_side"]


@dataclass(frozen=True)
class Line:
    """One line of one implementation; empty where it has none."""

    code: Markup = Markup()
    indent: int = 0
    differs: bool = False  # the page says that it had to be written differently

    def __bool__(self) -> bool:
        return bool(self.code)


@dataclass(frozen=True)
class SideBySide:
    """A column for each implementation, a row for each line."""

    implementations: list[str]
    rows: list[list[Line]]
    changed: bool  # the code is not what it was when the run was trained


def side_by_side(trained: Trained) -> SideBySide | None:
    """Return the builders that were trained; None if there is no such page any more."""
    page = trained.page
    names = [name for name in trained.implementations if hasattr(page, f"build_{name}")]
    if page is None or not names:
        return None
    sources = [_source(page, name) for name in names]
    lines = [_highlight(source) for source in sources]
    rows = [
        [Line() if at is None else _line(sources[c][at], lines[c][at]) for c, at in enumerate(row)]
        for row in align(sources)
    ]
    rows = [row for above, row in pairwise([[], *rows]) if any(above) or any(row)]
    now = source_digest(trained.name)
    changed = any(cell.get("source_sha256") != now for cell in trained.done)
    return SideBySide(names, rows, changed)


def highlighting() -> str:
    """Return the style of highlighted code: on light, and on dark where the reader prefers it."""
    from pygments.formatters import HtmlFormatter

    light, dark = (
        HtmlFormatter(style=style).get_token_style_defs(".code")
        for style in ("default", "github-dark")
    )
    return "\n".join([*light, "@media screen and (prefers-color-scheme: dark) {", *dark, "}"])


def _source(page: ModuleType, name: str) -> list[str]:
    return inspect.getsource(getattr(page, f"build_{name}")).rstrip().split("\n")


def _line(source: str, code: Markup) -> Line:
    return Line(code.lstrip(), len(source) - len(source.lstrip()), "# differs:" in source)


def _highlight(lines: list[str]) -> list[Markup]:
    """Return each line as HTML, escaped by Pygments."""
    from pygments import highlight
    from pygments.formatters import HtmlFormatter
    from pygments.lexers import PythonLexer

    lexer = PythonLexer(stripnl=False, ensurenl=False)
    html = highlight("\n".join(lines), lexer, HtmlFormatter(nowrap=True))
    return [Markup(line) for line in html.rstrip("\n").split("\n")]
