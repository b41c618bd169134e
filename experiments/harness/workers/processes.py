"""The parent's side of the worker processes."""

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from experiments.harness.interruption import nothing_within
from experiments.harness.records.environment import as_recorded, thread_variables
from experiments.harness.search_path import pythonpath
from experiments.harness.supervision import how_it_ended
from experiments.harness.workers.worker import NO_THREAD
from frameworks.backends import BACKENDS
from frameworks.files import CannotWrite

__all__ = ["CellFailed", "NoRoom", "UsedUp", "Worker", "WorkerDied"]

_LAST_WORDS = 2**16  # bytes of standard error: a worker may print without end
_ALLOW = "allow more processes, as by ulimit -u"
_SHOWN = 500  # characters of the last of its lines


_NONE: Mapping[str, str] = {}


class CellFailed(Exception):
    """A cell that could not be done; the message says why."""


class NoRoom(CellFailed):
    """The system allows no further process or thread; the message says what it refused."""


class WorkerDied(CellFailed):
    """Its worker process ended; the message says how."""


class UsedUp(CellFailed):
    """It has ended, as its page is to be executed in another process."""


class Worker:
    """One process for one implementation, with its own libraries and thread counts.

    variables : of its environment, besides those that its backend asks for
    begun : the environment that it has else; None: that of this process
    page : the user's own page that it has executed, which may have set anything for the process
    """

    def __init__(
        self,
        implementation: str,
        threads: int,
        variables: Mapping[str, str] = _NONE,
        begun: Mapping[str, str] | None = None,
    ) -> None:
        self.page = ""
        self._errors = tempfile.TemporaryFile()
        self._hung_for: float | None = None  # seconds without a word, after which it was ended
        self._silent_for, self._is_ready = 0.0, False
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "experiments.harness.workers.worker", implementation],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env={
                **as_recorded(os.environ if begun is None else begun),
                **_variables(implementation, threads),
                **variables,
            },
            text=True,
            encoding="utf-8",
        )

    @property
    def is_alive(self) -> bool:
        """Whether the process still runs."""
        return self._process.poll() is None

    def run(
        self,
        job: dict[str, Any],
        report: Callable[[int, float], None] = lambda epoch, loss: None,
        timeout: float = threading.TIMEOUT_MAX,
        wanted: Callable[[], bool] = lambda: True,
    ) -> Any:
        """Do a job (see `worker`) and return its result. Raises CellFailed, or a kind of it.

        The process is ended when it says nothing for `timeout` seconds, or is not `wanted`, which
        is asked each second.
        """
        self._send(job)
        for event in self._events(timeout, wanted):
            match event:
                case {"event": "epoch", "epoch": int(epoch), "loss": float(loss)}:
                    report(epoch, loss)
                case {"event": "done", "result": result}:
                    return result
                case {"event": "ready"}:
                    self._is_ready = True
                case {"event": "used up"}:
                    raise UsedUp("the page cannot be executed another time in one process")
                case {"event": "failed", "error": str(error)}:
                    raise CellFailed(error)
                case {"event": "unwritable", "error": str(error)}:
                    raise CannotWrite(error)
        if self._process.wait() == NO_THREAD and not self._is_ready:
            raise NoRoom(f"the worker process could not start a thread; {_ALLOW}")
        raise WorkerDied(self._how_it_ended())

    def _events(self, timeout: float, wanted: Callable[[], bool]) -> Iterator[dict[str, Any]]:
        """Yield what the process says, until it ends."""
        assert self._process.stdout is not None
        enough, self._silent_for = threading.Event(), 0.0
        watch = threading.Thread(target=self._watch, args=(timeout, wanted, enough), daemon=True)
        try:
            watch.start()
        except RuntimeError as error:
            raise NoRoom(f"{error}; {_ALLOW}") from error
        try:
            for line in self._process.stdout:
                self._silent_for = 0.0
                if event := _event(line):
                    yield event
        finally:
            enough.set()

    def _watch(self, timeout: float, wanted: Callable[[], bool], enough: threading.Event) -> None:
        """End the process when it says nothing for so long, or is not wanted any more.

        Time is counted in short waits, each once: one in which the machine slept, or in which we
        were stopped, is not the process's.
        """
        wait = min(1.0, timeout / 10)
        while not enough.wait(wait):
            self._silent_for += wait
            if self._silent_for >= timeout:
                self._hung_for = timeout
            if self._hung_for or not wanted():
                self._process.kill()
                return

    def _send(self, message: Any) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(message) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise WorkerDied(self._how_it_ended()) from None

    def _how_it_ended(self) -> str:
        code = self._process.wait()
        if self._hung_for:
            return nothing_within(self._hung_for)
        said = self._errors.seek(0, os.SEEK_END)
        self._errors.seek(max(0, said - _LAST_WORDS))
        lines = self._errors.read(_LAST_WORDS).decode(errors="replace").strip().splitlines()
        said_last = f": {lines[-1][-_SHOWN:]}" if lines else ""
        return f"the worker process {how_it_ended(code)}{said_last}"

    def close(self) -> None:
        """End the process, also in the middle of a cell."""
        self._process.kill()
        self._process.communicate()
        self._errors.close()


def _event(line: str) -> dict[str, Any] | None:
    """Return what a line says; None for one that something else printed, or that was torn."""
    try:
        said = json.loads(line)
    except ValueError:
        return None
    return said if isinstance(said, dict) else None


def _variables(implementation: str, threads: int) -> dict[str, str]:
    """Return what the process needs: our own packages, equal threads, and what its backend asks.

    And one seed for hashes, by which a page that iterates over a set of texts orders them.
    """
    own = BACKENDS[implementation].variables
    same = {"PYTHONPATH": pythonpath(), "PYTHONHASHSEED": "0"}
    return thread_variables(threads) | dict(own) | same
