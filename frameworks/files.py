"""Files that are written whole or not at all, and the removal of unfinished ones."""

import errno
import os
import re
import secrets
import tempfile
from collections.abc import Iterable
from pathlib import Path

from frameworks.errors import RequestError

__all__ = [
    "CannotWrite",
    "can_be_written",
    "is_another",
    "remove_unfinished",
    "require_place",
    "try_folder",
    "write_atomically",
    "write_whole",
]

# Ours end in a random number; those of earlier versions in a process number.
_UNFINISHED = re.compile(r"\.(?P<name>.+)\.([0-9a-f]{16}|\d+)")


class CannotWrite(RequestError):
    """A file that cannot be written: a full disk, for example, where no other would do better."""


def can_be_written(path: Path) -> bool:
    """Return whether a path is a file's, or free: a device, a pipe or a folder stays what it is.

    Nor is a link replaced that leads to one, as /dev/stdout does.
    """
    if path.is_symlink() and os.readlink(path).startswith("/proc/"):
        return False
    return path.is_file() or not path.exists()


def try_folder(folder: Path) -> None:
    """Make a folder if there is none, and a file in it, which goes again; OSError says why not."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder) as file:
        file.write(b"\n")  # for which a full disk has no room


def require_place(path: Path, option: str) -> None:
    """Raise RequestError, before anything is computed, where no file can be written."""
    if not (path.parent.is_dir() and can_be_written(path)):
        raise RequestError(f"{path}: cannot be a file there; choose another {option}")
    try:
        try_folder(path.parent)
    except OSError as error:
        raise RequestError(
            f"{path}: cannot be written ({error.strerror}); choose another {option}"
        ) from error


def is_another(path: Path, begins: bytes) -> bool:
    """Return whether a file is there that begins otherwise; an empty one is like none."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        head = file.read(len(begins))
    return bool(head) and head.lower() != begins.lower()


def write_whole(path: Path, content: bytes) -> None:
    """Write a file atomically: at any time it is either complete or as it was before.

    Raises OSError, for example if the disk is full, or if something else than a file is there. Only
    a killed process leaves an unfinished file.
    """
    if not can_be_written(path):
        raise OSError(errno.EEXIST, "there is something else than a file", str(path))
    # A process number names no writer: threads share it, and so do processes in two containers.
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with unfinished.open("xb") as file:  # never through a planted symbolic link
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(unfinished, path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file by `write_whole`; CannotWrite with the remedy if that fails."""
    try:
        write_whole(path, content)
    except OSError as error:
        raise CannotWrite(
            f"{path}: cannot be written ({error.strerror}); fix this, then repeat the command"
        ) from error


def remove_unfinished(folder: Path, suffixes: Iterable[str]) -> None:
    """Remove what killed processes left of files with these suffixes.

    Only for a folder in which nobody else is at work: whose file it is cannot be told.
    """
    for path in folder.glob(".*"):
        found = _UNFINISHED.fullmatch(path.name)
        if found and Path(found["name"]).suffix in suffixes and path.is_file():
            path.unlink(missing_ok=True)
