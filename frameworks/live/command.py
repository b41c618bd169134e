"""``lockstep diverge BEFORE.trace AFTER.trace``, with nothing installed but the library."""

import argparse
import json
import os
import sys
import traceback
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from frameworks.errors import RequestError, printable

if TYPE_CHECKING:
    from frameworks.live.report import Report

__all__ = ["main", "show"]

_QUOTED = 500  # characters of an error

_EXAMPLES = """\
exit codes: 0 the same training, 1 they differ, 2 a file cannot be read

for example:

  lockstep diverge before.trace after.trace
  lockstep diverge before.trace after.trace --json
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    given = _parser().parse_args(arguments)
    try:
        from frameworks.live.entry import diverge

        report = diverge(given.before, given.after)
        show(report, given.json)
        return 0 if report.same else 1
    except RequestError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except Exception as error:  # Python's own exit code would be the verdict's
        if os.environ.get("LOCKSTEP_TRACEBACK"):
            traceback.print_exc()
        text = printable(f"unforeseen {type(error).__name__}: {error}"[:_QUOTED])
        print(f"error: {text}; LOCKSTEP_TRACEBACK=1 shows where", file=sys.stderr)
        return 2


def show(report: "Report", as_json: bool) -> None:
    """Print what a comparison of two recordings found."""
    try:
        _print(report, as_json)
        sys.stdout.flush()
    except (BrokenPipeError, SystemExit):  # a reader that has read enough, as `head` has; rich ends
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _print(report: "Report", as_json: bool) -> None:
    from frameworks.console import make_console

    if as_json:
        print(json.dumps(report.to_dict(), indent=2, allow_nan=False))
    else:
        report.print(make_console())


def _parser() -> argparse.ArgumentParser:
    layout = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        prog="lockstep",
        description="Compare trainings step by step. The experiments need a checkout: make setup.",
    )
    parser.add_argument("--version", action="version", version=f"lockstep {_version()}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    diverge = commands.add_parser(
        "diverge",
        help="compare two recordings",
        description="Compare two recordings level by level, and name the first that differs.",
        epilog=_EXAMPLES,
        formatter_class=layout,
    )
    diverge.add_argument("before", metavar="BEFORE.trace", help="a recording, by lockstep.record")
    diverge.add_argument("after", metavar="AFTER.trace", help="another")
    diverge.add_argument("--json", action="store_true", help="print JSON instead of tables")
    return parser


def _version() -> str:
    try:
        return version("lockstep-suite")
    except PackageNotFoundError:
        return "(not installed)"
