"""`--torture` asks for the long forms of these tests; what they measured is printed at the end."""

import time

import pytest

from .commands import CELLS, RESULTS, RUN, Commands, contents


def pytest_addoption(parser):
    parser.addoption("--torture", action="store_true", help="the long forms, as `make torture`")


@pytest.fixture(scope="session")
def torture(request):
    """Whether the long forms are asked for."""
    return request.config.getoption("--torture", False)


@pytest.fixture
def figure(record_property):
    """Return a function that notes, in one sentence, what a test measured."""
    return lambda sentence: record_property("figure", sentence)


@pytest.fixture(scope="session")
def commands():
    """What runs commands that can be killed."""
    commands = Commands()
    yield commands
    commands.close()


@pytest.fixture(scope="session")
def in_peace(commands, tmp_path_factory):
    """What a run holds that nothing happened to, and the seconds that it took."""
    cwd, start = tmp_path_factory.mktemp("peace"), time.monotonic()
    assert commands.run(cwd, *RUN) == 0
    seconds = time.monotonic() - start
    held = contents(cwd / "run")
    cells = {f"cells/{key}.{suffix}" for key in CELLS for suffix in ("json", "safetensors")}
    assert held.keys() == cells | {"plan.json", *RESULTS}
    return held, seconds


def pytest_terminal_summary(terminalreporter):
    reports = (r for outcome in ("passed", "failed") for r in terminalreporter.getreports(outcome))
    properties = [(report.nodeid, *pair) for report in reports for pair in report.user_properties]
    if figures := [(test, value) for test, name, value in properties if name == "figure"]:
        terminalreporter.section("figures")
        for test, value in figures:
            terminalreporter.line(f"{test.rsplit('::', 1)[-1]}: {value}")
