"""The options of `make ports`: how many steps, and where the table goes."""

from pathlib import Path

import pytest

from .catalogue import PORTS
from .publish import to_markdown


def pytest_addoption(parser):
    parser.addoption("--ports-table", metavar="FILE", help="try every mistake, write the table")
    parser.addoption("--ports-steps", type=int, default=12, help="steps of each comparison")


def pytest_generate_tests(metafunc):
    """Try the first mistake of each port, or with a table to write all, in both orders."""
    if "mistake" not in metafunc.fixturenames:
        return
    everything = metafunc.config.getoption("--ports-table", None) is not None
    cases = [
        pytest.param(
            port, mistake, swapped, id=f"{port.name}, {mistake.name}{' (swapped)' * swapped}"
        )
        for port in PORTS
        for mistake in (port.mistakes if everything else port.mistakes[:1])
        for swapped in ((False, True) if everything else (False,))
    ]
    metafunc.parametrize(("port", "mistake", "swapped"), cases)


@pytest.fixture(scope="session")
def steps(request):
    return request.config.getoption("--ports-steps", 12)


@pytest.fixture(scope="session")
def published(request):
    """Collect how far the ports are apart, and what is said of mistakes; write it if asked to."""
    outcomes = {"ports": {}, "said": []}
    yield outcomes
    if path := request.config.getoption("--ports-table", None):
        Path(path).write_text(to_markdown(**outcomes), encoding="utf-8")
