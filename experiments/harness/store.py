"""The run store: a folder with one record for each finished cell, from which all else is built.

RUN/cells/KEY.json           the record of a cell; written last, so where it is, the cell is whole
RUN/cells/KEY.safetensors    its weights at the end, its outputs on the test rows, and their labels
RUN/plan.json                the names of all cells that were asked for, whether trained or not
RUN/results.json             all records and the agreement; rebuilt at will
RUN/results.csv              one row for each cell and epoch; rebuilt at will
RUN/report.html              all of it to look at; rebuilt at will

A file is written under another name, `.NAME.PROCESS`, and renamed when it is whole. What a killed
process left under such a name is removed when a command goes on with the run.
"""

import csv
import io
import json
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from experiments.harness.errors import RequestError
from experiments.harness.files import remove_unfinished, write_atomically

__all__ = [
    *("EPOCH_COLUMNS", "RUNS", "SCHEMA", "Store"),
    *("complete", "epoch_rows", "read_json", "to_json"),
]

SCHEMA = 1
_SUFFIXES = (".json", ".safetensors", ".csv", ".html")
RUNS = Path("runs")  # where runs are unless --out says otherwise

# Of results.csv, and of a history as a data frame.
EPOCH_COLUMNS = (
    *("experiment", "implementation", "mode", "dtype", "seed", "data", "source"),
    *("epoch", "loss", "accuracy"),
)

# What every record holds, also that of a failed cell.
_FIELDS = {
    *("key", "fingerprint", "experiment", "implementation", "dtype", "seed", "data", "spec"),
    *("epochs", "limit", "acceptance", "environment", "status", "error", "history", "test"),
}

# Fields that came later, with what they mean where a record of the same schema lacks them.
_LATER = {"mode": "lockstep"}
_ASKED_FOR = ("lockstep", "native")  # the modes whose results are shown


class Store:
    """The records of one run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.cells = folder / "cells"

    def create(self, keys: Iterable[str] = ()) -> None:
        """Make the folder, and add the keys to its plan; RequestError if it cannot be written.

        What killed processes left unfinished is removed.
        """
        try:
            self.cells.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.cells):
                pass
        except OSError as error:
            raise RequestError(
                f"{self.folder}: cannot be written to ({error.strerror}); choose another --out"
            ) from error
        self._remove_unfinished()
        planned = dict.fromkeys([*self.planned(), *keys])
        write_atomically(
            self.folder / "plan.json", to_json({"schema": SCHEMA, "cells": [*planned]})
        )

    def planned(self) -> list[str]:
        """Return the keys of all cells that were asked for; none where no plan was kept."""
        path = self.folder / "plan.json"
        return read_json(path).get("cells", []) if path.exists() else []

    def save(self, key: str, record: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
        """Write a finished cell: first the arrays, then the record that says they are whole."""
        from safetensors.numpy import save

        contiguous = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
        write_atomically(self.cells / f"{key}.safetensors", save(contiguous))
        write_atomically(self.cells / f"{key}.json", to_json(record))

    def load(self, key: str) -> dict[str, Any] | None:
        """Return a cell's record, None if it is not there; RequestError if it is damaged."""
        return self._read(self.cells / f"{key}.json")

    def load_arrays(self, key: str) -> dict[str, np.ndarray]:
        """Return a finished cell's arrays; RequestError if they are missing or damaged."""
        from safetensors import SafetensorError
        from safetensors.numpy import load

        path = self.cells / f"{key}.safetensors"
        try:
            return load(path.read_bytes())
        except (OSError, SafetensorError) as error:
            raise RequestError(
                f"{path}: {error}; delete it and its .json, and run again"
            ) from error

    def records(self) -> list[dict[str, Any]]:
        """Return the records of all trainings that were asked for, ordered by name.

        RequestError if the folder holds none.
        """
        found = [record for record in self._all() if record["mode"] in _ASKED_FOR]
        if not found:
            raise RequestError(f"{self.folder}: holds no run; a run has a folder named cells/")
        return found

    def variants(self) -> list[dict[str, Any]]:
        """Return the records of the trainings by which float32 is judged (see `variants`)."""
        return [record for record in self._all() if record["mode"] not in _ASKED_FOR]

    def _all(self) -> list[dict[str, Any]]:
        found = map(self._read, sorted(self.cells.glob("*.json")))
        return [record for record in found if record is not None]

    def write_results(self, results: dict[str, Any]) -> None:
        """Write results.json and results.csv; remove what an orphan left after `create`."""
        self._remove_unfinished()
        write_atomically(self.folder / "results.json", to_json(results))
        write_atomically(self.folder / "results.csv", _csv(results["cells"]))

    def _remove_unfinished(self) -> None:
        for folder in (self.folder, self.cells):
            remove_unfinished(folder, _SUFFIXES)

    def _read(self, path: Path) -> dict[str, Any] | None:
        if not path.exists():
            return None
        return complete(path, read_json(path))


def complete(path: Path, record: dict[str, Any]) -> dict[str, Any]:
    """Return a record with the fields that came after it; RequestError if it lacks any other."""
    if absent := sorted(_FIELDS - record.keys()):
        raise RequestError(f"{path}: lacks {', '.join(absent)}; delete it, and run again")
    return _LATER | record


def read_json(path: Path) -> dict[str, Any]:
    """Read a file of a run; RequestError if it is damaged or written by a newer lockstep."""
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise RequestError(f"{path}: {error}; delete it, and run again") from error
    _check_schema(path, content)
    return content


def _check_schema(path: Path, content: Any) -> None:
    """Raise RequestError unless this version of lockstep can read what a file holds."""
    schema = content.get("schema") if isinstance(content, dict) else None
    if isinstance(schema, int) and schema > SCHEMA:
        raise RequestError(
            f"{path}: written by a newer lockstep (schema {schema}, this one reads {SCHEMA}); "
            "update lockstep to read it"
        )
    if schema != SCHEMA:
        raise RequestError(f"{path}: not a record of schema {SCHEMA}; delete it, and run again")


def to_json(value: Any) -> bytes:
    """Return JSON as UTF-8; NaN, which JSON does not have, becomes null."""
    return (json.dumps(_without_nan(value), ensure_ascii=False) + "\n").encode()


def _without_nan(value: Any) -> Any:
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    return [_without_nan(item) for item in value] if isinstance(value, list | tuple) else value


def epoch_rows(cells: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield one row for each cell and epoch."""
    for cell in cells:
        names = ("experiment", "implementation", "mode", "dtype", "seed")
        start = {name: cell[name] for name in names}
        start |= {"data": cell["data"]["name"], "source": cell["data"]["source"]}
        history = cell["history"] or {"loss": [], "accuracy": []}
        pairs = zip(history["loss"], history["accuracy"], strict=True)
        for epoch, (loss, accuracy) in enumerate(pairs, 1):
            yield start | {"epoch": epoch, "loss": loss, "accuracy": accuracy}


def _csv(cells: list[dict[str, Any]]) -> bytes:
    out = io.StringIO()
    rows = csv.DictWriter(out, EPOCH_COLUMNS, lineterminator="\n")
    rows.writeheader()
    rows.writerows(epoch_rows(cells))
    return out.getvalue().encode()
