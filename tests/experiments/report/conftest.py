"""One report that many tests look at."""

from pathlib import Path

import pytest

from .made_up import KINDS, by_all, html


@pytest.fixture(scope="session")
def report(tmp_path_factory) -> Path:
    """The report of six experiments of different kinds."""
    folder = tmp_path_factory.mktemp("report")
    path = folder / "report.html"
    path.write_text(html(folder, by_all(*KINDS)))
    return path
