"""The run store: a folder with one record for each finished cell, from which all else is built.

RUN/cells/KEY.json           the record of a cell; written last, so where it is, the cell is whole
RUN/cells/KEY.safetensors    its weights at the end, its outputs on the test rows, and their labels
RUN/plan.json                the names of all cells that were asked for, whether trained or not,
                             and the commands that asked for them
RUN/results.json             all records and the agreement; rebuilt at will
RUN/results.csv              one row for each cell and epoch; rebuilt at will
RUN/trainings.csv            one row for each cell; rebuilt at will
RUN/report.html              all of it to look at; rebuilt at will

A file is written under another name, `.NAME.RANDOM`, and renamed when it is whole. What a killed
process left under such a name is removed when a command goes on with the run. A command that writes
holds the folder meanwhile (see `lock`).
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel

from experiments.harness.records.arrays import Arrays, load_arrays, read_arrays
from experiments.harness.records.environment import installed_version
from experiments.harness.records.lock import (
    ELSEWHERE,
    gone,
    hold,
    only_writer,
    remove_left_locks,
)
from experiments.harness.records.models import (
    Asked,
    Plan,
    Record,
    Results,
    read_plan,
    read_record,
)
from experiments.harness.records.own_files import (
    BUILT,
    PLAN,
    holds_run,
    is_of_a_training,
    run_around,
    stranger_in,
)
from experiments.harness.records.tables import epochs_table, to_csv, trainings_table
from frameworks.errors import RequestError, printable
from frameworks.files import remove_unfinished, try_folder, write_atomically

__all__ = ["Store", "that_are_missing", "to_json"]

_NAMED = 3  # of the trainings that are missing
_SUFFIXES = (".json", ".safetensors", ".csv", ".html")


class Store:
    """The records of one run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.cells = folder / "cells"
        self._is_held: Callable[[], bool] | None = None  # where the command is at work
        self._asked: list[str] = []  # the keys of the plan that it wrote

    @contextmanager
    def at_work(self, make: bool = False) -> Iterator[None]:
        """Be the only command that writes to the folder; `make` makes it where there is none.

        RequestError if another one is at work, if nothing can be written, if it holds no run, or if
        a file of somebody's own would be replaced.
        """
        if make:
            found, around = "", None
            with suppress(OSError):  # of which `_make` tells
                found, around = stranger_in(self.folder), run_around(self.folder)
            if around:
                raise RequestError(f"{self.folder}: holds trainings of {around}; {ELSEWHERE}")
            if found:
                problem = f"holds no run, but {found}, which is not a run's"
                raise RequestError(f"{self.folder}: {problem}; {ELSEWHERE}")
            self._make()
        elif not holds_run(self.folder):
            raise self.no_run()
        with hold(self.folder, ELSEWHERE if make else "") as self._is_held:
            try:
                yield
            except Exception:
                self.check_held()  # of another folder's files nothing is said
                raise
            finally:
                self._is_held = None

    def check_held(self) -> None:
        """Raise RequestError if the folder is another than that in which the command began."""
        if self._is_held and not self._is_held():
            raise RequestError(gone(self.folder))

    def _make(self) -> None:
        try:
            try_folder(self.cells)
        except OSError as error:
            raise RequestError(
                f"{self.folder}: cannot be written to ({error.strerror}); {ELSEWHERE}"
            ) from error

    def create(
        self,
        keys: Iterable[str] = (),
        command: str = "",
        margins: Mapping[str, float | None] | None = None,
    ) -> None:
        """Make the folder, and add the keys to its plan; RequestError if it cannot be written.

        The command is added, with the time and the version of lockstep; one that the plan knows
        gets those of now. `margins` are those of native trainings, by experiment; None is the
        task's own. What killed processes left unfinished is removed; so be `at_work`.
        """
        self.check_held()
        self._make()
        self._remove_unfinished()
        known = self.plan()
        planned, asked = dict.fromkeys([*known.cells, *keys]), known.asked
        if command:
            version = installed_version("lockstep-suite") or "(not installed)"
            date = datetime.now(UTC).isoformat(timespec="seconds")
            new = Asked(date=date, command=printable(command), version=version)
            asked = [*(each for each in asked if each.command != new.command), new]
        self._asked = [*planned]
        merged = {**known.margins, **(margins or {})}
        named = {name: margin for name, margin in merged.items() if margin is not None}
        new_plan = Plan(cells=self._asked, asked=asked, margins=named)
        write_atomically(self.folder / PLAN, to_json(new_plan))

    def need(self, keys: Iterable[str]) -> None:
        """Add to the plan what the command finds that it needs besides; be `at_work`."""
        self.check_held()
        known = self.plan()
        self._asked = [*dict.fromkeys([*known.cells, *keys])]
        write_atomically(
            self.folder / PLAN, to_json(known.model_copy(update={"cells": self._asked}))
        )

    def plan(self) -> Plan:
        """Return what was asked for; an empty plan where none was kept."""
        path = self.folder / PLAN
        return read_plan(self._own(path)) if path.exists() else Plan(cells=[])

    def planned(self) -> list[str]:
        """Return the keys of all cells that were asked for; none where no plan was kept.

        What the command itself asked for counts, whatever has become of the file since.
        """
        return [*dict.fromkeys([*self._asked, *self.plan().cells])]

    def lacks_plan(self) -> bool:
        """Return whether no file says what was asked for, and nobody here knows it."""
        return not self._asked and not (self.folder / PLAN).exists()

    def save(self, record: Record, arrays: Arrays) -> None:
        """Write a cell: first the arrays, then the record that says they are whole.

        One that was finished stays as it is. RequestError if it is of another run.
        """
        from safetensors.numpy import save

        contiguous = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
        content = save(contiguous)
        with only_writer(self.cells, record.key):
            if not self._is_finished(record):
                write_atomically(self.cells / f"{record.key}.safetensors", content)
                write_atomically(self.cells / f"{record.key}.json", to_json(record))

    def _is_finished(self, record: Record) -> bool:
        """Say whether a record is there that a new one must not replace."""
        stored = self.load(record.key)
        if stored is None or not stored.ok:
            return False
        if record.ok and stored.fingerprint != record.fingerprint:
            raise RequestError(
                f"{self.folder}: holds another {record.key} meanwhile, which is kept; {ELSEWHERE}"
            )
        return True

    def load(self, key: str) -> Record | None:
        """Return a cell's record, None if it is not there; RequestError if it is damaged."""
        self.check_held()
        return self._read(self.cells / f"{key}.json")

    def load_arrays(self, key: str) -> Arrays:
        """Return whatever arrays are kept beside a record; RequestError if they are damaged."""
        return load_arrays(self._own(self.cells / f"{key}.safetensors"))

    def arrays_of(self, record: Record) -> Arrays:
        """Return a finished cell's arrays; RequestError if they are not those of the record."""
        return read_arrays(self._own(self.cells / f"{record.key}.safetensors"), record)

    def records(self) -> list[Record]:
        """Return the records of all trainings that were asked for, ordered by name.

        RequestError if the folder holds none, with those that are missing where a plan names them.
        """
        return self.records_and_judges()[0]

    def records_and_judges(self) -> tuple[list[Record], list[Record]]:
        """Return, besides, the records of the trainings by which others are judged."""
        found = self.stored()
        asked_for = [record for record in found if not record.is_judge]
        if not asked_for:
            stored = {record.key for record in found}
            missing = [key for key in self.planned() if key not in stored]
            if missing:
                raise RequestError(f"{self.folder}: {that_are_missing(missing)}")
            raise self.no_run()
        return asked_for, [record for record in found if record.is_judge]

    def stored(self) -> list[Record]:
        """Return all records, ordered by name; RequestError for a file that is none."""
        self.check_held()
        paths = sorted(self.cells.glob("*.json"))
        for path in paths:
            if not is_of_a_training(path):
                raise RequestError(f"{path}: is not of a run; move it away")
        return [record for record in map(self._read, paths) if record is not None]

    def write_results(self, results: Results) -> None:
        """Write results.json and results.csv; remove what an orphan left after `create`."""
        self.check_held()
        self._remove_unfinished()
        write_atomically(self.folder / "results.json", to_json(results))
        write_atomically(self.folder / "results.csv", to_csv(epochs_table(results.cells)))
        write_atomically(self.folder / "trainings.csv", to_csv(trainings_table(results.cells)))

    def remove_results(self) -> None:
        """Remove what was built from fewer records than there will be: it would be outdated."""
        for path in (self.folder / name for name in BUILT):
            if path.is_file() and not path.is_symlink():  # writing refuses all else
                path.unlink(missing_ok=True)

    def no_run(self) -> RequestError:
        """Return what is said of a folder that is no run."""
        return RequestError(f"{self.folder}: holds no run; a run has a folder named cells/")

    def _remove_unfinished(self) -> None:
        remove_left_locks(self.cells)
        for folder in (self.folder, self.cells):
            remove_unfinished(folder, _SUFFIXES)

    def _read(self, path: Path) -> Record | None:
        return read_record(self._own(path)) if path.exists() else None

    def _own(self, path: Path) -> Path:
        """Return a path; RequestError for a link, which may lead anywhere, or no plain file."""
        linked = path.is_symlink() or self.cells.is_symlink()
        if linked or (path.exists() and not path.is_file()):
            kind = "reached by a link" if linked else "no file"
            raise RequestError(f"{path}: is {kind}, as nothing of a run is; move it away")
        return path


def that_are_missing(keys: Sequence[str]) -> str:
    """Say which trainings are missing, and what to do."""
    count, shown = len(keys), ", ".join(keys[:_NAMED])
    more = f" and {count - _NAMED} more" if count > _NAMED else ""
    which = f"{count} trainings are" if count > 1 else "1 training is"
    return f"{which} missing ({shown}{more}); repeat the command that asked for them"


def to_json(value: Any) -> bytes:
    """Return JSON as UTF-8; NaN, which JSON does not have, becomes null.

    A byte of a file's name that is no UTF-8 is escaped, which is JSON, too.
    """
    return (json.dumps(_plain(value), ensure_ascii=False) + "\n").encode(errors="backslashreplace")


def _plain(value: Any) -> Any:
    """Return what JSON has for a value: models as objects, numbers that are not finite as null."""
    if isinstance(value, float):
        return value if isfinite(value) else None
    if isinstance(value, BaseModel):
        return _plain(value.model_dump(by_alias=True))
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value
