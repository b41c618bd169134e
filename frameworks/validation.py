"""Checks of an estimator's arguments; each error names the parameter and the remedy."""

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from inspect import signature
from itertools import pairwise, zip_longest
from numbers import Integral, Real
from typing import Any

import numpy as np

from frameworks.callbacks import Callback
from frameworks.default_network import ACTIVATIONS, DenseSpec
from frameworks.spec import Spec
from scratch import Batch

__all__ = [
    *("builders_spec", "check_memory", "check_parameters", "check_training"),
    *(
        "check_validation_data",
        "check_weights",
        "encode_labels",
        "spec_of",
        "unchanged_if_it_fails",
        "widths_of",
    ),
]

_FLOAT32 = np.finfo(np.float32)
_SMALLEST, _LARGEST = float(_FLOAT32.smallest_subnormal), float(_FLOAT32.max)


def check_parameters(estimator: Any) -> None:
    """Raise TypeError or ValueError for an invalid constructor argument."""
    check_training(estimator)
    rate, expected = estimator.learning_rate, "above 0, and within float32"
    _check("learning_rate", rate, Real, lambda v: _SMALLEST <= v <= _LARGEST, expected)
    for width in widths_of(estimator.hidden):
        _check("hidden", width, Integral, lambda v: v >= 1, "widths of 1 or more")
    if estimator.activation not in ACTIVATIONS:
        known = ", ".join(map(repr, ACTIVATIONS))
        raise ValueError(f"activation must be one of {known}, got {estimator.activation!r}")
    if estimator.build is not None and not callable(estimator.build):
        raise TypeError(f"build must be a function or None, got {estimator.build!r}")
    if estimator.spec is not None and not isinstance(estimator.spec, Spec):
        raise TypeError(f"spec must be a Spec or None, got {estimator.spec!r}")
    _check_how_to_fit(estimator)


def widths_of(hidden: Any) -> tuple[Any, ...]:
    """Return the widths of the hidden layers; a number is one layer's. TypeError for others."""
    if isinstance(hidden, Integral):
        return (hidden,)
    if isinstance(hidden, str) or not isinstance(hidden, Sequence):
        raise TypeError(f"hidden must be a width or a tuple of widths, got {hidden!r}")
    return tuple(hidden)


def _check_how_to_fit(estimator: Any) -> None:
    fraction, patience, tol = "between 0 and 1", "an integer, 1 or more", "0 or more"
    _check(
        "validation_fraction", estimator.validation_fraction, Real, lambda v: 0 < v < 1, fraction
    )
    _check("n_iter_no_change", estimator.n_iter_no_change, Integral, lambda v: v >= 1, patience)
    _check("tol", estimator.tol, Real, lambda v: v >= 0, tol)
    for name in ("early_stopping", "warm_start", "verbose"):
        if not isinstance(getattr(estimator, name), bool | np.bool_):
            raise TypeError(f"{name} must be True or False, got {getattr(estimator, name)!r}")
    given = estimator.callbacks
    if isinstance(given, str) or not isinstance(given, Sequence):
        raise TypeError(f"callbacks must be a list or tuple, got {given!r}")
    for each in given:
        if isinstance(each, type) or not (isinstance(each, Callback) or callable(each)):
            raise TypeError(f"callbacks must be Callback objects or functions, got {each!r}")
        if isinstance(each, Callback) and sum(each is other for other in given) > 1:
            kind = type(each).__name__
            raise ValueError(f"callbacks must be different objects, got the same {kind} twice")


def check_training(estimator: Any) -> None:
    """Raise TypeError or ValueError for an invalid argument common to all estimators."""
    for name in ("epochs", "batch_size"):
        _check(name, getattr(estimator, name), Integral, lambda v: v >= 1, "an integer, 1 or more")
    dtype = estimator.dtype  # np.dtype("float64") equals its name, which frameworks need
    if not isinstance(dtype, str) or dtype not in ("float32", "float64"):
        raise ValueError(f"dtype must be 'float32' or 'float64', got {dtype!r}")


def _check(name: str, value: Any, kind: type, holds: Any, expected: str) -> None:
    if not isinstance(value, kind) or isinstance(value, bool):
        raise TypeError(f"{name} must be {expected}, got {value!r}")
    if not holds(value):
        raise ValueError(f"{name} must be {expected}, got {value!r}")


def builders_spec(estimator: Any) -> Spec:
    """Return the numbers of a network that do not depend on the data.

    Raises ValueError if the estimator sets numbers that belong to the builder, and TypeError as
    `spec_of` does.
    """
    build = estimator.build
    if build is None:
        rate = float(estimator.learning_rate)
        regression = not estimator.task.has_answers
        if estimator.spec is not None:
            raise ValueError("spec belongs to a builder, and build is None; set hidden, activation")
        return DenseSpec(
            hidden=tuple(map(int, widths_of(estimator.hidden))),
            activation=estimator.activation,
            learning_rate=rate,
            regression=regression,
        )
    spec = spec_of(build) if estimator.spec is None else estimator.spec
    defaults = signature(type(estimator)).parameters
    for name in ("hidden", "activation", "learning_rate"):
        if getattr(estimator, name) != defaults[name].default:
            raise ValueError(
                f"{name} belongs to the builder if one is given, got {getattr(estimator, name)!r}; "
                "give the builder others: spec=replace(SPEC, ...), or set_params(spec__NAME=...)"
            )
    return spec


