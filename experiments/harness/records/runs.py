"""The runs that are stored: what each holds, and removing one without touching anything else."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from datasets.folders import is_folder
from experiments.harness.records import RUNS
from experiments.harness.records.lock import LOCK, hold
from experiments.harness.records.models import Results, read_results
from experiments.harness.records.own_files import PLAN, files_of, holds_run
from experiments.harness.records.store import Store
from frameworks.errors import RequestError

__all__ = [
    *("LastResult", "RunSummary", "describe", "find_runs", "last_results", "locate", "remove"),
]

_LATEST = datetime(9999, 12, 31, tzinfo=UTC).timestamp()


def locate(run: Path, folder: Path = RUNS) -> Path:
    """Take a bare name for one in the folder of runs, unless it is only here.

    RequestError if there is a run of this name in both.
    """
    inside = folder / run
    is_name = len(run.parts) == 1 and run.name not in ("", ".", "..")
    if not is_name or not (inside.is_symlink() or inside.exists()):
        return run
    both = all(is_folder(each) and holds_run(each) for each in (run, inside))
    if both and not run.samefile(inside):
        raise RequestError(
            f"{run}: is a run here and in {folder}; write {run.absolute()} or {inside}"
        )
    return inside


def find_runs(folder: Path) -> list[Path]:
    """Return the runs in a folder, the one last asked for first."""
    paths = folder.iterdir() if is_folder(folder) else ()
    runs = [path for path in paths if holds_run(path)]
    return sorted(runs, key=_latest, reverse=True)


@dataclass(frozen=True)
class RunSummary:
    """What `lockstep runs` says of a run."""

    name: str
    date: str  # when it was last asked for
    problem: str | None = None  # why it cannot be read; then nothing else is known
    ok: int | None = None
    failed: int | None = None
    missing: int | None = None  # trainings that were asked for; None where no plan was kept
    dtypes: list[str] = field(default_factory=list)
    data: dict[str, str] = field(default_factory=dict)  # the source, by experiment


def describe(folder: Path) -> RunSummary:
    """Return what a run holds, or the problem if it cannot be read."""
    name, store = folder.name, Store(folder)
    date = _moment(_asked_for(folder)).isoformat(timespec="seconds")
    try:
        found, planned = store.stored(), store.planned()
        if not found and not planned:
            raise store.no_run()
    except RequestError as error:
        return RunSummary(name, date, problem=str(error))
    records = [record for record in found if not record.is_judge]
    return RunSummary(
        name,
        date,
        ok=sum(record.ok for record in records),
        failed=sum(not record.ok for record in records),
        missing=len({*planned} - {record.key for record in found}) if planned else None,
        dtypes=sorted({record.dtype for record in records}),
        data={record.experiment: record.data.source for record in records},
    )


@dataclass(frozen=True)
class LastResult:
    """What the newest run that holds an experiment says of it."""

    run: str
    date: str
    task: str
    source: str  # of the data
    epochs: int
    values: dict[str, list[float | None]]  # the task's headline figures, by implementation
    agree: int
    pairs: int  # that were judged
    failed: int  # trainings


def last_results(folder: Path) -> dict[str, LastResult]:
    """Return, for each experiment, what the newest run in a folder says that holds it unchanged.

    A run that was not finished has no results.json yet, and is passed over, as a damaged one is.
    """
    found: dict[str, LastResult] = {}
    paths = folder.glob("*/results.json")
    for path in sorted(paths, key=lambda path: _latest(path.parent), reverse=True):
        if _experiments(path.parent) <= found.keys():
            continue  # nothing in it that a newer run has not: spare reading it
        try:
            results = read_results(path)
            found = {each: _last(path, results, each) for each in _names(results)} | found
        except (OSError, RequestError):
            continue
    return found


def _experiments(run: Path) -> set[str]:
    """Return the experiments of a run as the names of its records say them."""
    keys = (path.name.partition("+") for path in (run / "cells").glob("*.json"))
    return {own.rpartition("-float")[0] for own, changed, _ in keys if not changed}


def _names(results: Results) -> set[str]:
    return {cell.experiment for cell in results.cells if not cell.setting}


def _last(path: Path, results: Results, experiment: str) -> LastResult:
    cells = [c for c in results.cells if c.experiment == experiment and not c.setting]
    entries = [e for e in results.agreement if e.experiment == experiment and not e.setting]
    verdicts = [entry.verdict for entry in entries if entry.verdict]
    values: dict[str, list[float | None]] = {}
    for cell in cells:
        if cell.ok:
            values.setdefault(cell.implementation, []).append(cell.headline)
    return LastResult(
        run=str(path.parent),
        date=_moment(_asked_for(path.parent)).date().isoformat(),
        task=cells[0].task,
        source=cells[0].data.source,
        epochs=cells[0].epochs,
        values=values,
        agree=verdicts.count("agree"),
        pairs=len(verdicts),
        failed=sum(not cell.ok for cell in cells),
    )


def remove(folder: Path) -> None:
    """Remove a run: a record before its arrays, so that every one that is left stays whole.

    Its plan goes last: until then, what is left of an interrupted removal is still a run.
    RequestError if another command is at work in it.
    """

    def turn(path: Path) -> tuple[bool, bool, bool]:
        return path.name == PLAN, path.parent != folder, path.suffix != ".json"

    files_of(folder)
    if ".." in folder.parts:  # through `cells`, perhaps, which will be gone
        folder = folder.resolve()
    with hold(folder):
        files = [path for path in files_of(folder) if path != folder / LOCK]
        for path in sorted(files, key=turn):
            path.unlink()
        (folder / "cells").rmdir()
    folder.rmdir()


def _latest(folder: Path) -> tuple[float, float]:
    """Return what runs are ordered by: two of the same second by their files."""
    return _asked_for(folder), _written(folder)


def _asked_for(folder: Path) -> float:
    """Return when a command last asked for a run, in seconds since 1970, as its plan has it.

    The files of a copy are newer. They decide where no command is known, as of a run from Python.
    """
    try:
        dates = [datetime.fromisoformat(each.date) for each in Store(folder).plan().asked]
        return max(date.timestamp() for date in dates)
    except (RequestError, ValueError, OverflowError, OSError):
        return _written(folder)


def _written(folder: Path) -> float:
    """Return when a run was last written to, in seconds since 1970."""
    return max(map(_changed, _paths(folder)))


def _changed(path: Path) -> float:
    """Return when a file was last changed; long ago where another command has just removed it."""
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def _moment(seconds: float) -> datetime:
    """Return the time of a file; some file systems keep years that Python does not know."""
    return datetime.fromtimestamp(min(max(seconds, 0.0), _LATEST), UTC)


def _paths(folder: Path) -> Iterator[Path]:
    yield folder / "cells"
    yield from (folder / "cells").glob("*.json")
