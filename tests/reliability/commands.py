"""Commands as processes that can be killed at any moment, and what they leave behind."""

import csv
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent

# A run that takes no time: six cells, and the files that are made of them.
RUN = ("run", "perceptron", "xor", "--with", "scratch,python", "--epochs", "5", "--seeds", "2")
RUN += ("--out", "run")
CELLS = ["perceptron-float64-seed0-scratch", "perceptron-float64-seed0-python"]
CELLS += ["perceptron-float64-seed1-scratch", "perceptron-float64-seed1-python"]
CELLS += ["xor-float64-seed0-scratch", "xor-float64-seed1-scratch"]
RESULTS = ("results.json", "results.csv", "trainings.csv", "report.html")

# Of the report: how long each training took, and when by which commands they were asked for.
_TIMINGS = re.compile(
    rb'(<td class="n">[\d.]+( to [\d.]+)?</td>){3}(?=</tr>)|<p class="asked">.*?</p>\s*'
)


class Commands:
    """Runs `lockstep` in one folder, each time in a fork of a warm process (see `warm`)."""

    def __init__(self, *within: str) -> None:
        """Start it, `within` the command that goes before it, such as a container's."""
        paths = os.pathsep.join(filter(None, [str(HERE.parents[1]), os.environ.get("PYTHONPATH")]))
        self._warm = subprocess.Popen(
            [*within, sys.executable, str(HERE / "warm.py")],
            env=os.environ | {"PYTHONPATH": paths, "COLUMNS": "80"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._read() == "ready"

    def run(
        self,
        cwd: Path,
        *arguments: str,
        meanwhile: Callable[[int], None] = lambda process: None,
        **environment: str,
    ) -> int:
        """Run a command and return its exit code, negative for a signal; `cwd/log` is its output.

        `meanwhile` is called with its process. `cwd/notes` names it and its workers.
        """
        notes = {"NOTES": str(cwd / "notes")}
        request = {"cwd": str(cwd), "log": str(cwd / "log"), "environment": notes | environment}
        self._warm.stdin.write(json.dumps(request | {"arguments": arguments}) + "\n")
        self._warm.stdin.flush()
        process = int(self._read())
        try:
            meanwhile(process)
        except BaseException:
            os.killpg(process, signal.SIGKILL)
            raise
        finally:
            code = int(self._read())
        return code

    def close(self) -> None:
        """End the warm process."""
        self._warm.communicate(timeout=60)

    def _read(self) -> str:
        return self._warm.stdout.readline().strip()


def noted(cwd: Path, what: str) -> list[int]:
    """Return the processes of the commands so far: "worker", "command" or "sabotage"."""
    path = cwd / "notes"
    words = [line.split() for line in path.read_text().splitlines()] if path.exists() else []
    return [int(process) for kind, process in words if kind == what]


def is_running(process: int) -> bool:
    """Say whether a process still works; one that nobody has waited for does not."""
    with suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def wait_until(condition: Callable[[], Any]) -> None:
    """Wait for a condition to hold; fail if it never does."""
    deadline = time.monotonic() + 120  # only a hang takes that long
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def wait_until_gone(processes: list[int]) -> None:
    """Wait for processes to end; fail if one does not."""
    deadline = time.monotonic() + 30  # only an orphan that works on takes that long
    while left := [process for process in processes if is_running(process)]:
        assert time.monotonic() < deadline, f"still running: {left}"
        time.sleep(0.01)


def finished(run: Path) -> dict[str, bytes]:
    """Return the records of the finished cells; all that is there has to be whole."""
    from experiments.harness.records.store import Store

    store, found = Store(run), {}
    for path in run.glob("*.json"):
        assert json.loads(path.read_bytes())["schema"] == 1
    for path in (run / "cells").glob("*.json"):
        record = store.load(path.stem)
        assert record is not None
        assert record.key == path.stem
        if record.ok:
            assert {"predictions", "labels"} <= store.load_arrays(path.stem).keys()
            found[path.stem] = path.read_bytes()
    return found


def contents(run: Path) -> dict[str, Any]:
    """Return what a run's folder holds, by file, without the timings."""
    files = [path for path in run.rglob("*") if path.is_file()]
    return {str(path.relative_to(run)): _without_timings(path) for path in files}


def _without_timings(path: Path) -> Any:
    if path.suffix == ".json":
        return json.loads(path.read_bytes(), object_hook=_drop_seconds)
    if path.name == "trainings.csv":
        with path.open(newline="") as file:
            return [_drop_seconds(row) for row in csv.DictReader(file)]
    return _TIMINGS.sub(b"", path.read_bytes()) if path.suffix == ".html" else path.read_bytes()


def _drop_seconds(found: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in found.items() if name not in ("seconds", "asked")}
