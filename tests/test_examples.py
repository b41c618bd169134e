"""The notebooks, executed from top to bottom as a newcomer would, and the page of one's own."""

import os
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from experiments import load_run

from .experiments.planting import differences

pytestmark = pytest.mark.slow

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder of its own, without the user's data or settings, and with this interpreter."""
    paths = [str(EXAMPLES.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    for name, value in {
        "PYTHONPATH": os.pathsep.join(paths),
        "LOCKSTEP_CACHE": str(tmp_path / "cache"),
        "LOCKSTEP_MIRROR": "http://127.0.0.1:1",
        "IPYTHONDIR": str(tmp_path / "ipython"),
        "JUPYTER_CONFIG_DIR": str(tmp_path / "jupyter"),
        "JUPYTER_RUNTIME_DIR": str(tmp_path / "runtime"),
        "TMPDIR": str(tmp_path),
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("LOCKSTEP_DATA", raising=False)
    return tmp_path


def texts(notebook) -> list[str]:
    """Return the outputs, a text for each cell of code."""
    return [
        "".join(out.get("text", "") or out.get("data", {}).get("text/plain", "") for out in outputs)
        for outputs in (cell.outputs for cell in notebook.cells if cell.cell_type == "code")
    ]


def test_side_by_side_runs_from_top_to_bottom(here):
    notebook = nbformat.read(EXAMPLES / "side_by_side.ipynb", as_version=4)
    client = NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(here)}})
    client.km = client.create_kernel_manager()
    client.km.kernel_spec.argv[0] = sys.executable
    client.execute()
    shown = texts(notebook)
    assert "2 of 2 trainings finished" in shown[1]
    assert "agree" in shown[4]
    assert "<Comparison: unchanged; 2 trainings compared: 2 unchanged" in shown[7]
    assert "different rows: limit 500, then 400" in shown[9]
    (run,) = here.glob("*/first")
    assert load_run(run).agreement["verdict"].tolist() == ["agree"]


def test_notebooks_are_kept_without_outputs():
    for path in EXAMPLES.glob("*.ipynb"):
        notebook = nbformat.read(path, as_version=4)
        nbformat.validate(notebook)
        code = [cell for cell in notebook.cells if cell.cell_type == "code"]
        assert all(cell.outputs == [] and cell.execution_count is None for cell in code)


def test_the_transformer_of_the_example_page_is_one_computation():
    assert differences(EXAMPLES / "digits_transformer.py", epochs=1, limit=128) == [""] * 3
