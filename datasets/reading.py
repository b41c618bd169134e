"""Read a file up to a size limit."""

from pathlib import Path


def read_within(path: Path, limit: int) -> bytes:
    """Return the content of a file; ValueError if it has more than ``limit`` bytes.

    Hardly more than that is ever held in memory, even of an endless device.
    """
    content = bytearray()
    with path.open("rb") as stream:
        while piece := stream.read(2**20):
            content += piece
            if len(content) > limit:
                raise ValueError(f"the file has more than {limit:,} bytes")
    return bytes(content)
