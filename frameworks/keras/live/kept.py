"""What a user's layers and functions keep in plain Python, such as a count: taken back."""

import copy
import random
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from types import FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from frameworks.keras.live.copying import PARTS
from frameworks.keras.live.layers import of_keras
from frameworks.keras.loading import keras
from frameworks.live.originals import used_by
from frameworks.live.own_steps import is_installed

__all__ = ["kept_restored"]

_NOT_OWN = ("frameworks", "keras", "tensorflow", "jax", "jaxlib", "torch", "numpy")  # packages
_Undo = Callable[[], None]


@contextmanager
def kept_restored(model: keras.Model) -> Iterator[None]:
    """Let all that a compiled model's functions and objects keep be afterwards what it is now.

    They are those that its layers, its loss, its optimizer and its schedule hold. What a layer
    holds for the first time stays, as it was made in a first call.
    """
    kept = _Kept()
    for layer in model._flatten_layers():
        kept.part(layer)
    for variable in model.variables:
        kept.held([variable.regularizer, variable.constraint])
    kept.held([model.loss])
    kept.part(model.optimizer)
    kept.held([model.optimizer._learning_rate])
    try:
        yield
    finally:
        for undo in kept.undoing:
            undo()


class _Kept:
    def __init__(self) -> None:
        self.undoing: list[_Undo] = []
        self._seen: dict[int, Any] = {}

    def part(self, x: Any) -> None:
        """Keep the attributes of a layer or another part; of one of Keras' own, what they hold."""
        beside = _beside(keras.Layer if isinstance(x, keras.Layer) else keras.optimizers.SGD)
        own = {k: v for k, v in vars(x).items() if k not in beside and not k.startswith("_self_")}
        if not of_keras(type(x)):
            kept = {k: _begun(v) for k, v in own.items() if not isinstance(v, PARTS)}
            self.undoing.append(partial(vars(x).update, kept))
        self.held([*own.values()])

    def held(self, ahead: list[Any]) -> None:
        """Keep what these hold, and what that leads to."""
        while ahead:
            x = ahead.pop()
            if id(x) not in self._seen and not _is_left(x):
                self._seen[id(x)] = x
                ahead += self._into(x)

    def _into(self, x: Any) -> list[Any]:
        if isinstance(x, FunctionType | MethodType) and _package(x) in _NOT_OWN:
            return []  # as the calls that hand masks to dropout
        if isinstance(x, FunctionType):
            return [] if is_installed(x) else self._function(x)
        if isinstance(x, MethodType):
            return [x.__self__, x.__func__]
        if isinstance(x, partial):
            return [x.func, *x.args, *x.keywords.values()]
        if isinstance(x, tuple | frozenset):
            return [*x]
        if isinstance(x, list | deque | set | dict):
            self.undoing.append(partial(_content_back, x, _content(x)))
            return [*x.values()] if isinstance(x, dict) else [*x]
        if isinstance(x, np.ndarray):
            self.undoing.append(partial(_numbers_back, x, x.copy()))
        elif isinstance(x, np.random.Generator):
            state = x.bit_generator.state
            self.undoing.append(partial(setattr, x.bit_generator, "state", state))
        elif isinstance(x, random.Random):
            self.undoing.append(partial(x.setstate, x.getstate()))
        elif hasattr(x, "assign_add") and hasattr(x, "numpy"):  # a variable of TensorFlow's
            self.undoing.append(partial(x.assign, np.array(x.numpy())))
        elif hasattr(x, "__dict__") and _package(x) not in _NOT_OWN:
            own = vars(x)
            self.undoing.append(partial(_content_back, own, _content(own)))
            return [*own.values()]
        return []

    def _function(self, x: FunctionType) -> list[Any]:
        """Keep what a function has around it, and what it finds globally."""
        found = [*(x.__defaults__ or ()), *(x.__kwdefaults__ or {}).values(), vars(x)]
        cells = dict(zip(x.__code__.co_freevars, x.__closure__ or (), strict=True))
        for name, value in used_by(x):
            found.append(value)
            if name in cells:
                self.undoing.append(partial(setattr, cells[name], "cell_contents", _begun(value)))
            else:
                self.undoing.append(partial(x.__globals__.__setitem__, name, _begun(value)))
        return found


@cache
def _beside(kind: Any) -> frozenset[str]:
    """Return the names of what Keras itself keeps in a part of this kind."""
    return frozenset(vars(kind(name="any")))


def _package(x: Any) -> str:
    return (getattr(x, "__module__", None) or "").partition(".")[0]


def _is_left(x: Any) -> bool:
    simple = isinstance(x, type | ModuleType | str | bytes | bool | int | float | complex)
    return x is None or simple or isinstance(x, PARTS)


def _begun(x: Any) -> Any:
    """Return x; of an iterator, a copy that begins where it is now, if there can be one."""
    if not isinstance(x, Iterator):
        return x
    try:
        return copy.copy(x)
    except Exception:  # of whatever kind: a generator goes on, which `repeating` finds and refuses
        return x


def _content(x: Any) -> Any:
    if isinstance(x, dict):
        return {key: _begun(value) for key, value in x.items()}
    return [*map(_begun, x)]


def _content_back(x: Any, before: Any) -> None:
    """Put the content of a collection back, unless a layer has been made in it.

    By the methods of its base class: Keras' own keep account.
    """
    now = x.values() if isinstance(x, dict) else x
    known = {*map(id, before.values() if isinstance(x, dict) else before)}
    if any(isinstance(each, PARTS) and id(each) not in known for each in now):
        return
    kind: Any = next((k for k in (dict, list, set, deque) if issubclass(type(x), k)), None)
    first = () if kind is None else (x,)  # TensorFlow's wrappers are none of these
    own = x if kind is None else kind
    own.clear(*first)
    (own.update if isinstance(x, dict | set) else own.extend)(*first, before)


def _numbers_back(x: np.ndarray, before: np.ndarray) -> None:
    if x.flags.writeable:
        x[...] = before
