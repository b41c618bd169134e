"""The file under a recording: named arrays and one JSON document, in safetensors.

safetensors holds numbers and text, never code. The document stands in the header's metadata under
"lockstep trace". An array that has the bytes of another is stored once: the document's "same" says
under which name.
"""

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import numpy as np

from frameworks.errors import RequestError
from frameworks.recordings.strict_json import Fields, Malformed, parse

__all__ = ["MAX_BYTES", "VERSION", "Arrays", "RecordingError", "pack", "unpack"]

Arrays = dict[str, np.ndarray]

VERSION = 2
MAX_BYTES = 2**30  # of a file
_MAX_HEADER = 2**25
_KEY = "lockstep trace"
_DTYPES = {"F64", "F32", "F16", "I64", "I32", "I16", "I8", "U64", "U32", "U16", "U8", "BOOL"}


class RecordingError(RequestError):
    """A recording that cannot be written, read or used; the message names the file and why."""


def identity(array: np.ndarray) -> bytes:
    """Return what two arrays share if and only if they are the same, byte by byte."""
    head = f"{array.dtype.str}{array.shape}".encode()
    return sha256(head + np.ascontiguousarray(array).tobytes()).digest()


def pack(arrays: Mapping[str, np.ndarray], document: Mapping[str, Any]) -> bytes:
    """Return a file's bytes, the same for the same content; ValueError for other than numbers."""
    from safetensors.numpy import save

    stored: Arrays = {}
    names: dict[bytes, str] = {}
    same = {}
    for name, array in arrays.items():
        if array.dtype.kind not in "fiub" or array.dtype.itemsize > 8:
            raise ValueError(f"{name}: expected numbers of at most 64 bits, got {array.dtype}")
        first = names.setdefault(identity(array), name)
        if first == name:
            little = array.dtype.newbyteorder("<")
            stored[name] = np.array(array, little, order="C")
        else:
            same[name] = first
    text = json.dumps({"version": VERSION, **document, "same": same}, allow_nan=False)
    return save(stored, {_KEY: text})


def unpack(raw: bytes) -> tuple[Arrays, Fields, int]:
    """Return the arrays by name, the document, and its version; Malformed if anything is wrong."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    document = Fields(_document(raw), "")
    version = document.whole("version", least=1)
    assert version is not None  # as null is no version
    if version > VERSION:
        raise Malformed(f"is of version {version}, which this lockstep does not read; update it")
    try:
        arrays = load(raw)
    except (SafetensorError, KeyError, TypeError, ValueError, MemoryError) as error:
        raise Malformed(f"is damaged, or not safetensors ({error})") from error
    stored = set(arrays)
    for name, first in document.texts("same").items():
        if name in arrays or first not in stored:
            raise Malformed(f"same: cannot take {name[:80]!r} from {first[:80]!r}")
        arrays[name] = arrays[first]
    return arrays, document, version


def _document(raw: bytes) -> Any:
    """Return the document of a file whose header is sound."""
    size = int.from_bytes(raw[:8], "little")
    if len(raw) < 8 or not 2 <= size <= min(_MAX_HEADER, len(raw) - 8):
        raise Malformed("is damaged, or not safetensors (its header has no valid length)")
    try:
        header = parse(raw[8 : 8 + size])
    except Malformed as error:
        raise Malformed(f"is damaged, or not safetensors ({error})") from error
    metadata = header.get("__metadata__") if isinstance(header, dict) else None
    if not isinstance(metadata, dict) or not isinstance(metadata.get(_KEY), str):
        raise Malformed("is no recording: its metadata hold no 'lockstep trace'")
    for name, entry in header.items():
        dtype = entry.get("dtype") if isinstance(entry, dict) else None
        if name != "__metadata__" and dtype not in _DTYPES:
            raise Malformed(f"{ascii(name)[:80]}: numbers of type {ascii(dtype)[:20]} are not read")
    return parse(metadata[_KEY])
