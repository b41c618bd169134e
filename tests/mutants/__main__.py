"""Try the mutants of `scratch/`, and report what became of them: see docs/mutants.md."""

import argparse
import sys
from pathlib import Path

import pytest

from .operators import mutants
from .report import PAGE, Outcomes, Report
from .session import MutantSession, is_killed

PYTEST = ["-q", "-x", "-p", "no:cacheprovider", "-p", "no:xdist", "tests/scratch", "scratch"]


def main():
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("files", nargs="*", help="source files; all of scratch/ if none is given")
    parser.add_argument("--again", action="store_true", help="leave out what has been killed")
    parser.add_argument("--wide", action="store_true", help="tolerances 100 times as wide")
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="processes at a time")
    parser.add_argument("--report", action="store_true", help="try nothing")
    options = parser.parse_args()
    files = options.files or sorted(map(str, Path("scratch").rglob("*.py")))
    if not options.report:
        try_mutants(files, options)
    report = Report(files)
    print(report.for_terminal())
    if not options.files:
        report.write(PAGE)
    return report.is_bad


def try_mutants(files, options):
    """Run the tests for the mutants, and keep the outcomes; widely for what is killed tightly."""
    outcomes = Outcomes("wide" if options.wide else "tight")
    tight = Outcomes("tight") if options.wide else {}
    if not options.again:
        outcomes.forget(files)

    def chosen():
        for file in files:
            for mutant, lines, tree in mutants(file, Path(file).read_text(encoding="utf-8")):
                lives_on = options.wide and not is_killed(tight.get(mutant))
                if not lives_on and not is_killed(outcomes.get(mutant)):
                    yield mutant, lines, tree

    factor = 100 if options.wide else 1
    session = MutantSession(chosen(), outcomes.add, jobs=options.jobs, factor=factor)
    if pytest.main(PYTEST, plugins=[session]):
        sys.exit(1)


if __name__ == "__main__":
    sys.exit(main())
