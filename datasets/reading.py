"""Read a file up to a size limit."""

import stat
from pathlib import Path


def read_within(path: Path, limit: int) -> bytes:
    """Return the content of a file; ValueError if it has more than ``limit`` bytes, or is a pipe.

    Hardly more than that is ever held in memory, and a pipe is not waited for.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        raise ValueError("is not a regular file")
    content = bytearray()
    with path.open("rb") as stream:
        while piece := stream.read(2**20):
            content += piece
            if len(content) > limit:
                raise ValueError(f"the file has more than {limit:,} bytes")
    return bytes(content)
