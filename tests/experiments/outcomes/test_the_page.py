"""docs/continuous-integration.md: its commands and its verdicts are those that there are."""

import re
import shlex
from pathlib import Path
from typing import get_args

import pytest
import typer.main

from experiments.harness.cli.app import app
from experiments.harness.outcomes import Case, Outcome, Verdict
from experiments.harness.outcomes.github import markdown

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "continuous-integration.md").read_text()
COMMANDS = re.findall(r"^(?:      - run: )?(lockstep .*?)(?:  #.*)?$", PAGE, re.MULTILINE)
VERDICTS = [word for each in get_args(Verdict) for word in get_args(each)]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_of_the_page_is_understood(command):
    program = typer.main.get_command(app)
    _, *arguments = shlex.split(command)
    with program.make_context("lockstep", arguments) as context:
        name, inner, rest = program.resolve_command(context, [arguments[0], *arguments[1:]])
        assert name == arguments[0]
        inner.make_context(name, rest, parent=context)


@pytest.mark.parametrize("verdict", VERDICTS)
def test_the_table_has_every_verdict_with_its_exit_code(verdict):
    (row,) = [row for row in PAGE.splitlines() if row.startswith("| `") and f"`{verdict}`" in row]
    code = int(row.split("|")[3])
    against = ("it failed",) if code else ()
    assert Outcome("lockstep run", verdict, [Case("xor", "scratch", against)]).exit_code == code


def test_the_summary_of_ci_is_as_the_page_shows_it():
    words = "6 of 6 trainings finished; 6 of 6 pairs agree."
    assert f"```\n{markdown(Outcome('lockstep run', 'passed', [], words)).strip()}\n```" in PAGE
    run = (ROOT / ".ci" / "run").read_text()
    assert "if [[ -n ${GITHUB_STEP_SUMMARY:-} ]]; then\n    .venv/bin/lockstep run " in run
