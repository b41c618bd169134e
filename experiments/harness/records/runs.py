"""The runs that are stored: what each holds, and removing one without touching anything else."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from experiments.harness.records.store import Store
from frameworks.errors import RequestError

__all__ = ["describe", "files_of", "find_runs", "remove"]

_OF_A_RUN = ("plan.json", "results.json", "results.csv", "report.html")
_OF_A_CELL = (".json", ".safetensors")


def find_runs(folder: Path) -> list[Path]:
    """Return the runs in a folder, the one that was written to last first."""
    runs = (
        [path for path in folder.iterdir() if (path / "cells").is_dir()] if folder.is_dir() else []
    )
    return sorted(runs, key=_written, reverse=True)


def describe(folder: Path) -> dict[str, Any]:
    """Return what `lockstep runs --json` says about a run; "problem" if it cannot be read."""
    summary: dict[str, Any] = {
        "name": folder.name,
        "data": {},
        "date": datetime.fromtimestamp(_written(folder), UTC).isoformat(timespec="seconds"),
        "problem": None,
    }
    store = Store(folder)
    try:
        records, planned = store.records(), store.planned()
        stored = {record["key"] for record in [*records, *store.variants()]}
    except RequestError as error:
        return summary | {"problem": str(error)}
    return summary | {
        "ok": sum(record["status"] == "ok" for record in records),
        "failed": sum(record["status"] == "failed" for record in records),
        "missing": len({*planned} - stored) if planned else None,
        "dtypes": sorted({record["dtype"] for record in records}),
        "data": {record["experiment"]: record["data"]["source"] for record in records},
    }


def files_of(folder: Path) -> list[Path]:
    """Return all files of a run; RequestError if it is not a run, or holds anything else.

    Symbolic links are not followed, and a folder that holds one is not a run.
    """
    if folder.is_symlink():
        raise RequestError(f"{folder}: is a link to a run, perhaps; remove the link itself by hand")
    cells = folder / "cells"
    if cells.is_symlink() or not cells.is_dir() or folder.resolve() == Path.cwd():
        raise RequestError(f"{folder}: is not the folder of a run; `lockstep runs` lists them")
    for path in [*folder.iterdir(), *cells.iterdir()]:
        if path != cells and (path.is_symlink() or not path.is_file() or not _is_ours(path, cells)):
            raise RequestError(f"{path}: is not of a run; move it away, then remove the run")
    return [path for path in [*cells.iterdir(), *folder.iterdir()] if path != cells]


def remove(folder: Path) -> None:
    """Remove a run: a record before its arrays, so that every one that is left stays whole."""
    files = sorted(files_of(folder), key=lambda path: path.suffix != ".json")
    for path in files:
        path.unlink()
    (folder / "cells").rmdir()
    folder.rmdir()


def _is_ours(path: Path, cells: Path) -> bool:
    """Say whether a file's name is one that the store gives; unfinished ones begin with a dot."""
    if path.parent == cells:
        return path.suffix in _OF_A_CELL or path.name.startswith(".")
    unfinished = any(path.name.startswith(f".{name}.") for name in _OF_A_RUN)
    return path.name in _OF_A_RUN or unfinished


def _written(folder: Path) -> float:
    """Return when a run was last written to, in seconds since 1970."""
    return max(path.stat().st_mtime for path in _paths(folder))


def _paths(folder: Path) -> Iterator[Path]:
    yield folder / "cells"
    yield from (folder / "cells").glob("*.json")
