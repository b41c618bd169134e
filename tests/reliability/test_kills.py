"""SIGKILL at any moment: no finished cell is lost, none is trained twice, and repeating finishes.

The same run, killed again and again until it is finished, has the results of one left in peace.
"""

import json
import os
import random
import shutil
import signal
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from .commands import (
    CELLS,
    RESULTS,
    RUN,
    Commands,
    contents,
    finished,
    is_running,
    noted,
    wait_until_gone,
)
from .sabotage import POINTS

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="forks and kills POSIX processes")


@dataclass
class Tally:
    """What came of the kills."""

    kills: int = 0
    lost: int = 0  # finished cells that were not there any more
    repeated: int = 0  # finished cells that were trained again
    runs: int = 0
    different: list[set[str]] = field(default_factory=list)  # files unlike those of a run in peace

    def __str__(self) -> str:
        return (
            f"{self.kills} kills: {self.lost} finished cells lost, {self.repeated} trained twice, "
            f"{len(self.different)} of {self.runs} finished runs with other results"
        )


@pytest.fixture
def killed(commands, in_peace, tmp_path):
    """A run that is killed until it is finished."""
    return KilledRun(commands, in_peace[0], tmp_path)


class KilledRun:
    """One run after the other, and the tally of all."""

    def __init__(self, commands: Commands, in_peace: dict, cwd: Path) -> None:
        self._commands, self._in_peace, self._cwd = commands, in_peace, cwd
        self._finished: dict[str, bytes] = {}
        self.tally = Tally()

    def repeat(self, *options: str, **how) -> int:
        """Repeat the command; hold what is finished afterwards against what was before."""
        code = self._commands.run(self._cwd, *RUN, *options, **how)
        found = finished(self._cwd / "run")
        for key, record in self._finished.items():
            self.tally.lost += key not in found
            self.tally.repeated += found.get(key, record) != record
        self._finished = found
        return code

    def kill_at(self, file: str, point: str, action: str, *options: str) -> None:
        """Repeat the command, killed at a named point if it gets there."""
        before = len(noted(self._cwd, "sabotage"))
        order = {"file": file, "point": point, "action": action, "once": False}
        code = self.repeat(*options, SABOTAGE=json.dumps(order))
        done = len(noted(self._cwd, "sabotage")) - before
        assert code == -signal.SIGKILL or action == "self" or not done, self.log()
        self.tally.kills += done

    def kill_after(self, seconds: float, chance: random.Random, *options: str) -> None:
        """Repeat the command; kill it, or one of its workers, at this moment."""

        def kill(process: int) -> None:
            time.sleep(seconds)
            working = [pid for pid in noted(self._cwd, "worker") if is_running(pid)]
            victim = chance.choice([process, *working])
            if is_running(victim):
                with suppress(ProcessLookupError):
                    os.kill(victim, signal.SIGKILL)
                    self.tally.kills += 1

        self.repeat(*options, meanwhile=kill)

    def finish(self) -> None:
        """Let the command finish, and hold the results against those of a run left in peace."""
        assert self.repeat() == 0, self.log()
        wait_until_gone(noted(self._cwd, "worker"))
        self.tally.runs += 1
        held, expected = contents(self._cwd / "run"), self._in_peace
        if held != expected:
            files = held.keys() | expected.keys()
            self.tally.different += [{f for f in files if held.get(f) != expected.get(f)}]
        shutil.rmtree(self._cwd / "run")
        (self._cwd / "notes").unlink()
        self._finished = {}

    def log(self) -> str:
        return (self._cwd / "log").read_text()

    def assert_nothing_was_lost(self) -> None:
        tally = self.tally
        assert (tally.lost, tally.repeated, tally.different) == (0, 0, []), str(tally)


def named_points() -> list[tuple[str, str, str]]:
    """Every point of writing every file, in the order of a run: the file, the point, who dies."""
    plan = [("plan.json", point, "self") for point in POINTS]
    who_dies = ["both", "parent", "both", "parent", "both", "self"]
    cells = [
        (f"{key}.{suffix}", point, action)
        for key, action in zip(CELLS, who_dies, strict=True)
        for suffix in ("safetensors", "json")
        for point in POINTS
    ]
    return plan + cells + [(file, point, "self") for file in RESULTS for point in POINTS]


@pytest.mark.timeout(7_200)
def test_a_run_killed_at_named_points_is_finished_by_repeating(killed, torture, figure):
    points = named_points() if torture else named_points()[1::7]
    while killed.tally.kills < (250 if torture else len(points)):
        before = killed.tally.kills
        for point in points:
            killed.kill_at(*point)
        killed.finish()
        assert killed.tally.kills > before
    figure(str(killed.tally))
    killed.assert_nothing_was_lost()


@pytest.mark.timeout(7_200)
def test_a_run_killed_at_random_is_finished_by_repeating(killed, in_peace, torture, figure):
    chance, seconds = random.Random(0), in_peace[1]
    while killed.tally.kills < (250 if torture else 3):
        for jobs in ("1", "2", "2", "3", "1"):
            killed.kill_after(chance.uniform(0, seconds), chance, "--jobs", jobs)
        killed.finish()
    figure(str(killed.tally))
    killed.assert_nothing_was_lost()
