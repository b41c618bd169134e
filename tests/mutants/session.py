"""A pytest session that runs the tests once for every mutant, each time in a new process.

The session itself imports what is slow to import, and nothing of `scratch`. It forks before any
test is collected; the fork imports `scratch` with one file changed, collects the tests that execute
the changed line, and runs them up to the first failure.
"""

import gc
import importlib
import math
import os
import resource
import signal
import sys
import time
from collections import Counter, defaultdict
from importlib.machinery import SourceFileLoader
from importlib.util import spec_from_file_location
from itertools import zip_longest
from pathlib import Path

import pytest
from hypothesis import Phase, settings

from .measurement import MEASURED, STORE, Executed, Measurement, digests, file_of
from .tolerances import widen

PRELOADED = ["keras", "torch", "scipy.ndimage", "scipy.stats", "sklearn.neural_network"]
FILES = [file for file in digests() if not file.startswith("tests/") or "/test_" in file]
FIRST_FILE = 2  # the exit status of a trial in which the first of these noticed
KILLED, SURVIVED, TIMEOUT, UNTESTED = "killed", "survived", "timeout", "untested"


def is_killed(outcome):
    """Tell whether the tests noticed: one failed, or one did not end."""
    return outcome in (KILLED, TIMEOUT)


class MutantSession:
    """A plugin: tries the (mutant, lines, tree) of each round, and calls `done` with the outcome.

    `rounds` has them by the factor of the tolerances; `done` takes mutant, factor and outcome.
    `most` are the seconds of tests for a mutant, after which it counts as one that lives on.
    """

    def __init__(self, rounds, done, jobs, most):
        self.rounds, self.done, self.jobs, self.most = rounds, done, jobs, most
        self.running = {}  # process: mutant and factor
        self.killers = defaultdict(Counter)  # by file of scratch: files of tests that noticed

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self, session):
        """Measure what is not known, then try the mutants; each fork goes on from here in pytest.

        What is returned in the fork that measures is None, so that pytest collects its tests; and
        True in a trial, which collects its own.
        """
        STORE.mkdir(parents=True, exist_ok=True)
        for name in PRELOADED:
            importlib.import_module(name)
        gc.freeze()  # what is imported by now is not looked at again in each fork
        sys.dont_write_bytecode = False  # each fork imports the same files
        if (role := self._measure(session.config) or self._try_all()) is None:
            pytest.exit("every mutant was tried", 0)
        become(session, role)
        return isinstance(role, Trial) or None

    def _measure(self, config):
        """Measure the tests of changed files; return the role of a fork, None in the parent."""
        if (files := Executed.read().to_measure()) == []:
            return None
        if not os.fork():
            config.args = files or config.args
            return Measurement(files)
        if os.wait()[1]:
            pytest.exit("the tests fail without any change", 1)
        if not os.fork():
            return Trial(Executed.read().of_files(files))
        if os.wait()[1]:
            MEASURED.unlink()
            pytest.exit("the tests fail without any change, in a fork of their own", 1)
        return None

    def _try_all(self):
        """Try every mutant of every round; return the role of a fork, None in the parent."""
        tests = Executed.read()
        for factor, mutants in self.rounds.items():
            if factor != 1:
                if not os.fork():
                    return Trial(tests.seconds, factor)
                if os.wait()[1]:
                    pytest.exit(f"the tests fail without any change, tolerances times {factor}", 1)
            for mutant, lines, tree in mutants:
                if not (chosen := tests.that_execute(mutant.file, lines)):
                    self.done(mutant, factor, UNTESTED)
                    continue
                if len(self.running) == self.jobs:
                    self._wait()
                if not (pid := os.fork()):
                    plant(mutant.file, tree)
                    return Trial(chosen, factor, self.killers[mutant.file], self.most)
                self.running[pid] = mutant, factor
            while self.running:
                self._wait()
        return None

    def _wait(self):
        pid, status = os.wait()
        code = os.waitstatus_to_exitcode(status)
        mutant, factor = self.running.pop(pid)
        if code >= FIRST_FILE:
            self.killers[mutant.file][FILES[code - FIRST_FILE]] += 1
        self.done(mutant, factor, {0: SURVIVED, -signal.SIGXCPU: TIMEOUT}.get(code, KILLED))


def become(session, role):
    """Go on in a fork, silently, with the hooks of its role; nothing is made of a failure."""
    settings.register_profile("mutants", phases=[Phase.explicit, Phase.generate])
    settings.load_profile("mutants")
    session.config.pluginmanager.unregister(name="terminalreporter")
    session.config.pluginmanager.register(role)


class Trial:
    """The role of every other fork: the chosen tests, with the seconds that each takes."""

    def __init__(self, seconds, factor=1, killers=(), most=math.inf):
        self.seconds, self.noticed, self.most = seconds, Counter(killers), most
        widen(factor)

    def pytest_collection_modifyitems(self, items):
        items[:] = [item for item in items if item.nodeid in self.seconds]

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session):
        """Collect and run file by file, up to the first failure, and exit with the file's number.

        First those that noticed other changes to the same file most often, then the quick ones.
        """
        try:
            importlib.import_module("scratch")  # at once: a doctest would import its module twice
        except Exception:  # as every test would
            os._exit(1)
        files = defaultdict(float)
        for test, seconds in self.seconds.items():
            files[file_of(test)] += seconds
        for file in sorted(files, key=lambda file: (-self.noticed[file], files[file])):
            limit_processor_time(10)
            items = session.perform_collect([file])
            items.sort(key=lambda item: self.seconds[item.nodeid])
            for item, following in zip_longest(items, items[1:]):
                self.most -= self.seconds[item.nodeid]
                if self.most < 0:
                    os._exit(0)
                limit_processor_time(10 + 10 * self.seconds[item.nodeid])
                item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
                if session.testsfailed:
                    os._exit(min(255, FIRST_FILE + FILES.index(file)))  # as many as there are
            if session.testsfailed:  # it cannot be collected
                os._exit(1)
        os._exit(0)


def limit_processor_time(seconds):
    """Have this process ended (SIGXCPU) once it has run for so much longer."""
    limit = int(time.process_time() + seconds) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (limit, resource.RLIM_INFINITY))


def plant(file, tree):
    """Have the file's module imported from the tree."""
    parts = Path(file).with_suffix("").parts
    module = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

    class Loader(SourceFileLoader):
        def get_code(self, fullname):
            return compile(tree, file, "exec")

    class Finder:
        def find_spec(self, name, path=None, target=None):
            loader = Loader(name, str(Path(file).resolve()))
            return spec_from_file_location(name, loader=loader) if name == module else None

    sys.meta_path.insert(0, Finder())
