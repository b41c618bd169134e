"""One command at a time in a run's folder.

The lock is the operating system's: it ends with the process that holds it, however that ends, on
whatever machine or in whatever container it is. The file `.lock` only gives it a name; one that a
killed process left behind locks nothing, and the next command removes it.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from frameworks.errors import RequestError

__all__ = ["ELSEWHERE", "LOCK", "hold", "only_writer", "remove_left_locks"]

LOCK = ".lock"  # the name of the file in a run's folder
ELSEWHERE = "choose another --out"  # the remedy of a command that trains
_PATIENCE = 60.0  # seconds for another process to write the same record, which takes milliseconds


@contextmanager
def hold(folder: Path, remedy: str = "") -> Iterator[None]:
    """Be the only command at work in a run's folder, which exists.

    RequestError if another one is, or if the folder's file system knows no locks: `remedy` helps in
    both cases.
    """
    wait = f"wait until it ends, or {remedy}" if remedy else "wait until it ends"
    with _locked(folder / LOCK, 0, f"{folder}: another command is at work there; {wait}", remedy):
        yield


@contextmanager
def only_writer(cells: Path, key: str) -> Iterator[None]:
    """Be the only one who writes a record: the worker of a killed command may have lived on."""
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
                _release(lock)


def _lock(path: Path, timeout: float) -> FileLock:
    return FileLock(path, timeout, thread_local=False, poll_interval=0.01, fallback_to_soft=False)


@contextmanager
def _locked(path: Path, timeout: float, taken: str, remedy: str) -> Iterator[None]:
    lock = _lock(path, timeout)
    try:
        lock.acquire()
    except Timeout:
        raise RequestError(taken) from None
    except OSError as error:
        problem = f"{path}: cannot be locked ({error.strerror})"
        raise RequestError(f"{problem}; {remedy}" if remedy else problem) from error
    try:
        yield
    finally:
        _release(lock)


def _release(lock: FileLock) -> None:
    """Remove the file while it is locked: whoever has opened it sees that it has no name left."""
    with suppress(OSError):  # Windows removes no open file; it is empty, and may stay
        Path(lock.lock_file).unlink()
    lock.release()
