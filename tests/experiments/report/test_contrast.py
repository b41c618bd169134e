"""Text and marks stand out from what is behind them: WCAG 2.2, level AA, from the style sheets.

Every scheme is measured: light, dark, and on paper. `test_in_a_browser.py` measures what a browser
makes of the same colours; this needs none.
"""

import re
from importlib.resources import files

import pytest
from matplotlib import colormaps

from experiments.harness.report import answers, plane
from experiments.harness.report.source import highlighting
from experiments.harness.report.svg import SERIES

TEXT, MARK = 4.5, 3.0  # the least ratio of text (1.4.3), and of what a picture shows (1.4.11)
CSS = (files("experiments.harness.report") / "templates/report.css").read_text()
COMPARISON = (files("experiments.harness.compare") / "comparison.html").read_text()
RULE = re.compile(r"([^{}]+)\{([^{}]*)\}")
# Text within a coloured box that has a colour of its own, given elsewhere.
NESTED = [("ink", "bad-soft"), ("accent", "bad-soft"), ("ink", "card"), ("ink", "page")]
SURFACES = ("card", "page")


def rgb(colour: str) -> list[float]:
    """Return #rgb or #rrggbb as three numbers from 0 to 1."""
    digits = colour[1:] if len(colour) == 7 else "".join(c + c for c in colour[1:4])
    return [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]


def mixed(colour: str, share: float, behind: str) -> list[float]:
    """Return a colour laid over another as if it were transparent."""
    return [share * c + (1 - share) * b for c, b in zip(rgb(colour), rgb(behind), strict=True)]


def luminance(colour: list[float]) -> float:
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour]
    return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one: str | list[float], other: str | list[float]) -> float:
    """Return the ratio of two colours, 1 to 21.

    >>> round(contrast("#000", "#fff"), 6), round(contrast("#767676", "#ffffff"), 2)
    (21.0, 4.54)
    """
    found = sorted(luminance(rgb(c) if isinstance(c, str) else c) for c in (one, other))
    return (found[1] + 0.05) / (found[0] + 0.05)


def palettes(css: str) -> dict[str, dict[str, str]]:
    """Return the variables of a style sheet in each scheme."""
    blocks = re.findall(r":root \{(.*?)\}", css, re.DOTALL)
    light, dark, paper = (dict(re.findall(r"--([\w-]+): (#\w+)", each)) for each in blocks)
    return {"light": light, "dark": light | dark, "paper": light | paper}


def rules(css: str) -> list[tuple[str, dict[str, str]]]:
    """Return the selector and the declarations of each rule but those that define variables."""
    found = RULE.findall(re.sub(r"/\*.*?\*/|:root \{.*?\}", "", css, flags=re.DOTALL))
    return [
        (selector.strip(), dict(re.findall(r"([\w-]+): *([^;]+)", body)))
        for selector, body in found
    ]


def variable(value: str | None) -> str | None:
    found = re.fullmatch(r"var\(--([\w-]+)\)", (value or "").strip())
    return found and found[1]


def pairs(css: str) -> list[tuple[str, str, str]]:
    """Return each text colour, a colour that is behind it, and the rule's selector.

    A rule without a background is text on a card, or on the page.
    """
    found = [(text, behind, "nested") for text, behind in NESTED]
    for selector, body in rules(css):
        for name in ("color", "fill"):
            if (text := variable(body.get(name))) and (name == "color" or "text" in selector):
                own = variable(body.get("background"))
                found += [(text, each, selector) for each in ([own] if own else SURFACES)]
    return found


def faint(css: str, scheme: str) -> list[tuple[str, str, str]]:
    """Return the pairs that do not stand out from each other."""
    colours = palettes(css)[scheme]
    return [p for p in pairs(css) if contrast(colours[p[0]], colours[p[1]]) < TEXT]


@pytest.fixture(params=["light", "dark", "paper"])
def scheme(request):
    return request.param


@pytest.fixture
def colours(scheme):
    return palettes(CSS)[scheme]


def test_every_text_of_the_report_stands_out_from_what_is_behind_it(scheme):
    found = {pair[:2] for pair in pairs(CSS)}
    assert {("good", "good-soft"), ("bad", "bad-soft"), ("mid", "mid-soft")} <= found
    assert {("page", "ink"), ("muted", "card"), ("muted", "page"), ("accent", "page")} <= found
    assert faint(CSS, scheme) == []


def test_a_faint_text_is_found():
    pale = CSS.replace("--muted: #5d656e", "--muted: #9aa0a6")
    assert pale != CSS
    found = faint(pale, "light")
    assert {behind for text, behind, _ in found if text == "muted"} == {"card", "page"}
    assert faint(pale, "dark") == []


def test_no_rule_has_a_colour_that_is_not_measured():
    values = [f"{selector}: {value}" for selector, body in rules(CSS) for value in body.values()]
    own = [value for value in values if re.search(r"#[0-9a-f]{3}|\brgb|\bhsl", value)]
    assert own == [".digits img: #fff"]  # behind a picture that covers it


def test_lines_and_marks_stand_out_from_the_card(colours):
    series = [f"s{number}" for number in range(1, len(SERIES) + 1)]
    marks = {*series, "bad", "muted", "mid", "accent"}  # limits, axes, `# differs:`, the focus
    ratios = {mark: contrast(colours[mark], colours["card"]) for mark in marks}
    assert {mark: ratio for mark, ratio in ratios.items() if ratio < MARK} == {}
    names = {mark: ratio for mark, ratio in ratios.items() if mark in series and ratio < TEXT}
    assert names == {}  # thin lines, which have to be told from each other as letters have


def test_the_connections_of_a_network_stand_out_from_the_card(colours):
    (edges,) = [body for selector, body in rules(CSS) if selector == ".network .edges path"]
    line = mixed(colours[variable(edges["stroke"])], float(edges["opacity"]), colours["card"])
    assert contrast(line, colours["card"]) >= MARK


def test_counts_stand_out_from_the_strongest_shade_of_a_confusion_matrix(colours):
    for right, series in ((True, "s1"), (False, "s2")):
        strongest = answers._count(7, 7, 7, right).strength / 100
        shade = mixed(colours[series], strongest, colours["card"])
        assert contrast(colours["ink"], shade) >= TEXT


def test_the_decision_boundary_stands_out_from_the_colours_beside_it():
    low, high = -0.3, 1.3  # as the picture's colours are laid out
    beside = [colormaps["PuOr"]((p - low) / (high - low))[:3] for p in (0.4, 0.5, 0.6)]
    assert all(contrast(plane._DARK, list(colour)) >= MARK for colour in beside)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_code_stands_out_from_the_card(scheme):
    light, dark = highlighting().split("@media")
    tokens = re.findall(r"\.code \.(\w+) \{ color: (#\w+)", {"light": light, "dark": dark}[scheme])
    card = palettes(CSS)[scheme]["card"]
    assert len(tokens) > 40
    assert [name for name, colour in tokens if contrast(colour, card) < TEXT] == ["w"]  # blanks


def test_nothing_but_a_confusion_matrix_is_tinted():
    tinted = {selector for selector, body in rules(CSS) if "color-mix" in str(body)}
    assert tinted == {".confusion td.right", ".confusion td.wrong"}


def test_the_page_of_a_comparison_stands_out_from_white():
    colours = re.findall(r"[ {]color: (#\w+)", COMPARISON)
    assert len(colours) == 2  # better and worse; all else is black
    assert [colour for colour in colours if contrast(colour, "#fff") < TEXT] == []
