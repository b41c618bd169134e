"""The options of `make ports`: how many steps, and where the table goes."""

from pathlib import Path

import pytest

from .publish import to_markdown


def pytest_addoption(parser):
    parser.addoption("--ports-table", metavar="FILE", help="try every mistake, write the table")
    parser.addoption("--ports-steps", type=int, default=12, help="steps of each comparison")


@pytest.fixture(scope="session")
def steps(request):
    return request.config.getoption("--ports-steps", 12)


@pytest.fixture(scope="session")
def everything(request):
    """Whether every mistake is tried, and not only the first of each port."""
    return request.config.getoption("--ports-table", None) is not None


@pytest.fixture(scope="session")
def published(request):
    """Collect how far the ports are apart, and what is said of mistakes; write it if asked to."""
    outcomes = {"ports": {}, "said": []}
    yield outcomes
    if path := request.config.getoption("--ports-table", None):
        Path(path).write_text(to_markdown(**outcomes), encoding="utf-8")
