"""The options of `make faults`: how many clean seeds, and where the table goes."""

from pathlib import Path

import pytest

from .publish import to_markdown

SEEDS = 3  # in `make test`


def pytest_addoption(parser):
    parser.addoption("--faults-table", metavar="FILE", help="write what was caught to FILE")
    parser.addoption("--clean-seeds", type=int, default=SEEDS, help="look for false alarms on N")


@pytest.fixture(scope="session")
def clean_seeds(request):
    return range(request.config.getoption("--clean-seeds", SEEDS))


@pytest.fixture(scope="session")
def published(request):
    """Collect what became of each fault, and what was a false alarm; write it if asked to."""
    outcomes = {"faults": [], "clean": []}
    yield outcomes
    if path := request.config.getoption("--faults-table", None):
        Path(path).write_text(to_markdown(**outcomes), encoding="utf-8")
