"""A trained network in a file: named arrays and a little text, no code.

The format is safetensors; the tensors are

    weights.0, weights.1, ...   in the canonical layout and order of `get_weights`
    states.0, states.1, ...     those of `get_states`, if any: running means, for example
    check.0.inputs (n, ...)     made-up rows for the first network, `check.1` for the second, ...
    check.0.outputs (n, ...)    the network's outputs for them
    check.0.limits (n,)         how far those of another implementation may be

and the metadata are "format", "version", "classes" of a classifier (the labels, as JSON) or
"targets" of a regressor (the shape of one target), "features" if the columns of X had names, and
"sha256" of all that. By the checks a reader knows that it has built the same network: see
`frameworks.weight_checks`. Version 1 had three rows, as check.inputs and check.outputs, no limits
and no digest; it is still read.
"""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from frameworks.files import write_whole
from frameworks.weight_checks import Check

__all__ = ["StoredNetwork", "WeightFileError", "decode", "encode", "read", "sealed", "write"]

_FORMAT, _VERSIONS = "lockstep weights", ("1", "2")
_MAX_BYTES, _MAX_TEXT = 2**31, 2**20  # of a file, and of each metadata field
_LABELS = (str, bool, int, float)


class WeightFileError(ValueError):
    """A file of weights that cannot be used; the message names the file and what is wrong."""


class StoredNetwork(NamedTuple):
    """The content of a file."""

    weights: list[np.ndarray]
    classes: np.ndarray | None  # the sorted labels of a classifier
    features: np.ndarray | None  # the names of the columns
    checks: dict[int, Check]  # of the networks, by their numbers; the first has one
    states: list[np.ndarray] = []  # what layers learn without a gradient
    targets: tuple[int, ...] | None = None  # the shape of one target of a regressor


def encode(network: StoredNetwork) -> bytes:
    """Return a file's bytes; WeightFileError for labels that JSON cannot represent."""
    metadata = {"format": _FORMAT, "version": _VERSIONS[-1]}
    if network.classes is None:
        metadata["targets"] = json.dumps(network.targets)
    else:
        labels = network.classes.tolist()
        if {*map(type, labels)} not in [{kind} for kind in _LABELS]:
            raise WeightFileError(f"labels must be of one type, text or numbers, got {labels}")
        metadata["classes"] = json.dumps(labels)
    if network.features is not None:
        metadata["features"] = json.dumps(network.features.tolist())
    tensors: dict[str, np.ndarray] = {}
    for i, check in network.checks.items():
        tensors |= {f"check.{i}.{name}": array for name, array in check._asdict().items()}
    for kind, arrays in (("weights", network.weights), ("states", network.states)):
        tensors |= {f"{kind}.{i}": array for i, array in enumerate(arrays)}
    return sealed(tensors, metadata)


def sealed(tensors: dict[str, np.ndarray], metadata: dict[str, str]) -> bytes:
    """Return the bytes of a file that holds a digest of its content; the same for the same."""
    from safetensors.numpy import save

    raw = save({name: np.ascontiguousarray(array) for name, array in tensors.items()})
    end = 8 + int.from_bytes(raw[:8], "little")
    # safetensors writes metadata in an order of its own, another each time.
    text = {"__metadata__": metadata | {"sha256": _digest(tensors, metadata)}}
    header = json.dumps(text | json.loads(raw[8:end])).encode()
    header += b" " * (-len(header) % 8)  # the arrays stay aligned
    return len(header).to_bytes(8, "little") + header + raw[end:]


def _digest(tensors: dict[str, np.ndarray], metadata: dict[str, str]) -> str:
    """Return the SHA-256 of tensors and metadata, but for the digest among these."""
    text = {name: value for name, value in metadata.items() if name != "sha256"}
    total = sha256(json.dumps(text, sort_keys=True).encode())
    for name, array in sorted(tensors.items()):
        total.update(json.dumps([name, str(array.dtype), array.shape]).encode())
        total.update(array.tobytes())
    return total.hexdigest()


