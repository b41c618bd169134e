"""One command at a time in a run's folder.

The lock is the operating system's: it ends with the process that holds it, however that ends, on
whatever machine or in whatever container it is. The file `.lock` only gives it a name; one that a
killed process left behind locks nothing, and the next command removes it.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from frameworks.errors import RequestError

__all__ = ["ELSEWHERE", "LOCK", "gone", "hold", "only_writer", "remove_left_locks"]

LOCK = ".lock"  # the name of the file in a run's folder
ELSEWHERE = "choose another --out"  # the remedy of a command that trains
_PATIENCE = 60.0  # seconds for another process to write the same record, which takes milliseconds


def gone(folder: Path) -> str:
    """Say that a run's folder is not the one in which the command began."""
    return (
        f"{folder}: was removed, moved or replaced while the command was at work; "
        "repeat the command"
    )


@contextmanager
def hold(folder: Path, remedy: str = "") -> Iterator[Callable[[], bool]]:
    """Be the only command at work in a run's folder, which exists.

    Yields a function that says whether it still is: the folder may be moved away, or removed, and
    another made under its name. RequestError if another command is at work, or if the folder's file
    system knows no locks: `remedy` helps in both cases.
    """
    wait = f"wait until it ends, or {remedy}" if remedy else "wait until it ends"
    with _locked(
        folder / LOCK, 0, f"{folder}: another command is at work there; {wait}", remedy
    ) as held:
        yield held


@contextmanager
def only_writer(cells: Path, key: str) -> Iterator[None]:
    """Be the only one who writes a record: the worker of a killed command may have lived on.

    RequestError if the folder is not there any more, which a lock would make anew.
    """
    if not cells.is_dir():
        raise RequestError(gone(cells.parent))
    path = cells / f".{key}{LOCK}"
    taken = f"{path}: another process does not stop writing; end it"
    with _locked(path, _PATIENCE, taken, ELSEWHERE):
        yield


def remove_left_locks(cells: Path) -> None:
    """Remove the files of locks that nobody holds any more."""
    for path in cells.glob(f".*{LOCK}"):
        if path.is_file() and not path.is_symlink():
            lock = _lock(path, 0)
            with suppress(Timeout):
                lock.acquire()
                _release(lock, _identity(path))


def _lock(path: Path, timeout: float) -> FileLock:
    return FileLock(path, timeout, thread_local=False, poll_interval=0.01, fallback_to_soft=False)


@contextmanager
def _locked(path: Path, timeout: float, taken: str, remedy: str) -> Iterator[Callable[[], bool]]:
    lock = _lock(path, timeout)
    try:
        lock.acquire()
    except Timeout:
        raise RequestError(taken) from None
    except OSError as error:
        problem = f"{path}: cannot be locked ({error.strerror})"
        raise RequestError(f"{problem}; {remedy}" if remedy else problem) from error
    own = _identity(path)
    try:
        yield lambda: _identity(path) == own
    finally:
        _release(lock, own)


def _identity(path: Path) -> tuple[int, int] | None:
    """Return what tells a file from every other while it is open; None if it is not there."""
    with suppress(OSError):
        found = path.stat()
        return found.st_dev, found.st_ino
    return None


def _release(lock: FileLock, own: tuple[int, int] | None) -> None:
    """Remove the file while it is locked: whoever has opened it sees that it has no name left.

    Another one of its name is another command's.
    """
    path = Path(lock.lock_file)
    with suppress(OSError):  # Windows removes no open file; it is empty, and may stay
        if _identity(path) == own:
            path.unlink()
    lock.release()
