"""The page for users: its code runs, and prints what stands there."""

import re
from pathlib import Path

import keras
import pytest

PAGE = Path(__file__).parents[2] / "docs" / "your-own-models.md"
BLOCK = re.compile(r"^```(python|text)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def without_digits(text: str) -> str:
    """Replace numbers, whose last digits depend on the processor, and the space that they take.

    Keras numbers its layers through the whole process: without the page, others come before.
    """
    unnumbered = re.sub(r"(?<=[a-z])_\d+\b", "", text)
    return re.sub(r"\s+", " ", re.sub(r"\d[\d.e+\-,]*", "#", unnumbered)).strip()


@pytest.fixture(scope="module")
def ran():
    """Run the page's code from top to bottom; give the names it defines, and what it prints."""
    names, printed, expected = {"__name__": "page"}, [], []
    names["print"] = lambda value: printed.append(str(value))
    for language, text in BLOCK.findall(PAGE.read_text(encoding="utf-8")):
        if language == "python":
            exec(compile(text, PAGE.name, "exec"), names)
        else:
            expected.append(text)
    return names, printed, expected


def test_the_page_prints_what_stands_there(ran):
    _, printed, expected = ran
    if not keras.__version__.startswith("3.15."):
        pytest.skip("the page was printed with Keras 3.15, whose settings read otherwise")
    assert len(printed) == len(expected) == 2
    for ours, theirs in zip(printed, expected, strict=True):
        assert without_digits(ours) == without_digits(theirs)


def test_the_test_of_the_page_passes(ran):
    names, _, _ = ran
    names["test_the_port_trains_as_the_original_does"]()