def decode(raw: bytes) -> StoredNetwork:
    """Return the network in a file's bytes; WeightFileError if anything is invalid."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        tensors = load(raw)
        header = json.loads(raw[8 : 8 + int.from_bytes(raw[:8], "little")])
        metadata = header.get("__metadata__") or {}
    except (SafetensorError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise WeightFileError(f"is damaged, or not safetensors ({error})") from error
    version = metadata.get("version")
    if metadata.get("format") != _FORMAT or version not in _VERSIONS:
        raise WeightFileError(
            f"is not written by save_weights, version {' or '.join(_VERSIONS)}: its metadata say "
            f"format {metadata.get('format')!r}, version {version!r}"
        )
    if version != "1" and metadata.get("sha256") != _digest(tensors, metadata):
        raise WeightFileError("was changed after it was written: its digest is another")
    checks = _checks(tensors)
    states = [f"states.{i}" for i in range(sum(name.startswith("states.") for name in tensors))]
    names = [f"weights.{i}" for i in range(len(tensors) - len(states) or 1)]
    if {*names, *states} != tensors.keys():
        expected = ", ".join([*names, *states])
        raise WeightFileError(f"expected {expected}; found {sorted(tensors)}")
    features = _names(metadata.get("features"), checks[0].inputs.shape[1])
    targets = metadata.get("targets")
    return StoredNetwork(
        weights=[tensors[name] for name in names],
        classes=_labels(metadata.get("classes")) if targets is None else None,
        targets=None if targets is None else _shape(targets),
        features=features,
        checks=checks,
        states=[tensors[name] for name in states],
    )


def _checks(tensors: dict[str, np.ndarray]) -> dict[int, Check]:
    """Take the checks out of a file's tensors; WeightFileError if the first network has none."""
    checks = {}
    if {"check.inputs", "check.outputs"} <= tensors.keys():  # version 1
        older = tensors.pop("check.inputs"), tensors.pop("check.outputs")
        checks[0] = Check.without_limits(*older)
    for i in range(len(tensors)):
        names = [f"check.{i}.{field}" for field in Check._fields]
        if {*names} <= tensors.keys():
            checks[i] = Check(*map(tensors.pop, names))
    for inputs, outputs, limits in checks.values():
        rows = {(len(limits),), inputs.shape[:1], outputs.shape[:1], limits.shape}
        if inputs.ndim < 2 or outputs.ndim < 2 or len(rows) > 1 or not len(limits):
            checks.clear()
            break
    if 0 not in checks:
        raise WeightFileError("expected rows for a check, (n, d), and outputs for them, (n, k)")
    return checks


def _labels(text: str | None) -> np.ndarray:
    """Return labels from their JSON: two or more of one type, sorted, unique."""
    labels = _list(text)
    array = np.array(labels if {*map(type, labels)} in [{kind} for kind in _LABELS] else [])
    if len(array) < 2 or array.dtype == object or not np.array_equal(np.unique(array), array):
        raise WeightFileError(f"expected sorted labels of one type, found {str(text)[:80]!r}")
    if json.dumps(array.tolist()) != json.dumps(labels):
        raise WeightFileError(f"NumPy rounds or cuts the labels {str(text)[:80]!r}")
    return array


def _shape(text: str) -> tuple[int, ...]:
    """Return the shape of a target from its JSON."""
    sides = _list(text)
    if text.strip() != json.dumps(sides) or any(type(x) is not int or x < 1 for x in sides):
        raise WeightFileError(f"expected the shape of a target, found {text[:80]!r}")
    return tuple(sides)


def _names(text: str | None, count: int) -> np.ndarray | None:
    """Return the names of the columns from their JSON; None if they have none."""
    names = [] if text is None else _list(text)
    if text is None:
        return None
    if len(names) != count or {*map(type, names)} != {str}:
        raise WeightFileError(f"expected the names of {count} columns, found {text[:80]!r}")
    return np.array(names, dtype=object)


def _list(text: Any) -> list[Any]:
    """Return a list from its JSON; an empty list for anything else."""
    try:
        found = json.loads(text) if len(text) <= _MAX_TEXT else None
    except (TypeError, ValueError, RecursionError):
        return []
    return found if isinstance(found, list) else []


def read(path: Path) -> bytes:
    """Return a file's bytes; WeightFileError if it cannot be read, or is too large."""
    try:
        if not path.is_file():
            raise WeightFileError("is no file" if path.exists() else "there is no such file")
        if path.stat().st_size > _MAX_BYTES:
            raise WeightFileError(f"has more than {_MAX_BYTES:,} bytes")
        return path.read_bytes()
    except OSError as error:
        raise WeightFileError(f"cannot be read ({error.strerror})") from error


def write(path: Path, content: bytes) -> None:
    """Write a file atomically; WeightFileError if that fails."""
    try:
        write_whole(path, content)
    except OSError as error:
        raise WeightFileError(f"cannot be written ({error.strerror})") from error
