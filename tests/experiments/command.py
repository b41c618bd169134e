"""The command line, as a user and as the test process runs it."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

REAL_DATA = os.environ.get("LOCKSTEP_DATA", "")


@dataclass(frozen=True)
class Answer:
    """What a command came back with."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Trained:
    """A finished run, and the command that made it."""

    arguments: tuple[str, ...]
    answer: Answer
    cwd: Path

    @property
    def folder(self) -> Path:
        return self.cwd / "run"


def environment(cache: Path) -> dict[str, str]:
    """No user's data, an empty cache, a mirror that answers nobody, tables of 80 columns."""
    mine = {
        "LOCKSTEP_CACHE": str(cache),
        "LOCKSTEP_MIRROR": "http://127.0.0.1:1",
        "COLUMNS": "80",
    }
    return {k: v for k, v in os.environ.items() if k != "LOCKSTEP_DATA"} | mine


def lockstep(*arguments: str | Path, cwd: Path, **variables: str) -> Answer:
    """Run the command in a process of its own, away from the checkout."""
    done = subprocess.run(
        [sys.executable, "-m", "experiments", *map(str, arguments)],
        cwd=cwd,
        env=environment(cwd / "cache") | variables,
        capture_output=True,
        text=True,
        timeout=300,
    )
    return Answer(done.returncode, done.stdout, done.stderr)