def spec_of(build: Any) -> Spec:
    """Return a builder's default spec, `def build_keras(spec=SPEC)`; TypeError without one."""
    parameter = signature(build).parameters.get("spec") if callable(build) else None
    if parameter is None or not isinstance(parameter.default, Spec):
        raise TypeError(f"build must take `spec` with a Spec as its default, got {build!r}")
    return parameter.default


def check_memory(spec: DenseSpec, dtype: str) -> None:
    """Raise ValueError for a network without a builder that is larger than the machine's memory.

    Each weight has a gradient and Adam's two means beside it.
    """
    widths = spec.inputs, *spec.hidden, spec.outputs
    weights = sum((d_in + 1) * d_out for d_in, d_out in pairwise(widths))
    needed, memory = 4 * weights * np.dtype(dtype).itemsize, _memory()
    if needed > memory:
        raise ValueError(
            f"hidden: {spec.hidden} makes {weights:,} weights, which with their gradients and "
            f"Adam's means need {needed / 1e9:,.1f} GB in {dtype}; this machine has "
            f"{memory / 1e9:,.1f} GB of memory"
        )


def _memory() -> float:
    """Return the bytes of the machine's memory; infinity where the system does not say."""
    try:
        return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    except (AttributeError, OSError, ValueError):  # as on Windows
        return float("inf")


def encode_labels(y: np.ndarray, classes: np.ndarray, dtype: str, one_output: bool) -> np.ndarray:
    """Return labels y (n,) as a loss takes them.

    With one output for two classes: floats 0.0 and 1.0 (n, 1); otherwise positions in `classes` as
    int64 (n,). Raises ValueError for a label that is not in `classes`.
    """
    unknown = np.setdiff1d(y, classes)
    if len(unknown):
        raise ValueError(
            f"y holds labels that are not among the classes {classes.tolist()}: {unknown.tolist()}"
        )
    index = np.searchsorted(classes, y)
    return index[:, np.newaxis].astype(dtype) if one_output else index.astype(np.int64)


def check_validation_data(estimator: Any, data: Any, dtype: str) -> Batch | None:
    """Return (X, y) as a loss takes them, or None; TypeError or ValueError if they are invalid."""
    if data is None:
        return None
    if not isinstance(data, tuple | list) or len(data) != 2:
        raise TypeError(f"validation_data must be a pair (X, y) or None, got {type(data).__name__}")
    X, y = data
    try:
        return estimator._check_rows(X, y, dtype)
    except ValueError as error:
        raise ValueError(f"validation_data: {error}") from error


@contextmanager
def unchanged_if_it_fails(estimator: Any) -> Iterator[None]:
    """Begin a training, or a loading; restore the estimator's attributes if an error is raised.

    For a new training that is enough: it replaces all attributes without changing the objects. A
    continued one checks its data first, but goes on with the same network: if a step fails all the
    same, the steps before it stay taken. Stopping is no error: after Ctrl-C, or between two epochs,
    what has been trained is kept. Nor is anything restored over what a later training has made.
    """
    before = dict(vars(estimator))
    estimator._training = training = object()
    try:
        yield
    except Exception:
        if estimator._training is training:
            vars(estimator).clear()
            vars(estimator).update(before)
        raise


def check_weights(
    weights: Sequence[np.ndarray], like: Sequence[np.ndarray], name: str = "weights"
) -> list[np.ndarray]:
    """Return weights as arrays of the network's dtype; ValueError names one that does not fit."""
    if not isinstance(weights, Iterable):
        raise TypeError(f"{name} must be a list of arrays, got {weights!r}")
    weights = [*weights]
    if len(weights) != len(like):
        first = _first_unlike(weights, like, name)
        raise ValueError(f"{name}: expected {len(like)} arrays, got {len(weights)}; {first}")
    for i, weight in enumerate(map(np.asarray, weights)):
        if weight.dtype.kind not in "fiu":
            raise ValueError(f"{name}[{i}]: expected real numbers, got {weight.dtype}")
    arrays = [np.asarray(w, dtype=own.dtype) for w, own in zip(weights, like, strict=True)]
    for i, (array, own) in enumerate(zip(arrays, like, strict=True)):
        if array.shape != own.shape:
            raise ValueError(f"{name}[{i}]: expected shape {own.shape}, got {array.shape}")
        if not np.isfinite(array).all():
            raise ValueError(f"{name}[{i}]: expected finite numbers, got NaN or infinity")
    return arrays


def _first_unlike(weights: Sequence[np.ndarray], like: Sequence[np.ndarray], name: str) -> str:
    """Say which is the first array by whose shape two lists differ: it tells the layer."""
    shapes = [str(np.shape(weight)) for weight in weights], [str(own.shape) for own in like]
    both = enumerate(zip_longest(*shapes, fillvalue="none"))
    i, (got, expected) = next((i, pair) for i, pair in both if pair[0] != pair[1])
    return f"the first that differs is {name}[{i}]: expected shape {expected}, got {got}"
