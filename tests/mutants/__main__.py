"""Try the mutants of `scratch/`, and report what became of them: see docs/mutants.md."""

import argparse
import math
import sys
from pathlib import Path

import pytest

from .operators import mutants
from .report import PAGE, Outcomes, Report, explained, mutants_of
from .sampling import draw
from .session import MutantSession, is_killed

PYTEST = ["-q", "-x", "--assert=plain", "--tb=native", "-p", "no:cacheprovider", "-p", "no:xdist"]
PYTEST += ["tests/scratch", "scratch"]
SCRATCH = sorted(map(str, Path("scratch").rglob("*.py")))
LESSONS = ("scratch/examples/", "scratch/neuron/__main__.py")
WIDE = 100  # how many times as wide the tolerances are the second time


def main():
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("files", nargs="*", help="files or folders, if not all of scratch/")
    parser.add_argument("--sample", type=int, metavar="N", help="a random sample, not all")
    parser.add_argument("--seed", type=int, default=1, help="of the sample")
    parser.add_argument("--seconds", type=float, metavar="S", help="at most so long for a mutant")
    parser.add_argument("--again", action="store_true", help="not what is killed or explained")
    parser.add_argument("--no-wide", action="store_true", help="do not try wide tolerances")
    parser.add_argument("--report", action="store_true", help="try nothing")
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="processes at a time")
    options = parser.parse_args()
    files = [file for file in SCRATCH if not file.startswith(LESSONS)]
    if options.files:
        files = [file for file in files if file.startswith(tuple(options.files))]
    chosen = [mutant for file in files for mutant in mutants_of(file)]
    if options.sample:
        chosen = draw(chosen, options.sample, options.seed)
    outcomes = Outcomes()
    if not options.report:
        try_mutants(files, chosen, outcomes, options)
    report = Report(files, chosen, outcomes, WIDE, bool(options.sample))
    print(report.for_terminal())
    if not options.files:
        report.write(PAGE)
    return report.is_bad


def try_mutants(files, chosen, outcomes, options):
    """Run the tests for the mutants; then once more, more widely, for those that were killed."""
    known = explained() if options.again else {}
    if not options.again:
        outcomes.forget(chosen)
    chosen = set(chosen)

    def to_try(factor):
        for file in files:
            for mutant, lines, tree in mutants(file, Path(file).read_text(encoding="utf-8")):
                lives_on = factor != 1 and not is_killed(outcomes.get((mutant, 1)))
                outcome = outcomes.get((mutant, factor))
                settled = is_killed(outcome) or (outcome and mutant.key in known)
                if mutant in chosen and not lives_on and not settled:
                    yield mutant, lines, tree

    most = options.seconds or math.inf
    rounds = {factor: to_try(factor) for factor in (1, *(() if options.no_wide else (WIDE,)))}
    if pytest.main(PYTEST, plugins=[MutantSession(rounds, outcomes.add, options.jobs, most)]):
        sys.exit(1)


if __name__ == "__main__":
    sys.exit(main())
