"""The same `lockstep run`, as often as one likes, under different circumstances."""

import os
import pty
import subprocess
import sys
import threading
from dataclasses import dataclass
from itertools import product
from pathlib import Path

# The command line, that trains the cells in a random order.
MIXED = """
import random, sys
from dataclasses import replace
from experiments.harness.cli import session
from experiments.harness.cli.app import main

plan = session.plan

def mixed(*request):
    planned = plan(*request)
    heads = [*planned.heads.items()]
    random.Random(seed).shuffle(heads)
    return replace(planned, heads=dict(heads))

seed, session.plan = int(sys.argv[1]), mixed
sys.exit(main(sys.argv[2:]))
"""
DTYPES = ("float64", "float32")
COMMAND = "-m", "experiments"


@dataclass(frozen=True)
class Circumstances:
    """What must not matter for a run's results."""

    jobs: int = 1
    progress: str = "lines"  # or "none", or the "bars" of a terminal
    mixed: bool = False  # cell by cell in a random order


# Of every 15 repetitions 12 are mixed: they are harder to get right.
PROGRESS = ("bars", "lines", "none")
_MIXED = [Circumstances(*each, True) for each in product((2, 1), PROGRESS)]
CIRCUMSTANCES = [*_MIXED, *_MIXED, *(Circumstances(1 + (p == "bars"), p) for p in PROGRESS)]


def repeat(arguments: tuple[str, ...], folder: Path, how: Circumstances, seed: int = 0) -> None:
    """Run a command in each dtype, which has a folder of its own in this one."""
    options = [*arguments, "--jobs", str(how.jobs), *["--quiet"] * (how.progress == "none")]
    program = ["-c", MIXED, str(seed)] if how.mixed else COMMAND
    for dtype in DTYPES:
        where = ["--out", str(folder / dtype), "--dtype", dtype]
        run([sys.executable, *program, *options, *where], how.progress == "bars")


def run(command: list[str], terminal: bool) -> None:
    """Run one command, its standard error a terminal or not, and see that it went through."""
    code, said = (_on_a_terminal if terminal else _away_from_one)(command)
    assert code in (0, 1), said  # 1: a verdict went against, and is a result
    assert ("\x1b[" in said) == terminal, said  # bars move the cursor


def _away_from_one(command: list[str]) -> tuple[int, str]:
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    return done.returncode, done.stderr


def _on_a_terminal(command: list[str]) -> tuple[int, str]:
    """Run a command whose standard error is a terminal."""
    ours, theirs = pty.openpty()
    said: list[bytes] = []
    process = subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=theirs,
        env=os.environ | {"TERM": "xterm"},
    )
    os.close(theirs)
    reader = threading.Thread(target=_read, args=(ours, said))
    reader.start()
    try:
        code = process.wait(timeout=600)
    finally:
        process.kill()
        reader.join()
        os.close(ours)
    return code, b"".join(said).decode()


def _read(terminal: int, said: list[bytes]) -> None:
    """Read until nobody has the terminal open any more; on Linux that is an error."""
    try:
        while piece := os.read(terminal, 4096):
            said.append(piece)
    except OSError:
        pass
