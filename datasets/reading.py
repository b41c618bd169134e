"""Read a file that may be larger than any should be."""

import stat
from pathlib import Path


def read_within(path: Path, limit: int) -> bytes:
    """Return what is in a file; ValueError if it has more than ``limit`` bytes, or is a pipe.

    No more than that is ever held, and nobody is waited for.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        raise ValueError("is no plain file")
    content = bytearray()
    with path.open("rb") as stream:
        while piece := stream.read(2**20):
            content += piece
            if len(content) > limit:
                raise ValueError(f"the file has more than {limit:,} bytes")
    return bytes(content)
