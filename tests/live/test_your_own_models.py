"""The page for users: its code runs, and prints what stands there."""

import re
from pathlib import Path

import keras
import pytest

pytestmark = pytest.mark.slow

PAGE = Path(__file__).parents[2] / "docs" / "your-own-models.md"
BLOCK = re.compile(r"^```(python|text)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def words(text: str) -> list[str]:
    """Return the words, in the order of the alphabet, with # for each number.

    The last digits depend on the processor, and on them the width of a column, where lines break.
    Keras numbers its layers through the whole process: those of other tests come before.
    """
    unnumbered = re.sub(r"(?<=[a-z])_\d+\b", "", text)
    return sorted(re.sub(r"\d[\d.e+\-,]*", "#", unnumbered).split())


@pytest.fixture(scope="module")
def ran():
    """Run the page's code from top to bottom; give the names it defines, and what it prints."""
    keras.utils.set_random_seed(0)
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
        assert words(ours) == words(theirs)


def test_the_test_of_the_page_passes(ran):
    names, _, _ = ran
    names["test_the_port_trains_as_the_original_does"]()
