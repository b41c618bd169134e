"""A process that has everything imported, and becomes a command as often as it is asked.

A kill then costs a fraction of a second, not the seconds of an import. What runs is the command
line and the workers' own `main`, each in a process of its own; all that is missing is the start of
the interpreter. One JSON line in for each command (`Commands` sends them), two lines out: its
process, and its exit code.
"""

import io
import json
import os
import resource
import signal
import subprocess
import sys
import threading
import traceback
from contextlib import redirect_stdout
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any

from sabotage import arm, note

import experiments.__main__
import frameworks
from experiments.harness.cli import app as cli
from experiments.harness.workers import processes, worker


class ForkedWorker:
    """Stands for `subprocess.Popen`: a worker process that starts by forking."""

    def __init__(self, command: list[str], *, stderr: Any, env: dict[str, str], **_: Any) -> None:
        jobs, events = os.pipe(), os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            for ours, standard in ((jobs[0], 0), (events[1], 1), (stderr.fileno(), 2)):
                os.dup2(ours, standard)
            os.closerange(3, 1_000)
            sys.stdout = sys.__stdout__  # not where the warming-up sends it
            os.environ.update(env)
            sys.argv = ["worker", command[-1]]
            note("worker")
            _end(worker.main)
        os.close(jobs[0])
        os.close(events[1])
        self.stdin = open(jobs[1], "w", encoding="utf-8")
        self.stdout = open(events[0], encoding="utf-8")
        self._code: int | None = None
        self._lock = threading.Lock()

    def poll(self) -> int | None:
        return self._wait(os.WNOHANG)

    def wait(self) -> int | None:
        return self._wait(0)

    def _wait(self, options: int) -> int | None:
        with self._lock:
            if self._code is None:
                process, status = os.waitpid(self.pid, options)
                self._code = os.waitstatus_to_exitcode(status) if process else None
            return self._code

    def kill(self) -> None:
        if self.poll() is None:
            os.kill(self.pid, signal.SIGKILL)

    def communicate(self) -> None:
        self.wait()


def _end(main: Any) -> None:
    """Run to the end of this process."""
    code = 1
    try:
        code = main()
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code or 0)


def _become(request: dict[str, Any]) -> None:
    """Turn this process into the command."""
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(request["cwd"])
    os.environ.update(request["environment"])
    log = os.open(request["log"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for ours, standard in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(ours, standard)
    os.closerange(3, 1_000)
    sys.argv = ["lockstep", *request["arguments"]]
    if "FILE_SIZE" in os.environ:  # what the system itself refuses, as it does on a full disk
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(os.environ["FILE_SIZE"]),) * 2)
    arm()
    note("command")
    _end(experiments.__main__.main)


def _warm_up() -> None:
    """Run a command here, and so import all that one needs."""
    with TemporaryDirectory() as folder, redirect_stdout(io.StringIO()):
        os.environ["NOTES"] = f"{folder}/notes"
        toys = ["run", "perceptron", "xor", "--with", "scratch,python", "--epochs", "2"]
        assert cli.main([*toys, "--out", f"{folder}/run", "--quiet"]) == 0


def main() -> None:
    setattr(processes, "subprocess", SimpleNamespace(Popen=ForkedWorker, PIPE=subprocess.PIPE))  # noqa: B010
    out = os.fdopen(os.dup(1), "w")
    for name in ("ScratchClassifier", "PythonClassifier"):
        getattr(frameworks, name)
    _warm_up()
    print("ready", file=out, flush=True)
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            _become(json.loads(line))
        print(pid, file=out, flush=True)
        _, status = os.waitpid(pid, 0)
        print(os.waitstatus_to_exitcode(status), file=out, flush=True)


if __name__ == "__main__":
    assert Path(experiments.__file__).parents[1] == Path(__file__).parents[2]
    main()
