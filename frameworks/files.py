"""Files that are written whole or not at all, whatever kills the process or fills the disk."""

import os
from pathlib import Path

__all__ = ["write_whole"]


def write_whole(path: Path, content: bytes) -> None:
    """Write a file that is there either whole or as it was before, whatever happens meanwhile.

    Raises OSError: a full disk, for example. Only a killed process leaves an unfinished file.
    """
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")  # one process, one writer
    try:
        unfinished.unlink(missing_ok=True)
        with unfinished.open("xb") as file:  # never through a link that somebody laid out
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(unfinished, path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
