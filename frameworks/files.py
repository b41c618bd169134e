"""Files that are written whole or not at all, and the removal of unfinished ones."""

import os
import re
from collections.abc import Iterable
from pathlib import Path

from frameworks.errors import RequestError

__all__ = ["remove_unfinished", "write_atomically", "write_whole"]

_UNFINISHED = re.compile(r"\.(?P<name>.+)\.(?P<process>\d+)")


def write_whole(path: Path, content: bytes) -> None:
    """Write a file atomically: at any time it is either complete or as it was before.

    Raises OSError, for example if the disk is full. Only a killed process leaves an unfinished
    file.
    """
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")  # one process, one writer
    try:
        unfinished.unlink(missing_ok=True)
        with unfinished.open("xb") as file:  # never through a planted symbolic link
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(unfinished, path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file of a run by `write_whole`; RequestError with the remedy if that fails."""
    try:
        write_whole(path, content)
    except OSError as error:
        raise RequestError(
            f"{path}: cannot be written ({error.strerror}); finished trainings are kept: "
            "fix this, then repeat the command"
        ) from error


def remove_unfinished(folder: Path, suffixes: Iterable[str]) -> None:
    """Remove the unfinished files, with these suffixes, of processes that no longer run."""
    for path in folder.glob(".*"):
        found = _UNFINISHED.fullmatch(path.name)
        ours = found and Path(found["name"]).suffix in suffixes and path.is_file()
        if found and ours and not _is_running(int(found["process"])):
            path.unlink(missing_ok=True)


def _is_running(process: int) -> bool:
    """Return whether a process may be running; True if that cannot be determined."""
    if os.name == "nt":
        return True
    try:
        os.kill(process, 0)
        state = Path(f"/proc/{process}/stat")
        if state.exists():  # on Linux; "Z" is a zombie: it has ended
            return state.read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # another user's
        return True
    return True
