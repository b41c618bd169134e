"""The notebooks of the lesson: they run, and print what is stored with them."""

import contextlib
import io
import re
from pathlib import Path

import matplotlib
import nbformat
import pytest

matplotlib.use("Agg")
from matplotlib import pyplot as plt  # noqa: E402 - the backend comes first

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "examples" / "lesson").glob("*.ipynb"))
LARGEST = 100_000  # bytes: small enough for a repository, and for a telephone


def code_of(notebook) -> list:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def printed(cell) -> str:
    return "".join(out.text for out in cell.outputs if out.output_type == "stream")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_and_prints_what_is_stored(path):
    names: dict = {}
    for cell in code_of(nbformat.read(path, as_version=4)):
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            exec(compile(cell.source, path.name, "exec"), names)
        assert said.getvalue() == printed(cell), "to store what is printed now: make lesson"
        drawn = any("image/png" in out.get("data", {}) for out in cell.outputs)
        assert drawn == bool(plt.get_fignums())
        plt.close("all")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_whole_small_and_leads_somewhere(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert path.stat().st_size < LARGEST
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    assert "$$" in text or "$\\theta" in text
    links = re.findall(r"\]\(([^)#]+)", text)
    assert any("exercises/" in link for link in links)
    assert [link for link in links if not (path.parent / link).exists()] == []


def test_the_chapters_follow_one_another_and_the_readme_has_them_all():
    assert [path.stem[0] for path in NOTEBOOKS] == list("1234567")
    for page in ("scratch/README.md", "README.md"):
        assert "examples/lesson/" in (ROOT / page).read_text()
    listed = (ROOT / "scratch/README.md").read_text()
    assert [path.name for path in NOTEBOOKS if path.name not in listed] == []
