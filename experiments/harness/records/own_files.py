"""Which files of a folder are a run's: by their names, as one that is damaged is of it, too.

A folder may have a `cells` or a `results.csv` that is somebody's own work. It is a run only where a
file in `cells` has the name of a training, or a plan says which trainings there will be.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from datasets.folders import is_folder
from experiments.harness.records.lock import LOCK
from experiments.harness.records.models import read_plan
from frameworks.errors import RequestError

__all__ = [
    "BUILT",
    "PLAN",
    "files_of",
    "holds_run",
    "is_of_a_training",
    "refuse_a_runs_own",
    "run_around",
    "stranger_in",
]

PLAN = "plan.json"
BUILT = ("results.json", "results.csv", "trainings.csv", "report.html")  # from a run's records
_OF_A_RUN = (LOCK, PLAN, *BUILT)
# With a dot before it, one that is unfinished or a lock: see `identity.key_of` and `store`.
_OF_A_TRAINING = re.compile(r"\..+|.+\.(json|safetensors)", re.DOTALL)
_KEY = re.compile(r".+-float(32|64)-seed\d+-.+", re.DOTALL)


def is_of_a_training(path: Path) -> bool:
    """Return whether a file in `cells` has a name that the store gives."""
    name = path.name
    return bool(_KEY.fullmatch(name) and _OF_A_TRAINING.fullmatch(name))


def holds_run(folder: Path) -> bool:
    """Return whether a folder is a run: it has trainings, or a plan of them."""
    cells, plan = folder / "cells", folder / PLAN
    if not is_folder(cells):
        return False
    if any(map(is_of_a_training, cells.iterdir())):
        return True
    try:
        planned = read_plan(plan) if plan.is_file() else None
    except RequestError:
        return False
    return planned is not None


def refuse_a_runs_own(path: Path, remedy: str) -> None:
    """Raise RequestError where a run keeps a file of its own, or will: nothing else goes there."""
    folder = path.absolute().parent
    among, own = folder.name == "cells", path.name in _OF_A_RUN
    if holds_run(folder.parent) if among else own and holds_run(folder):
        raise RequestError(f"{path}: is kept for a file of the run itself; {remedy}")


def run_around(folder: Path) -> Path | None:
    """Return the run among whose trainings a folder lies, as `RUN/cells` does; or None."""
    for path in (folder.absolute(), *folder.absolute().parents):
        if path.name == "cells" and holds_run(path.parent):
            return path.parent
    return None


def stranger_in(folder: Path) -> str:
    """Return what a new run would replace, or take for its own; empty if there is nothing.

    An empty lock beside an empty `cells` is that of a command that has just begun, or was killed.
    Whether it is a run is asked last: another command may make it one meanwhile.
    """
    found = next(_in_the_way(folder), "")
    return "" if found and holds_run(folder) else found


def _in_the_way(folder: Path) -> Iterator[str]:
    cells = folder / "cells"
    for path in cells.iterdir() if is_folder(cells) else ():
        yield f"cells/{path.name}"
    for name in _OF_A_RUN:
        path = folder / name
        if path.exists() or path.is_symlink():
            begun = name == LOCK and is_folder(cells)  # which is made before the lock
            if not (begun and path.is_file() and not path.stat().st_size):
                yield name


def files_of(folder: Path) -> list[Path]:
    """Return all files of a run; RequestError if it is not a run, or holds anything else.

    Symbolic links are not followed, and a folder that holds one is not a run. Where a removal was
    interrupted, an empty `cells` may be left.
    """
    if folder.is_symlink():
        raise RequestError(f"{folder}: is a link to a run, perhaps; remove the link itself by hand")
    cells = folder / "cells"
    no_run = f"{folder}: is not the folder of a run; `lockstep runs` lists them"
    if cells.is_symlink() or not cells.is_dir() or folder.resolve() == Path.cwd():
        raise RequestError(no_run)
    found = [path for path in [*cells.iterdir(), *folder.iterdir()] if path != cells]
    if found and not holds_run(folder):
        raise RequestError(no_run)
    for path in found:
        if path.is_symlink() or not path.is_file() or not _is_ours(path, cells):
            raise RequestError(f"{path}: is not of a run; move it away, then remove the run")
    return found


def _is_ours(path: Path, cells: Path) -> bool:
    """Say whether a file's name is one that the store gives; unfinished ones begin with a dot."""
    if path.parent == cells:
        return is_of_a_training(path)
    unfinished = any(path.name.startswith(f".{name}.") for name in _OF_A_RUN)
    return path.name in _OF_A_RUN or unfinished
