"""The data that a user hands over, checked: inputs, targets and row weights as arrays."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from frameworks.errors import RequestError, first_line
from frameworks.recordings.trace import Arrays

__all__ = ["NO_DATA", "Data", "data_of"]


@dataclass(frozen=True)
class Data:
    """All rows: the inputs and targets of each side, and the rows' weights."""

    X: tuple[Arrays, Arrays]
    y: tuple[Arrays, Arrays]  # () where the inputs are the targets
    w: np.ndarray | None
    own_targets: bool = False  # each side was given its own

    @property
    def rows(self) -> int:
        """The number of rows; 0 without data."""
        return len(self.X[0][0]) if self.X[0] else 0


NO_DATA = Data(X=((), ()), y=((), ()), w=None)  # all that two recordings need


def data_of(X: Any, y: Any, sample_weight: Any, inputs: Any) -> Data:
    """Return the data; RequestError for what nothing can be trained on.

    `X` is an array, or a tuple of arrays for several inputs; `inputs` has what each
    side takes instead: arrays of its own, a function of X, or None for X itself. `y` is one target
    for both, an array, or a list of arrays for several outputs; a tuple holds one of these for each
    side.
    """
    if X is None:
        raise RequestError("X is needed: only two recordings are compared without data")
    given = _arrays("X", X)
    own = tuple(_own_inputs(given, side, each) for side, each in enumerate(_pair(inputs)))
    apart = isinstance(y, tuple) and len(y) == 2
    targets = y if apart else (y, y)
    both = tuple(() if each is None else _arrays("y", each) for each in targets)
    w = None if sample_weight is None else _arrays("sample_weight", sample_weight)[0]
    data = Data(own, both, w, apart)  # type: ignore[arg-type]
    for name, arrays in (
        ("X", own[1]),
        ("y", both[0] + both[1]),
        ("sample_weight", () if w is None else (w,)),
    ):
        for each in arrays:
            if len(each) != data.rows:
                raise RequestError(f"{name} has {len(each)} rows, but X has {data.rows}")
    if w is not None and w.ndim != 1:
        raise RequestError(f"sample_weight must be one number for each row, got shape {w.shape}")
    return data


def _pair(inputs: Any) -> tuple[Any, Any]:
    if inputs is None:
        return None, None
    if not isinstance(inputs, Sequence) or len(inputs) != 2:
        raise RequestError("inputs must be a pair, for each side arrays, a function of X, or None")
    return inputs[0], inputs[1]


def _own_inputs(given: Arrays, side: int, own: Any) -> Arrays:
    if own is None:
        return given
    if not callable(own):
        return _arrays(f"inputs[{side}]", own)
    try:
        made = own(given[0] if len(given) == 1 else given)
    except Exception as error:  # of whatever kind a user's function raises
        raise RequestError(f"inputs[{side}](X) fails: {first_line(error)}") from error
    return _arrays(f"inputs[{side}](X)", made)


def _arrays(name: str, values: Any) -> Arrays:
    """Return finite arrays with rows; RequestError names what is not one."""
    several = isinstance(values, tuple | list) and len(values) and hasattr(values[0], "shape")
    many = several and len(np.shape(values[0])) > 0
    found = tuple(_array(name, each) for each in (values if many else [values]))
    for each in found:
        if each.ndim == 0 or not len(each):
            raise RequestError(f"{name} must have rows, got an array of shape {each.shape}")
    return found


def _array(name: str, values: Any) -> np.ndarray:
    detached = values.detach().cpu() if hasattr(values, "detach") else values
    if np.ma.is_masked(values):
        raise RequestError(
            f"{name} has masked values, which would be trained on; fill or drop them"
        )
    try:
        array = np.asarray(detached)
    except (TypeError, ValueError) as error:  # rows of different lengths, or torch's bfloat16
        raise RequestError(f"{name} must be an array: {error}") from error
    if isinstance(values, Mapping):
        raise RequestError(
            f"{name} must be an array, or a list of arrays in the order in which the model has "
            f"them, got a dict of {', '.join(map(str, values))}"
        )
    if array.dtype.kind == "O" and array.ndim == 0:
        raise RequestError(
            f"{name} must be an array of all rows, got {type(values).__name__}: take the rows out "
            "of it first, as by np.concatenate([batch for batch, _ in loader])"
        )
    if array.dtype.kind not in "fiub":
        raise RequestError(f"{name} must hold numbers, got {array.dtype}")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise RequestError(f"{name} must hold finite numbers, got NaN or infinity")
    return array
