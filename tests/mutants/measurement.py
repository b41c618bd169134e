"""Which tests execute which line of `scratch`, and how long each takes: measured, and kept.

Kept is also the digest of every file that was measured. After a change only the tests it can have
changed are measured anew: those in files that are new or differ, and those in files that execute
a changed file of `scratch`. Where a module that tests share has changed, all of them are.
"""

import hashlib
import json
import os
from collections import defaultdict
from pathlib import Path

import coverage
import pytest

STORE = Path("build/mutants")
MEASURED = STORE / "measured.json"


def digests():
    """Return the digest of every file of code and tests by its path."""
    paths = (path for folder in ("scratch", "tests/scratch") for path in Path(folder).rglob("*.py"))
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(paths)}


def file_of(test):
    """Return the path of the file in which the test of that id stands."""
    return test.split("::")[0]


class Executed:
    """Which tests execute which line: `lines[file][line]` are ids, `seconds[id]` is their time."""

    def __init__(self, lines, seconds, files):
        self.lines, self.seconds, self.files = lines, seconds, files

    @classmethod
    def read(cls):
        """Return what was measured last, or nothing."""
        if not MEASURED.exists():
            return cls({}, {}, {})
        return cls(**json.loads(MEASURED.read_text(encoding="utf-8")))

    def to_measure(self):
        """Return the files whose tests have to be measured anew; `None` means all there are."""
        now = digests()
        changed = {file for file in {*now, *self.files} if now.get(file) != self.files.get(file)}
        tests = {file for file in changed if Path(file).name.startswith("test_")}
        code = {file for file in changed if file.startswith("scratch/")}
        if changed - tests - code:
            return None
        tests |= code  # for their doctests
        for file in code:
            tests |= {file_of(test) for ids in self.lines.get(file, {}).values() for test in ids}
        return sorted(test for test in tests if test in now)

    def replace(self, files, lines, seconds):
        """Take what was measured for some files of tests in the place of what was known of them."""
        now = digests()
        measured = set(now if files is None else files)

        def is_kept(test):  # "" stands for the import of the file
            return not test or (file_of(test) in now and file_of(test) not in measured)

        self.seconds = {t: s for t, s in self.seconds.items() if is_kept(t)} | seconds
        for file, known in self.lines.items():
            if now.get(file) == self.files[file]:
                for line, ids in known.items():
                    new = lines.setdefault(file, {}).setdefault(line, [])
                    new += [test for test in ids if is_kept(test) and test not in new]
        self.lines, self.files = lines, now

    def of_files(self, files):
        """Return the ids and seconds of the tests in these files, or of all if it is `None`."""
        return {t: s for t, s in self.seconds.items() if files is None or file_of(t) in files}

    def write(self):
        """Keep it for the next time."""
        MEASURED.write_text(json.dumps(vars(self)), encoding="utf-8")

    def that_execute(self, file, lines):
        """Return the ids and seconds; for a line that runs on import, of all that use the file."""
        of_file = self.lines.get(file, {})
        ids = {test for line in lines for test in of_file.get(str(line), [])}
        if "" in ids:
            ids = {test for tests in of_file.values() for test in tests}
            if ids == {""}:  # nothing but constants: whoever reads them
                ids = set(self.seconds)
        return {test: self.seconds[test] for test in ids if test}


class Measurement:
    """The role of a fork that runs tests, all or those of some files, without any change."""

    def __init__(self, files):
        self.files, self.seconds = files, defaultdict(float)
        self.coverage = coverage.Coverage(data_file=None, include=["scratch/*"])
        self.coverage.start()

    def pytest_runtest_logstart(self, nodeid):
        self.coverage.switch_context(nodeid)

    def pytest_runtest_logreport(self, report):
        self.seconds[report.nodeid] += report.duration

    def pytest_sessionfinish(self, session, exitstatus):
        self.coverage.stop()
        data, root = self.coverage.get_data(), Path.cwd()
        lines = {
            str(Path(file).relative_to(root)): {
                str(line): tests for line, tests in data.contexts_by_lineno(file).items()
            }
            for file in data.measured_files()
        }
        fails = exitstatus not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED)
        if not fails:
            tests = Executed.read()
            tests.replace(self.files, lines, dict(self.seconds))
            tests.write()
        os._exit(fails)
