"""The parent's side of the worker processes."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import experiments
from experiments.harness.records.environment import thread_variables
from frameworks.backends import BACKENDS

__all__ = ["CellFailed", "Worker", "WorkerDied"]


class CellFailed(Exception):
    """A cell that could not be done; the message says why."""


class WorkerDied(CellFailed):
    """Its worker process ended; the message says how."""


class Worker:
    """One process for one implementation, with its own libraries and thread counts."""

    def __init__(self, implementation: str, threads: int) -> None:
        self._errors = tempfile.TemporaryFile()
        self._hung_for: float | None = None  # seconds without a word, after which it was ended
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "experiments.harness.workers.worker", implementation],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env=os.environ | _variables(implementation, threads),
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
    ) -> Any:
        """Do a job (see `worker`) and return its result. Raises CellFailed or WorkerDied.

        The process is ended when it says nothing for `timeout` seconds.
        """
        self._send(job)
        for event in self._events(timeout):
            match event.pop("event"):
                case "epoch":
                    report(event["epoch"], event["loss"])
                case "done":
                    return event["result"]
                case "failed":
                    raise CellFailed(event["error"])
        raise WorkerDied(self._how_it_ended())

    def _events(self, timeout: float) -> Iterator[dict[str, Any]]:
        """Yield what the process says, until it ends."""
        assert self._process.stdout is not None
        while True:
            timer = threading.Timer(timeout, self._end_hung, [timeout])
            timer.daemon = True  # it does not hold up the end of the command
            timer.start()
            line = self._process.stdout.readline()
            timer.cancel()
            if not line.endswith("\n"):  # ended, perhaps in the middle of a word
                return
            yield json.loads(line)

    def _end_hung(self, timeout: float) -> None:
        self._hung_for = timeout
        self._process.kill()

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
            seconds = f"{self._hung_for:g} s"
            return f"no epoch was finished within {seconds}; --timeout sets how long to wait"
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").strip().splitlines()
        killed = f"was killed by {signal.Signals(-code).name}" if code < 0 else ""
        ended = killed or f"ended with exit code {code}"
        return f"the worker process {ended}" + (f": {lines[-1]}" if lines else "")

    def close(self) -> None:
        """End the process, also in the middle of a cell."""
        self._process.kill()
        self._process.communicate()
        self._errors.close()


def _variables(implementation: str, threads: int) -> dict[str, str]:
    """Return what the process needs: our own packages, equal threads, and what its backend asks.

    Our packages come first: the command may have found them in the folder that it was started in.
    """
    root = str(Path(experiments.__file__).parents[1])
    path = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
    own = BACKENDS[implementation].variables
    return thread_variables(threads) | dict(own) | {"PYTHONPATH": path}
