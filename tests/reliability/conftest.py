"""`--torture` asks for the long forms of these tests; what they measured is printed at the end."""

import pytest


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


def pytest_terminal_summary(terminalreporter):
    reports = (r for outcome in ("passed", "failed") for r in terminalreporter.getreports(outcome))
    properties = [(report.nodeid, *pair) for report in reports for pair in report.user_properties]
    if figures := [(test, value) for test, name, value in properties if name == "figure"]:
        terminalreporter.section("figures")
        for test, value in figures:
            terminalreporter.line(f"{test.rsplit('::', 1)[-1]}: {value}")
