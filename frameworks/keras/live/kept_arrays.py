"""What is kept beside a Keras model, as `frameworks.live.kept_beside` finds it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from frameworks.keras.live.layers import of_keras
from frameworks.keras.live.stepping import stepper_of_backend
from frameworks.keras.live.weights import WeightTable
from frameworks.keras.loading import keras
from frameworks.live.kept_beside import Family, Keeper
from frameworks.recordings.trace import Kept

__all__ = ["clones_following", "find_kept"]

_FOREIGN = ("tensorflow", "jax", "jaxlib", "torch", "ml_dtypes")


def find_kept(model: keras.Model, table: WeightTable, step: Any) -> list[Kept]:
    """Return canonical copies of what a step, an optimizer, a loss or the model itself keeps."""
    return [_kept(each, table) for each in _families(model, table, step)]


@contextmanager
def clones_following(model: keras.Model, table: WeightTable, step: Any) -> Iterator[None]:
    """Let what is a clone of all weights, when others are written inside of this, be one after."""
    own = {id(v): v for v in (*table.own, *table.states)}
    clones = [
        family
        for family in _families(model, table, step)
        if all(_equal(own[which], kept) for which, kept in family.arrays.items())
    ]
    yield
    for family in clones:
        for which, kept in family.arrays.items():
            _write(family.holder, kept, own[which])


def _equal(own: keras.Variable, kept: Any) -> bool:
    return np.array_equal(_numbers(own, own.dtype), _numbers(kept, own.dtype))


def _write(holder: Any, kept: Any, own: keras.Variable) -> None:
    """Give a clone the numbers of a weight, in its place among those that hold it if need be."""
    values = _numbers(own, own.dtype)
    if hasattr(kept, "assign"):
        kept.assign(values)
    elif isinstance(kept, np.ndarray):
        kept[...] = values
    elif isinstance(holder, list | dict):
        keys = holder if isinstance(holder, dict) else range(len(holder))
        key = next(key for key in keys if holder[key] is kept)
        holder[key] = keras.ops.convert_to_tensor(values)


def _families(model: keras.Model, table: WeightTable, step: Any) -> list[Family]:
    held = {"step": step, "optimizer": model.optimizer, "loss": model.loss, "model": model}
    return _keeper(model, table).find([*held.items()])


def _keeper(model: keras.Model, table: WeightTable) -> Keeper:
    own, known = [*table.own, *table.states], {id(v) for v in (*table.own, *table.states)}
    inside = [v for v in model.weights if id(v) in known]
    trained = [v for v in inside if v.trainable]
    layers = [x for x in model._flatten_layers() if not x.weights or known & {*map(id, x.weights)}]
    named = {v.path: v for v in own}
    orders = [table.own, inside, trained]
    return Keeper(named, orders, frozenset(map(id, layers)), _is_numbers, _parts, _inner)


def _kept(family: Family, table: WeightTable) -> Kept:
    has_states = all(id(v) in family.arrays for v in table.states)
    weights, states = (
        [_numbers(family.arrays.get(id(v), v), v.dtype) for v in own]
        for own in (table.own, table.states if has_states else ())
    )
    given = {keras.backend.standardize_dtype(each.dtype) for each in family.arrays.values()}
    precise = given <= {v.dtype for v in table.own}
    return Kept(family.name, table.canonical(weights), states, average=precise)


def _numbers(x: Any, dtype: str) -> np.ndarray:
    array = stepper_of_backend().to_numpy(keras.ops.convert_to_tensor(x))
    return np.array(array, dtype)


def _is_numbers(x: Any) -> bool:
    """Return whether this is a variable, a tensor with numbers or an array, of floats."""
    if not hasattr(type(x), "dtype"):
        return False  # most objects: what follows takes longer
    variable = isinstance(x, keras.Variable)
    of_backend = hasattr(x, "assign_add") or keras.ops.is_tensor(x)
    if not (variable or of_backend or isinstance(x, np.ndarray)):
        return False
    known = type(x).__name__ != "SymbolicTensor" and getattr(x, "shape", None) is not None
    return known and keras.backend.is_float_dtype(keras.backend.standardize_dtype(x.dtype))


def _parts(x: Any) -> Mapping[str, Any] | None:
    if not isinstance(x, keras.Layer):
        return None
    return {str(i): v for i, v in enumerate(x.weights)}


def _inner(x: Any) -> list[tuple[str, Any]] | None:
    """Return nothing of what frameworks keep by themselves, such as the moments of an optimizer."""
    own = isinstance(x, keras.optimizers.Optimizer) and of_keras(type(x))
    return [] if own or type(x).__module__.split(".")[0] in _FOREIGN else None
