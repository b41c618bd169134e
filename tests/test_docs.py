"""The pages: every link leads somewhere, and every command is one that lockstep has."""

import re
import shlex
from itertools import chain
from pathlib import Path

import pytest
import typer.main
from typer.exceptions import TyperException

from experiments.harness.cli.app import app

ROOT = Path(__file__).resolve().parents[1]
GLOBS = ("*.md", "docs/*.md", "scratch/**/*.md", "examples/**/*.md")
PAGES = sorted(chain.from_iterable(map(ROOT.glob, GLOBS)))
CODE = re.compile(r"^```.*?^```|`[^`\n]*`", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!https?:)([^)\s]+)\)")
OWN = re.compile(r'<a id="([^"]+)"')
COMMAND = re.compile(r"^(?:\$ )?lockstep +([^#\n]+)", re.MULTILINE)
HEADING = re.compile(r"^#+ +(.+)$", re.MULTILINE)


def anchors(text):
    """Return the anchors of a page: its own, and those that GitHub and the site give headings.

    >>> sorted(anchors("# Who is right?\\n## Keras' `fit`, 2 ways"))
    ['keras-fit-2-ways', 'who-is-right']
    """
    kept = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in HEADING.findall(text))
    return {heading.strip().replace(" ", "-") for heading in kept} | set(OWN.findall(text))


def broken(text, folder):
    """Return the links of a page in a folder that lead nowhere."""
    wrong = []
    for link in LINK.findall(CODE.sub("", text)):
        path, _, anchor = link.partition("#")
        target = folder / path if path else None
        if target is not None and not target.exists():
            wrong.append(link)
        elif anchor and anchor not in anchors(target.read_text() if target else text):
            wrong.append(link)
    return wrong


def test_pages_are_found():
    assert {"README.md", "CHANGELOG.md", "glossary.md"} <= {page.name for page in PAGES}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_leads_somewhere(page):
    assert broken(page.read_text(), page.parent) == []


def test_a_broken_link_is_found(tmp_path):
    (tmp_path / "other.md").write_text("# One\n")
    good = "# Top\n[a](other.md) [b](other.md#one) [c](#top)"
    bad = "[d](gone.md) [e](other.md#two) [f](#no)"
    assert broken(f"{good} {bad}", tmp_path) == ["gone.md", "other.md#two", "#no"]


def parse(command):
    """Parse a command as lockstep does, without carrying it out; an error if it would be refused.

    Whether a file or an experiment that it names is there is not asked.
    """
    found, words = typer.main.get_command(app), shlex.split(command)
    while words and hasattr(found, "commands") and not words[0].startswith("-"):
        _, found, words = found.resolve_command(typer.Context(found), words)
    found.make_context("lockstep", words).close()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_command_is_one_that_lockstep_has(page):
    for command in COMMAND.findall(page.read_text()):
        parse(command)


@pytest.mark.parametrize("command", ["run xor --seed-count 3", "runn xor", "bench --rounds many"])
def test_a_command_that_lockstep_does_not_have_is_found(command):
    with pytest.raises(TyperException):
        parse(command)
