"""Read a file that may be larger than any should be."""

from pathlib import Path


def read_within(path: Path, limit: int) -> bytes:
    """Return what is in a file; ValueError if it has more than ``limit`` bytes.

    No more than that is ever held, also of a device that never ends.
    """
    content = bytearray()
    with path.open("rb") as stream:
        while piece := stream.read(2**20):
            content += piece
            if len(content) > limit:
                raise ValueError(f"the file has more than {limit:,} bytes")
    return bytes(content)
