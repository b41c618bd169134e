"""IDX, the file format of MNIST, for unsigned bytes.

Two zero bytes, a type code, the number of dimensions, then each dimension as a big-endian 32-bit
integer, then the values in C order. Source: "The IDX file format" on Y. LeCun's MNIST page,
http://yann.lecun.com/exdb/mnist/
"""

import gzip
import struct
import zlib
from io import BytesIO
from math import prod

import numpy as np

from datasets.errors import DataError

MAX_BYTES = 64 * 2**20  # MNIST's largest file is 45 MiB
MAX_DIMENSIONS = 4
_UNSIGNED_BYTE = 0x08


def parse_idx(content: bytes) -> np.ndarray:
    """Read the uint8 array in ``content``; the array is a read-only view of it.

    Raises DataError if the content is not IDX of unsigned bytes, or is longer or shorter than its
    header declares. Nothing is allocated before that is known.

    >>> parse_idx(bytes([0, 0, 8, 1,  0, 0, 0, 3,  7, 8, 9]))
    array([7, 8, 9], dtype=uint8)
    """
    shape, size = _header(content)
    if len(content) != size:
        fault = "is cut short" if len(content) < size else "has trailing bytes"
        raise DataError(
            f"the content {fault}: its header declares {shape}, {size:,} bytes in all; "
            f"found {len(content):,}"
        )
    return np.frombuffer(content, np.uint8, offset=4 + 4 * len(shape)).reshape(shape)


def encode_idx(array: np.ndarray) -> bytes:
    """Write a uint8 array as IDX, the inverse of `parse_idx`.

    >>> encode_idx(np.array([7, 8, 9], dtype=np.uint8)).hex(" ")
    '00 00 08 01 00 00 00 03 07 08 09'
    """
    head = struct.pack(f">2xBB{array.ndim}I", _UNSIGNED_BYTE, array.ndim, *array.shape)
    return head + array.tobytes()


def gunzip_idx(raw: bytes) -> bytes:
    """Decompress an IDX file, only a few bytes beyond what its header declares.

    By these `parse_idx` detects trailing content; a decompression bomb is stopped there.

    Raises DataError if the gzip stream is damaged or the header is not IDX.
    """
    try:
        with gzip.GzipFile(fileobj=BytesIO(raw)) as stream:
            head = stream.read(4 + 4 * MAX_DIMENSIONS)
            _, size = _header(head)
            return head + stream.read(max(1, size + 1 - len(head)))
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"the gzip stream is damaged or cut short ({error})") from error


def _header(content: bytes) -> tuple[tuple[int, ...], int]:
    """Return the declared shape, and the size in bytes of header and values together."""
    if content[:2] != b"\0\0" or len(content) < 4:
        raise DataError(f"expected IDX, which starts with two zero bytes; found {content[:4]!r}")
    kind, n_dims = content[2], content[3]
    if kind != _UNSIGNED_BYTE:
        raise DataError(f"expected IDX of unsigned bytes (type 0x08), found type {kind:#04x}")
    if not 1 <= n_dims <= MAX_DIMENSIONS:
        raise DataError(f"expected 1 to {MAX_DIMENSIONS} dimensions, found {n_dims}")
    start = 4 + 4 * n_dims
    if len(content) < start:
        raise DataError(f"the content is cut short: {len(content)} bytes of a {start}-byte header")
    shape = struct.unpack_from(f">{n_dims}I", content, 4)
    if start + prod(filter(None, shape)) > MAX_BYTES:  # NumPy makes no such shape, empty or not
        raise DataError(f"the header declares {shape}, more than the {MAX_BYTES:,} bytes allowed")
    return shape, start + prod(shape)
