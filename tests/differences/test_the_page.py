"""The page of differences: each row names a test, each test has a row, and versions are ours."""

import re
from importlib.metadata import version
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/framework-differences.md"
ROWS = [line for line in PAGE.read_text().splitlines() if line.startswith('| <a id="')]
NAMES = {
    "Keras": "keras",
    "TensorFlow": "tensorflow",
    "PyTorch": "torch",
    "scikit-learn": "scikit-learn",
    "JAX": "jax",
}


def anchor(row):
    return re.match(r'\| <a id="([^"]+)"></a>', row)[1]


def shown_by(row):
    """Return the test's name and its file, or the reason why there is none."""
    last = row.rsplit("|", 2)[1].strip()
    link = re.fullmatch(r"\[(\w+)\]\(\.\./(\S+)\)", last)
    return link.groups() if link else last


@pytest.mark.parametrize("row", ROWS, ids=anchor)
def test_row_names_a_test_or_says_why_it_has_none(row):
    shown = shown_by(row)
    if isinstance(shown, str):
        assert re.match("none: .{20}", shown)
        return
    name, path = shown
    assert f"\ndef test_{name}(" in (ROOT / path).read_text()


def test_every_test_of_a_difference_is_the_anchor_of_its_row():
    found = set()
    for path in Path(__file__).parent.glob("test_*_differences.py"):
        found |= set(re.findall(r"^def test_(\w+)\(", path.read_text(), re.MULTILINE))
    rows = [(anchor(row), shown_by(row)) for row in ROWS]
    of_ours = {shown[0]: at for at, shown in rows if "/differences/" in shown[-1]}
    assert of_ours == {name: name for name in found}


def test_anchors_are_unique_and_links_lead_to_one():
    page = PAGE.read_text()
    headings = [each.lower() for each in re.findall(r"^## (.+)$", page, re.MULTILINE)]
    anchors = [anchor(row) for row in ROWS]
    assert len(set(anchors)) == len(anchors) > 100
    places = {*anchors, *(re.sub(r"[^\w -]", "", each).replace(" ", "-") for each in headings)}
    assert set(re.findall(r"\]\(#([^)]+)\)", page)) <= places
    files = re.findall(r"\]\(((?!#)[^)]+)\)", page)
    assert all((PAGE.parent / each).exists() for each in files)


@pytest.mark.parametrize("name", NAMES)
def test_versions_are_the_installed_ones(name):
    installed = version(NAMES[name]).split("+")[0]
    assert f"{name} {installed}" in " ".join(PAGE.read_text().split())
