"""`--torture` asks for the long forms of these tests; what they measured is printed at the end."""

import time

import pytest

from .commands import CELLS, RESULTS, RUN, Commands, contents

collect_ignore = ["warm.py"]  # a script, with imports from its own folder

ACTS = "\x1b\x07\x9b\x9d\r\x00"  # what a terminal acts on


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


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder to work in, beside a file that nothing may touch."""
    for name in ("CACHE", "MIRROR", "DATA"):
        monkeypatch.delenv(f"LOCKSTEP_{name}", raising=False)
    monkeypatch.setenv("LOCKSTEP_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("LOCKSTEP_MIRROR", "http://127.0.0.1:1")
    victim, work = tmp_path / "victim", tmp_path / "work"
    victim.write_text("precious")
    work.mkdir()
    monkeypatch.chdir(work)
    yield work
    assert victim.read_text() == "precious"
    assert {path.name for path in tmp_path.iterdir()} <= {"victim", "work", "cache"}


@pytest.fixture
def command(capsys):
    """Return a function that runs a command: no traceback, nothing that a terminal acts on."""
    from experiments.harness.cli.app import main

    def run(*arguments):
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        assert not {*out, *err} & set(ACTS), (out, err)
        assert code in (0, 1, 2)
        return code, out, err

    return run


def pytest_terminal_summary(terminalreporter):
    reports = (r for outcome in ("passed", "failed") for r in terminalreporter.getreports(outcome))
    properties = [(report.nodeid, *pair) for report in reports for pair in report.user_properties]
    if figures := [(test, value) for test, name, value in properties if name == "figure"]:
        terminalreporter.section("figures")
        for test, value in figures:
            terminalreporter.line(f"{test.rsplit('::', 1)[-1]}: {value}")
