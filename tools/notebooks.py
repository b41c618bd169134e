"""Run the notebooks of the lesson, and keep what they print and draw: make lesson.

    python tools/notebooks.py [NOTEBOOK ...]

The notebooks are the source; only their outputs are written. Pictures are small, in few colours.
"""

import io
import os
import sys
from base64 import b64decode, b64encode
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]


def run(path: Path) -> None:
    """Execute a notebook from top to bottom, and write it back with its outputs."""
    notebook = nbformat.read(path, as_version=4)
    resources = {"metadata": {"path": str(path.parent)}}
    client = NotebookClient(notebook, timeout=120, resources=resources, record_timing=False)
    client.km = client.create_kernel_manager()
    client.km.kernel_spec.argv[0] = sys.executable
    client.execute()
    notebook.metadata["language_info"] = {"name": "python"}
    for output in (output for cell in notebook.cells for output in cell.get("outputs", ())):
        if "image/png" in output.get("data", {}):
            output.data["image/png"] = smaller(output.data["image/png"])
    nbformat.write(notebook, path)


def smaller(png: str) -> str:
    """Return a picture in 64 colours, without metadata."""
    picture, written = Image.open(io.BytesIO(b64decode(png))), io.BytesIO()
    picture.convert("RGB").quantize(64).save(written, "PNG", optimize=True)
    return b64encode(written.getvalue()).decode()


if __name__ == "__main__":
    os.environ["PYTHONPATH"] = str(ROOT)
    for name in sys.argv[1:] or sorted(map(str, (ROOT / "examples/lesson").glob("*.ipynb"))):
        run(Path(name))
        print(f"{name}: {Path(name).stat().st_size / 1024:.0f} KB")
