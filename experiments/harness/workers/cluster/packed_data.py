"""A data set as bytes that travel, and back: numbers and text, no code."""

import json
import zlib
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import Any, get_args

import numpy as np
from safetensors.numpy import load, save

from datasets import Dataset, Inputs, Targets

__all__ = ["pack", "read_packed", "unpack"]

_KINDS: dict[str, Any] = {kind.__name__: kind for kind in get_args(Targets)}
_TEXTS = ("name", "source", "sha256", "canonical", "origin", "note", "feature_names")
_ARRAYS = ("X_train", "y_train", "X_test", "y_test")
_LEVEL = 1  # of compression: MNIST's pixels shrink to a fourteenth, and the rest would take longer


def pack(data: Dataset) -> bytes:
    """Return a data set as bytes: equal data sets, equal bytes. Its scaler stays behind."""
    text = {name: getattr(data, name) for name in _TEXTS}
    text["targets"] = {"kind": type(data.targets).__name__, "values": asdict(data.targets)}
    names = _ARRAYS if not isinstance(data.targets, Inputs) else ("X_train", "X_test")
    arrays = {name: np.ascontiguousarray(getattr(data, name)) for name in names}
    arrays["text"] = np.frombuffer(json.dumps(text).encode(), np.uint8)
    return zlib.compress(save(arrays), _LEVEL)


def unpack(content: bytes) -> Dataset:
    """Return the data set that `pack` was given.

    >>> from datasets import load_circle
    >>> unpack(pack(load_circle())).class_names
    ('outside', 'inside')
    """
    arrays = {name: np.array(array) for name, array in load(zlib.decompress(content)).items()}
    text = json.loads(arrays.pop("text").tobytes())
    targets = _targets(**text.pop("targets"))
    if isinstance(targets, Inputs):
        arrays |= {"y_train": arrays["X_train"], "y_test": arrays["X_test"]}
    text["feature_names"] = tuple(text["feature_names"])
    values: dict[str, Any] = text | arrays
    return Dataset(**values, targets=targets)


def _targets(kind: str, values: dict[str, Any]) -> Targets:
    return _KINDS[kind](**{name: _with_tuples(value) for name, value in values.items()})


def _with_tuples(value: Any) -> Any:
    """Return tuples for the lists that JSON has made of them, in each other too."""
    return tuple(map(_with_tuples, value)) if isinstance(value, list) else value


@lru_cache(maxsize=1)  # the next seed wants the same
def read_packed(path: str) -> Dataset:
    """Return the data set in a file that `pack` has written."""
    return unpack(Path(path).read_bytes())
