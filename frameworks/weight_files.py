"""A trained network in a file: named arrays and a little text, no code.

The format is safetensors; the tensors are

    weights.0, weights.1, ...   in the canonical layout and order of `get_weights`
    states.0, states.1, ...     those of `get_states`, if any: running means, for example
    check.inputs (3, ...)       made-up rows
    check.outputs (3, k)        the network's outputs for them

and the metadata are "format", "version", "classes" of a classifier (the labels, as JSON) or
"targets" of a regressor (the shape of one target) and, if the columns of X had names, "features".
By the check a reader knows that it has built the same network: two networks that differ only in an
activation have weights of the same shapes.
"""

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from frameworks.files import write_whole

__all__ = ["StoredNetwork", "WeightFileError", "check_rows", "decode", "read", "write"]

_FORMAT, _VERSION = "lockstep weights", "1"
_MAX_BYTES, _MAX_TEXT = 2**31, 2**20  # of a file, and of each metadata field
_ROWS = 3
_LABELS = (str, bool, int, float)


class WeightFileError(ValueError):
    """A file of weights that cannot be used; the message names the file and what is wrong."""


class StoredNetwork(NamedTuple):
    """The content of a file."""

    weights: list[np.ndarray]
    classes: np.ndarray | None  # the sorted labels of a classifier
    features: np.ndarray | None  # the names of the columns
    inputs: np.ndarray  # (3, ...), for the check
    outputs: np.ndarray  # (3, ...)
    states: list[np.ndarray] = []  # what layers learn without a gradient
    targets: tuple[int, ...] | None = None  # the shape of one target of a regressor


def check_rows(shape: tuple[int, ...], dtype: str) -> np.ndarray:
    """Return made-up rows (3, *shape), always the same."""
    return np.random.default_rng(0).standard_normal((_ROWS, *shape)).astype(dtype)


def encode(network: StoredNetwork) -> bytes:
    """Return a file's bytes; WeightFileError for labels that JSON cannot represent."""
    from safetensors.numpy import save

    metadata = {"format": _FORMAT, "version": _VERSION}
    if network.classes is None:
        metadata["targets"] = json.dumps(network.targets)
    else:
        labels = network.classes.tolist()
        if {*map(type, labels)} not in [{kind} for kind in _LABELS]:
            raise WeightFileError(f"labels must be of one type, text or numbers, got {labels}")
        metadata["classes"] = json.dumps(labels)
    if network.features is not None:
        metadata["features"] = json.dumps(network.features.tolist())
    tensors = {"check.inputs": network.inputs, "check.outputs": network.outputs}
    for kind, arrays in (("weights", network.weights), ("states", network.states)):
        tensors |= {f"{kind}.{i}": np.ascontiguousarray(a) for i, a in enumerate(arrays)}
    return save(tensors, metadata)


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
    if (metadata.get("format"), metadata.get("version")) != (_FORMAT, _VERSION):
        raise WeightFileError(
            f"is not written by save_weights, version {_VERSION}: its metadata say "
            f"format {metadata.get('format')!r}, version {metadata.get('version')!r}"
        )
    checks = [tensors.pop(name, np.empty(0)) for name in ("check.inputs", "check.outputs")]
    states = [f"states.{i}" for i in range(sum(name.startswith("states.") for name in tensors))]
    names = [f"weights.{i}" for i in range(len(tensors) - len(states) or 1)]
    if {*names, *states} != tensors.keys():
        expected = ", ".join([*names, *states])
        raise WeightFileError(f"expected {expected}; found {sorted(tensors)}")
    inputs, outputs = checks
    if inputs.ndim < 2 or outputs.ndim < 2 or not len(inputs) == len(outputs) == _ROWS:
        raise WeightFileError(f"expected check.inputs ({_ROWS}, d) and check.outputs ({_ROWS}, k)")
    features = _names(metadata.get("features"), inputs.shape[1])
    targets = metadata.get("targets")
    return StoredNetwork(
        weights=[tensors[name] for name in names],
        classes=_labels(metadata.get("classes")) if targets is None else None,
        targets=None if targets is None else _shape(targets),
        features=features,
        inputs=inputs,
        outputs=outputs,
        states=[tensors[name] for name in states],
    )


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
            raise WeightFileError("there is no such file")
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
