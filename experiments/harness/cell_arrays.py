"""Read the arrays of a finished cell: each is checked here once against the cell's record."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from experiments.harness.errors import RequestError

__all__ = ["MAX_BYTES", "load_arrays", "read_arrays"]

Arrays = dict[str, np.ndarray]

MAX_BYTES = 2**31  # of a file

_ANSWERS = {"predictions", "labels"}
_SHAPES: dict[str, tuple[Any, ...]] = {  # None: any number
    **{"predictions": ("n",), "labels": ("n",), "outputs": ("n", None)},
    **{"probabilities": ("n", "classes"), "grid_axes": (2, None)},
    **{"grid_probabilities": ("points", "classes")},
}


def read_arrays(path: Path, record: dict[str, Any]) -> Arrays:
    """Return a finished cell's arrays, named as in `training.train_cell`.

    The file is safetensors, which holds numbers and no code. RequestError if it is missing or
    damaged, or if its arrays are not those of the record.
    """
    arrays = load_arrays(path)
    if found := next(_problems(arrays, record["test"]["n"], len(record["test"]["confusion"])), ""):
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


def _problems(arrays: Arrays, n: int, classes: int) -> Iterator[str]:
    """Yield what does not fit n test rows of so many classes."""
    weights = {name for name in arrays if name.startswith("weights.")}
    if weights != {f"weights.{i}" for i in range(len(weights) or 1)}:
        yield f"expected weights.0, weights.1, ..., found {', '.join(sorted(weights)) or 'none'}"
    if "predictions" not in arrays:
        yield "expected predictions, found none"
    for name in sorted(arrays.keys() & _SHAPES.keys()):
        named = {"n": n, "classes": classes, "points": _points(arrays)}
        wanted = tuple(named.get(side, side) for side in _SHAPES[name])
        found = arrays[name].shape
        if len(found) != len(wanted) or any(
            side not in (given, None) for side, given in zip(wanted, found, strict=True)
        ):
            yield f"{name}: expected shape {_SHAPES[name]} with {named}, found {found}"
    for name in sorted(arrays.keys() & _ANSWERS):
        if arrays[name].dtype.kind not in "iu" or not np.isin(arrays[name], range(classes)).all():
            yield f"{name}: expected whole numbers from 0 to {classes - 1}"
    for name in sorted(arrays.keys() - _ANSWERS):
        if arrays[name].dtype.kind != "f":
            yield f"{name}: expected floating-point numbers, found {arrays[name].dtype}"


def _points(arrays: Arrays) -> int | None:
    """Return how many points the grid has; None where there is no grid."""
    axes = arrays.get("grid_axes")
    return None if axes is None or axes.ndim != 2 else axes.shape[1] ** 2
