"""The files of a run: written whole, and what killed processes left of them."""

import os
import re
from collections.abc import Iterable
from pathlib import Path

from frameworks.errors import RequestError
from frameworks.files import write_whole

__all__ = ["remove_unfinished", "write_atomically"]

_UNFINISHED = re.compile(r"\.(?P<name>.+)\.(?P<process>\d+)")  # of `write_whole`


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file whole, or leave it as it was and raise RequestError: a full disk, say."""
    try:
        write_whole(path, content)
    except OSError as error:
        raise RequestError(
            f"{path}: cannot be written ({error.strerror}); what was finished is kept: "
            "mend that, and repeat the command"
        ) from error


def remove_unfinished(folder: Path, suffixes: Iterable[str]) -> None:
    """Remove what killed processes left of files with these suffixes; others may be writing."""
    for path in folder.glob(".*"):
        found = _UNFINISHED.fullmatch(path.name)
        ours = found and Path(found["name"]).suffix in suffixes and path.is_file()
        if found and ours and not _is_running(int(found["process"])):
            path.unlink(missing_ok=True)


def _is_running(process: int) -> bool:
    """Say whether a process may be running; where that cannot be asked, it may."""
    if os.name == "nt":
        return True
    try:
        os.kill(process, 0)
        state = Path(f"/proc/{process}/stat")
        if state.exists():  # on Linux; one that has ended, but that nobody has waited for, is a "Z"
            return state.read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # another user's
        return True
    return True
