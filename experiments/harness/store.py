"""The run store: a folder with one record for each finished cell, from which all else is built.

RUN/cells/KEY.json           the record of a cell; written last, so where it is, the cell is whole
RUN/cells/KEY.safetensors    its weights at the end, and its outputs on the test rows
RUN/results.json             all records and the agreement; rebuilt at will
RUN/results.csv              one row for each cell and epoch; rebuilt at will
RUN/report.html              all of it to look at; rebuilt at will
"""

import csv
import io
import json
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from experiments.harness.errors import RequestError

__all__ = ["SCHEMA", "Store", "write_atomically"]

SCHEMA = 1

# What every record holds, also that of a failed cell.
_FIELDS = {
    *("key", "fingerprint", "experiment", "implementation", "dtype", "seed", "data", "spec"),
    *("epochs", "limit", "acceptance", "environment", "status", "error", "history", "test"),
}


class Store:
    """The records of one run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.cells = folder / "cells"

    def create(self) -> None:
        """Make the folder; RequestError if it cannot be written to."""
        try:
            self.cells.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.cells):
                pass
        except OSError as error:
            raise RequestError(
                f"{self.folder}: cannot be written to ({error.strerror}); choose another --out"
            ) from error

    def save(self, key: str, record: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
        """Write a finished cell: first the arrays, then the record that says they are whole."""
        from safetensors.numpy import save

        contiguous = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
        write_atomically(self.cells / f"{key}.safetensors", save(contiguous))
        write_atomically(self.cells / f"{key}.json", _json(record))

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
        """Return all records, ordered by name; RequestError if the folder holds none."""
        found = [self._read(path) for path in sorted(self.cells.glob("*.json"))]
        if not found:
            raise RequestError(f"{self.folder}: holds no run; a run has a folder named cells/")
        return [record for record in found if record is not None]

    def write_results(self, results: dict[str, Any]) -> None:
        """Write results.json and results.csv."""
        write_atomically(self.folder / "results.json", _json(results))
        write_atomically(self.folder / "results.csv", _csv(results["cells"]))

    def _read(self, path: Path) -> dict[str, Any] | None:
        try:
            record = json.loads(path.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise RequestError(f"{path}: {error}; delete it, and run again") from error
        if not isinstance(record, dict) or record.get("schema") != SCHEMA:
            raise RequestError(
                f"{path}: expected a record of schema {SCHEMA}; it was written by another version"
            )
        if absent := sorted(_FIELDS - record.keys()):
            raise RequestError(f"{path}: lacks {', '.join(absent)}; delete it, and run again")
        return record


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file that is there either whole or as it was before, whatever happens meanwhile."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")  # one process, one writer
    try:
        with unfinished.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(unfinished, path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise


def _json(value: Any) -> bytes:
    """Return JSON as UTF-8; NaN, which JSON does not have, becomes null."""
    return (json.dumps(_without_nan(value), ensure_ascii=False) + "\n").encode()


def _without_nan(value: Any) -> Any:
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    return [_without_nan(item) for item in value] if isinstance(value, list | tuple) else value


def _csv(cells: list[dict[str, Any]]) -> bytes:
    """Return one row for each cell and epoch."""
    names = ("experiment", "implementation", "dtype", "seed")
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\n")
    rows.writerow([*names, "data", "source", "epoch", "loss", "accuracy"])
    for cell in cells:
        history = cell.get("history") or {"loss": [], "accuracy": []}
        start = [*(cell[name] for name in names), cell["data"]["name"], cell["data"]["source"]]
        for epoch, row in enumerate(zip(history["loss"], history["accuracy"], strict=True), 1):
            rows.writerow([*start, epoch, *row])
    return out.getvalue().encode()
