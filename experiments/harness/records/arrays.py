"""The arrays beside a record: which there are, of which shapes, and reading them.

weights.0, weights.1, ...    the weights at the end, in the canonical layout
states.0, states.1, ...      what layers keep besides, such as running means
outputs (n, ...)             the network's outputs on the n test rows
predictions, labels (n,)     classes, where the task has answers
predictions (n, t)           tokens, where it decodes sequences
line (m, 1), line_outputs (m, k)   the second network's outputs along a line
probabilities (n, classes)   of the classes
grid_axes (2, m), grid_probabilities (m * m, classes)   on a grid over two inputs
"""

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from experiments.harness.records.models import Record
from frameworks.errors import RequestError
from frameworks.task import find_task

__all__ = [
    "MAX_BYTES",
    "Arrays",
    "digest",
    "digest_by_name",
    "load_arrays",
    "read_arrays",
    "weights_in",
]

Arrays = dict[str, np.ndarray]

MAX_BYTES = 2**31  # of a file

_ANSWERS = {"predictions", "labels"}
_SHAPES: dict[str, tuple[Any, ...]] = {  # None: any number
    **{"predictions": ("n",), "labels": ("n",), "probabilities": ("n", "classes")},
    **{"grid_axes": (2, None), "grid_probabilities": ("points", "classes")},
}


def digest(*arrays: np.ndarray) -> str:
    """Return the SHA-256 of arrays: their types, shapes and bytes."""
    total = sha256()
    for array in arrays:
        total.update(f"{array.dtype.str}{array.shape}".encode() + array.tobytes())
    return total.hexdigest()


def digest_by_name(arrays: Arrays) -> str:
    """Return the SHA-256 of named arrays, in whatever order."""
    total = sha256()
    for name in sorted(arrays):
        total.update(f"{name} {digest(arrays[name])}\n".encode())
    return total.hexdigest()


def weights_in(arrays: Arrays) -> list[np.ndarray]:
    """Return the weights, layer by layer."""
    count = sum(name.startswith("weights.") for name in arrays)
    return [arrays[f"weights.{i}"] for i in range(count)]


def read_arrays(path: Path, record: Record) -> Arrays:
    """Return a finished training's arrays.

    The file is safetensors, which holds numbers and no code. RequestError if it is missing or
    damaged, or if its arrays are not those of the record.
    """
    arrays = load_arrays(path)
    if found := next(_problems(arrays, record), ""):
        raise _refusal(path, found)
    return arrays


def load_arrays(path: Path) -> Arrays:
    """Return whatever arrays a safetensors file holds; RequestError if it is none."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        if path.stat().st_size > MAX_BYTES:
            raise ValueError(f"has more than {MAX_BYTES:,} bytes")
        return load(path.read_bytes())
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise _refusal(path, str(error)) from error


def _refusal(path: Path, why: str) -> RequestError:
    return RequestError(f"{path}: {why}; delete it and its .json, and run again")


def _problems(arrays: Arrays, record: Record) -> Iterator[str]:
    """Yield what does not fit a finished training's record."""
    assert record.test is not None
    weights = {name for name in arrays if name.startswith("weights.")}
    if weights != {f"weights.{i}" for i in range(len(weights) or 1)}:
        yield f"expected weights.0, weights.1, ..., found {', '.join(sorted(weights)) or 'none'}"
    n, classes = record.test.n, len(record.test.confusion or ())
    needed = "predictions" if record.task == "classification" else "outputs"
    if needed not in arrays:
        yield f"expected {needed}, found none"
    if "outputs" in arrays and len(arrays["outputs"]) != n:
        yield f"outputs: expected {n} rows, found shape {arrays['outputs'].shape}"
    decoded = {"predictions"} if find_task(record.task).decodes else set()
    for name in sorted(arrays.keys() & _SHAPES.keys() - decoded):
        yield from _wrong_shape(name, arrays, {"n": n, "classes": classes})
    for name in sorted(arrays.keys() & decoded):
        found = arrays[name]
        if found.dtype.kind not in "iu" or found.ndim != 2 or len(found) != n or (found < 0).any():
            yield f"{name}: expected tokens ({n}, t), found {found.dtype} {found.shape}"
    for name in sorted(arrays.keys() & _ANSWERS - decoded):
        if arrays[name].dtype.kind not in "iu" or not np.isin(arrays[name], range(classes)).all():
            yield f"{name}: expected whole numbers from 0 to {classes - 1}"
    for name in sorted(arrays.keys() - _ANSWERS):
        if arrays[name].dtype.kind != "f":
            yield f"{name}: expected floating-point numbers, found {arrays[name].dtype}"
    if not _are_those_of(arrays, record):
        yield "its arrays are not those of the record: their SHA-256 is another"


def _are_those_of(arrays: Arrays, record: Record) -> bool:
    """Say whether arrays have the digests that a record says; older ones say fewer."""
    assert record.digests is not None
    if record.digests.arrays:
        return record.digests.arrays == digest_by_name(arrays)
    states = [arrays[name] for name in arrays if name.startswith("states.")]
    answers = arrays.get("predictions", arrays.get("outputs"))
    found = digest(*weights_in(arrays), *states), answers is not None and digest(answers)
    return found == (record.digests.weights, record.digests.predictions)


def _wrong_shape(name: str, arrays: Arrays, sides: dict[str, int]) -> Iterator[str]:
    axes, found = arrays.get("grid_axes"), arrays[name].shape
    known = axes is not None and axes.ndim == 2
    named = sides | {"points": axes.shape[1] ** 2 if known else None}  # type: ignore[union-attr]
    wanted = tuple(named.get(side, side) for side in _SHAPES[name])
    if len(found) != len(wanted) or any(
        side not in (given, None) for side, given in zip(wanted, found, strict=True)
    ):
        yield f"{name}: expected shape {_SHAPES[name]} with {named}, found {found}"
