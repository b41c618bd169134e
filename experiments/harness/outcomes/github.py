"""An outcome as GitHub shows it: a summary of the job in Markdown, and annotations.

Workflow commands are read from standard error, too, so `--json` keeps standard output to itself.
"""

import os
import re
import sys
from html import escape

from experiments.harness.outcomes.outcome import Outcome
from frameworks.errors import printable

__all__ = ["markdown", "show_on_github"]

_ANNOTATIONS = 10  # GitHub shows no more of a step
_LINES = 20
_SIGNS = {0: "✅", 1: "❌", 2: "⚠️", 130: "⚠️"}
_SPECIAL = re.compile(r"([\\`*_\[\]#|~@])")


def show_on_github(outcome: Outcome) -> None:
    """Add to the job's summary, and annotate what went against; nothing happens elsewhere.

    A summary that cannot be written is said on standard error, and changes no verdict.
    """
    path = os.environ.get("GITHUB_STEP_SUMMARY")
    if not path:
        return
    for line in outcome.against[:_ANNOTATIONS]:
        print(f"::error title={outcome.command}::{_data(line)}", file=sys.stderr)
    try:
        with open(path, "a", encoding="utf-8", opener=_at_once) as summary:
            summary.write(markdown(outcome))
    except OSError as error:
        print(printable(f"{path}: no summary was written ({error.strerror})"), file=sys.stderr)


def _at_once(path: str, flags: int) -> int:
    """Open a file without waiting for a reader, as one would at a pipe that nobody reads."""
    return os.open(path, flags | os.O_NONBLOCK, 0o666)


def markdown(outcome: Outcome) -> str:
    r"""Return an outcome in Markdown: the verdict, the counts, and what went against.

    >>> print(markdown(Outcome.without_result("lockstep run", "refused", "a_b: no such file")))
    ### ⚠️ lockstep run: refused
    <BLANKLINE>
    a\_b: no such file
    <BLANKLINE>
    """
    lines = [f"### {_SIGNS[outcome.exit_code]} {outcome.command}: {outcome.verdict}", ""]
    lines += [_literal(outcome.summary), ""] if outcome.summary else []
    against = [line for line in outcome.against if line != outcome.summary]
    lines += [f"- {_literal(line)}" for line in against[:_LINES]]
    if len(against) > _LINES:
        lines.append(f"- and {len(against) - _LINES:,} more")
    return "\n".join([*lines, ""] if against else lines) + ("\n" if against else "")


def _literal(text: str) -> str:
    """Return a text in one line that Markdown shows as it is."""
    return _SPECIAL.sub(r"\\\1", escape(" ".join(printable(text).split()), quote=False))


def _data(text: str) -> str:
    """Return a text as a workflow command holds it."""
    return printable(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
