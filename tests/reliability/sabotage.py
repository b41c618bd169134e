"""Ends a process, or makes its disk fail, at a named point of writing a file.

Only the tests arm it, in processes of their own, through the environment:

SABOTAGE  {"file": regular expression, "point": one of POINTS, "action": ..., "once": bool}

The points are those of `write_whole`: "open" and "fsync" and "rename" stand before that step,
"write" in the middle of the content, "renamed" behind all of it. The actions: "self" kills the
process that writes, "parent" its parent, "both" kills both; "hang" does nothing for long, "pause"
until there is a file NOTES.go; or the name of an error. What was done is noted (see `note`).
"""

import errno
import json
import os
import pathlib
import re
import signal
import time
from typing import Any

POINTS = ("open", "write", "fsync", "rename", "renamed")
ERRORS = ("ENOSPC", "EIO")


class _Torn:
    """A file of which half is written before the action is done."""

    def __init__(self, file: Any, act: Any) -> None:
        self._file, self._act = file, act

    def __enter__(self) -> "_Torn":
        return self

    def __exit__(self, *exc: object) -> None:
        self._file.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def write(self, content: bytes) -> None:
        half = len(content) // 2
        self._file.write(content[:half])
        self._file.flush()
        self._act()
        self._file.write(content[half:])


def arm() -> None:
    """Do what the environment says, if it says anything."""
    if "SABOTAGE" not in os.environ:
        return
    order = json.loads(os.environ["SABOTAGE"])
    wanted, point, action = re.compile(order["file"]), order["point"], order["action"]
    open_, fsync, replace = pathlib.Path.open, os.fsync, os.replace
    unfinished: list[str] = []  # the file that is being written

    def act(here: str = "write") -> None:
        name = re.sub(r"^\.(.*)\.[0-9a-f]+$", r"\1", unfinished[-1]) if unfinished else ""
        if here == point and wanted.fullmatch(name) and not (order.get("once") and _is_done()):
            _do(action)

    def open_file(path: pathlib.Path, mode: str = "r", *arguments: Any, **options: Any) -> Any:
        if mode != "xb":
            return open_(path, mode, *arguments, **options)
        unfinished.append(path.name)
        act("open")
        return _Torn(open_(path, mode, *arguments, **options), act)

    def sync(descriptor: int) -> None:
        act("fsync")
        fsync(descriptor)

    def rename(source: Any, target: Any) -> None:
        act("rename")
        replace(source, target)
        act("renamed")

    setattr(pathlib.Path, "open", open_file)  # noqa: B010 - mypy: not to be assigned
    os.fsync, os.replace = sync, rename


def note(what: str) -> None:
    """Add a line to the file of the environment variable NOTES: what, and this process."""
    with open(os.environ["NOTES"], "a") as notes:
        notes.write(f"{what} {os.getpid()}\n")


def _is_done() -> bool:
    with open(os.environ["NOTES"]) as notes:
        return any(line.startswith("sabotage ") for line in notes)


def _do(action: str) -> None:
    note("sabotage")
    if action in ERRORS:
        number = getattr(errno, action)
        raise OSError(number, os.strerror(number))
    if action in ("parent", "both"):
        os.kill(os.getppid(), signal.SIGKILL)
    if action in ("self", "both"):
        os.kill(os.getpid(), signal.SIGKILL)
    if action == "hang":
        time.sleep(1_000)
    if action == "pause":
        while not os.path.exists(f"{os.environ['NOTES']}.go"):
            time.sleep(0.01)
