"""Several commands on one folder at once, and somebody who reads it meanwhile."""

import json
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from experiments.harness.records.lock import hold
from experiments.harness.records.store import Store
from frameworks.errors import RequestError

from .commands import CELLS, RUN, Commands
from .sabotage import POINTS

EQUAL = RUN[:-2]
REQUESTS = {
    "equal": EQUAL,
    "fewer": (*EQUAL[:-1], "1"),
    "other": (*EQUAL[:-3], "6", *EQUAL[-2:]),  # six epochs, not five
    "report": ("report",),
}
REFUSALS = ("another command is at work", "; choose another folder", "holds no run")


@dataclass
class Tally:
    """What came of the rounds."""

    rounds: int = 0
    commands: int = 0
    kills: int = 0
    trained: int = 0  # commands that were not refused
    lost: int = 0  # finished records that were not there any more, or other ones
    false: list[str] = field(default_factory=list)  # verdicts that no single command would give
    torn: int = 0  # reads of a record that was not whole
    locks: int = 0  # left behind

    def __str__(self) -> str:
        return (
            f"{self.rounds} rounds, {self.commands} commands, {self.kills} of them killed: "
            f"{self.lost} trainings lost or overwritten, {len(self.false)} false verdicts, "
            f"{self.torn} torn reads, {self.locks} locks left"
        )


class Reader(threading.Thread):
    """Reads all records again and again; what was finished once has to stay."""

    def __init__(self, run: Path, tally: Tally) -> None:
        super().__init__(daemon=True)
        self._run, self._tally, self._enough = run, tally, threading.Event()
        self._finished: dict[str, bytes] = {}

    def run(self) -> None:
        while not self._enough.wait(0.02):
            self.look()

    def stop(self) -> None:
        """Look once more, for the last time."""
        self._enough.set()
        self.join()
        self.look()

    def look(self) -> None:
        store, found = Store(self._run), {}
        for path in list(self._run.glob("cells/*.json")):
            try:
                record = store.load(path.stem)
                if record is not None and record.ok:
                    store.arrays_of(record)
                    found[path.stem] = path.read_bytes()
            except RequestError:
                self._tally.torn += 1
        for key, record_before in self._finished.items():
            self._tally.lost += found.get(key) != record_before
        self._finished = found


@contextmanager
def read_meanwhile(run: Path, tally: Tally) -> Iterator[None]:
    reader = Reader(run, tally)
    reader.start()
    try:
        yield
    finally:
        reader.stop()


def one_round(places: list[Commands], cwd: Path, chance: random.Random, tally: Tally) -> None:
    """Run two to four commands at once; one of them is killed in a tenth of the rounds."""
    run, threads = cwd / "run", []
    victim = 0 if chance.random() < 0.2 else None  # it may be refused before it gets there
    for i, place in enumerate(places[: chance.randint(2, len(places))]):
        name = chance.choice([*REQUESTS]) if i else "equal"
        order = _order(chance, name, killed=i == victim)
        folder = cwd / str(i)
        folder.mkdir()
        work = threading.Thread(target=_one, args=(place, folder, run, name, order, tally))
        threads.append(work)
    with read_meanwhile(run, tally):
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    tally.rounds += 1
    try:
        with hold(run):
            pass
    except RequestError:
        tally.locks += 1
    tally.locks += (run / ".lock").exists()


def _order(chance: random.Random, name: str, killed: bool) -> dict[str, str]:
    """Return what is to go wrong: a kill, or in a quarter of the others a worker that dies."""
    if killed:
        file = f"{chance.choice(CELLS)}.({chance.choice(['json', 'safetensors'])})"  # by a worker
        order = {"file": file, "point": chance.choice(POINTS), "once": True}
        order |= {"action": chance.choice(["parent", "both"])}
    elif name != "report" and chance.random() < 0.25:
        file = f"{chance.choice(CELLS)}.json"
        order = {"file": file, "point": "rename", "action": "self", "once": True}
    else:
        return {}
    return {"SABOTAGE": json.dumps(order)}


def _one(
    place: Commands, cwd: Path, run: Path, name: str, order: dict[str, str], tally: Tally
) -> None:
    request = (
        (*REQUESTS[name], str(run)) if name == "report" else (*REQUESTS[name], "--out", str(run))
    )
    code = place.run(cwd, *request, **order)
    said = " ".join((cwd / "log").read_text().split())
    tally.commands += 1
    if code < 0:
        tally.kills += 1
        return
    tally.trained += code < 2
    refused = code == 2 and any(words in said for words in REFUSALS)
    honest = code == 1 and (" failed: " in said or " missing (" in said)
    if not (code == 0 or refused or honest) or " differ" in said:
        tally.false.append(f"{name}, exit code {code}: {said[-500:]}")
