"""Copies of numbers, tensors, random generators, and collections and objects made of them."""

import copy
import random
import sys
import warnings
from argparse import Namespace
from array import array
from collections import ChainMap, Counter, OrderedDict, UserDict, UserList, defaultdict, deque
from collections.abc import Callable, Mapping
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from pathlib import PurePath
from types import FunctionType, SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

__all__ = ["CONSTANT", "Place", "Returned", "Taken"]
__all__ += ["attributes_of", "is_global", "is_object", "is_plain"]

CONSTANT = (
    *(bool, int, float, complex, str, bytes, np.generic, Enum, range, slice, type(Ellipsis)),
    *(Decimal, Fraction, date, time, timedelta, PurePath),
    *(type, torch.dtype, torch.device, torch.Size),
)
_BUFFERS = (array, bytearray)
_SOURCES = (np.random.Generator, np.random.RandomState, random.Random)
_MAPPINGS = (dict, OrderedDict, defaultdict, Counter)
_COLLECTIONS = (list, set, deque, tuple, frozenset)
_HOLDERS = (SimpleNamespace, Namespace, UserDict, UserList, ChainMap)  # Python's, of attributes
_PACKAGES = {*sys.stdlib_module_names, "numpy", "torch"}
_LEAST_ID = 2**20  # of an object; fewer are counts


class Place(NamedTuple):
    """Stands for an object that a builder makes, whichever call of it made that."""

    path: tuple[Any, ...]  # from a root on, by names
    kind: str


class _Identity(NamedTuple):
    """Stands for the `id` of such an object."""

    place: Place


class _Object:
    """The attributes of an object, and what it holds as a collection of a class of one's own."""

    def __init__(self, kind: type) -> None:
        self.kind, self.attributes, self.content = kind, dict[str, Any](), None


class _TorchGenerator(NamedTuple):
    state: torch.Tensor
    device: str


def is_object(x: Any) -> bool:
    """Return whether something is an object of a class of one's own, or of a package's.

    Of Python's own, those are objects that exist to hold what they are given. A collection of a
    class of one's own is an object, too, but for a tuple or a frozen set.
    """
    if type(x) in _HOLDERS:
        return True
    root, _, _ = type(x).__module__.partition(".")
    if root in _PACKAGES or isinstance(x, (*CONSTANT, tuple, frozenset)):
        return False
    return hasattr(x, "__dict__") or hasattr(type(x), "__slots__")


def attributes_of(x: Any) -> dict[str, Any]:
    """Return the attributes of an object that are set, in slots, too."""
    slots = [name for each in type(x).__mro__ for name in _names(vars(each).get("__slots__", ()))]
    found = {name: getattr(x, name) for name in slots if hasattr(x, name)}
    return {**getattr(x, "__dict__", {}), **found}


def is_plain(x: Any, places: Mapping[int, Place]) -> bool:
    """Return whether something can be copied here; objects in places are represented by these."""
    return _is_plain(x, places, set())


def _is_plain(x: Any, places: Mapping[int, Place], within: set[int]) -> bool:
    if x is None or id(x) in places or id(x) in within or isinstance(x, CONSTANT):
        return True
    if isinstance(x, (torch.Tensor, torch.Generator, *_SOURCES)):
        return x is not np.random.mtrand._rand  # the global one
    if isinstance(x, np.ndarray) and x.dtype != object:
        return not x.dtype.hasobject
    if isinstance(x, _BUFFERS):
        return True
    if isinstance(x, FunctionType):
        return is_global(x)
    inner = within | {id(x)}
    if isinstance(x, np.ndarray):
        return all(_is_plain(each, places, inner) for each in x.flat)
    if type(x) in _MAPPINGS:
        held = [*x.keys(), *x.values(), getattr(x, "default_factory", None)]
        return all(_is_plain(each, places, inner) for each in held)
    if type(x) in _COLLECTIONS or _is_named(x):
        return all(_is_plain(each, places, inner) for each in x)
    if _iterates(x):
        return _copied(x) is not None
    if isinstance(x, nn.Module | Optimizer | LRScheduler) or not is_object(x):
        return False
    return all(_is_plain(each, places, inner) for each in [_content(x), *attributes_of(x).values()])


class Taken:
    """Copies what is plain; what two of the originals share, their copies share."""

    def __init__(self, places: Mapping[int, Place]) -> None:
        self._places, self._memo = places, dict[int, tuple[Any, Any]]()

    def __call__(self, x: Any) -> Any:
        """Return the copy of x; the same one each time."""
        if id(x) in self._places:
            return self._places[id(x)]
        if isinstance(x, int) and x > _LEAST_ID and x in self._places:
            return _Identity(self._places[x])
        if x is None or isinstance(x, (*CONSTANT, FunctionType)):
            return x
        if id(x) not in self._memo:
            self._memo[id(x)] = x, None  # x is kept, so that no other object gets its identity
            self._memo[id(x)] = x, self._copy(x)
        return self._memo[id(x)][1]

    def _copy(self, x: Any) -> Any:
        if isinstance(x, torch.Tensor):
            return _cloned(x)
        if isinstance(x, torch.Generator):
            return _TorchGenerator(x.get_state(), str(x.device))
        if isinstance(x, np.ndarray):
            return _like(x, map(self, x.flat)) if x.dtype == object else x.copy()
        if isinstance(x, _BUFFERS):
            return x[:]
        if isinstance(x, _SOURCES):
            return copy.deepcopy(x)
        if type(x) in (tuple, frozenset) or _is_named(x):
            return _made(type(x), map(self, x))
        if not (type(x) in _MAPPINGS or type(x) in _COLLECTIONS or is_object(x)):
            return _copied(x)  # an iterator
        collection = type(x) in (*_MAPPINGS, *_COLLECTIONS)
        target: Any = _empty(x) if collection else _Object(type(x))
        self._memo[id(x)] = x, target  # before what it holds, which may be itself
        if type(x) in _MAPPINGS:
            for key, value in x.items():
                _base(type(x)).__setitem__(target, self(key), self(value))
        elif isinstance(target, _Object):
            target.attributes |= {name: self(each) for name, each in attributes_of(x).items()}
            target.content = self(_content(x))
        else:
            _fill(target, map(self, x))
        return target


class Returned:
    """Gives back what `Taken` copied: into the objects that are there, where they are alike."""

    def __init__(self, in_place: Callable[[Place], Any]) -> None:
        self._in_place, self._memo = in_place, dict[int, tuple[Any, Any]]()
        self._used: set[int] = set()  # objects that are there and have been given something

    def __call__(self, kept: Any, there: Any) -> Any:
        """Return the object for a copy; `there`: what is in its stead, which it may be."""
        if isinstance(kept, Place):
            return self._in_place(kept)
        if isinstance(kept, _Identity):
            return id(self._in_place(kept.place))
        if kept is None or isinstance(kept, (*CONSTANT, FunctionType)):
            return kept
        if id(kept) not in self._memo:
            found = self._given(kept, None if id(there) in self._used else there)
            self._memo[id(kept)] = kept, found
            self._used.add(id(found))
        return self._memo[id(kept)][1]

    def _given(self, kept: Any, there: Any) -> Any:
        if isinstance(kept, torch.Tensor):
            return _tensor(kept, there)
        if isinstance(kept, _TorchGenerator):
            fits = isinstance(there, torch.Generator) and str(there.device) == kept.device
            generator = there if fits else torch.Generator(kept.device)
            return generator.set_state(kept.state)
        if isinstance(kept, np.ndarray):
            alike = isinstance(there, np.ndarray) and there.flags.writeable
            alike = alike and (there.shape, there.dtype) == (kept.shape, kept.dtype)
            if kept.dtype == object:
                old = [*there.flat] if alike else []
                kept = _like(kept, (self(x, _at(old, i)) for i, x in enumerate(kept.flat)))
            if not alike:
                return kept.copy()
            there[...] = kept
            return there
        if isinstance(kept, _BUFFERS):
            return _buffer(kept, there)
        if isinstance(kept, _SOURCES):
            return _source(kept, there)
        if type(kept) in (tuple, frozenset) or _is_named(kept):
            old = [*there] if type(there) is type(kept) and len(there) == len(kept) else []
            made = _made(type(kept), (self(x, _at(old, i)) for i, x in enumerate(kept)))
            same = len(old) == len(kept) and all(a is b for a, b in zip(old, made, strict=True))
            return there if same else made
        if isinstance(kept, _Object):
            new: Any = there if type(there) is kept.kind else _new(kept.kind, kept.content)
            self._memo[id(kept)] = kept, new
            if kept.content is not None:
                self._refill(new, kept.content)
            before = attributes_of(new)
            for name, x in kept.attributes.items():
                object.__setattr__(new, name, self(x, before.pop(name, None)))
            for name in before:
                object.__delattr__(new, name)
            return new
        if type(kept) not in (*_MAPPINGS, *_COLLECTIONS):
            return _copied(kept)
        fits = type(there) is type(kept)
        fits = fits and getattr(there, "maxlen", None) == getattr(kept, "maxlen", None)
        target = there if fits else _empty(kept)
        self._memo[id(kept)] = kept, target
        self._refill(target, kept)
        return target

    def _refill(self, target: Any, kept: Any) -> None:
        """Give a collection what a copy holds, by the methods of Python's own."""
        base = _base(type(target))
        if isinstance(kept, dict):
            before = dict(target)
            base.clear(target)
            for key, x in kept.items():
                own = self(key, None)
                base.__setitem__(target, own, self(x, before.get(own)))
        else:
            old = [*target] if isinstance(target, list | deque) else []
            values = [self(x, _at(old, i)) for i, x in enumerate(kept)]
            base.clear(target)
            _fill(target, values)


def _base(kind: type) -> Any:
    """Return the collection of Python's that a class is one of; `object` if it is none."""
    bases: list[Any] = [defaultdict, Counter, OrderedDict, dict, list, deque, set]
    return next((each for each in bases if issubclass(kind, each)), object)


def _content(x: Any) -> Any:
    """Return what an object holds as a collection, in one of Python's; None if it is none."""
    base = _base(type(x))
    if base is object:
        return None
    held = _empty(x)
    held.update(dict(x)) if isinstance(x, dict) else _fill(held, x)
    return held


def _new(kind: type, content: Any) -> Any:
    """Return an object of a class, as it is before anything is set; `content` is what it is for."""
    new = _base(kind).__new__(kind)
    if isinstance(new, deque):
        deque.__init__(new, maxlen=content.maxlen)
    if isinstance(new, defaultdict):
        new.default_factory = content.default_factory
    return new


def _like(array: np.ndarray, values: Any) -> np.ndarray:
    """Return objects in an array of the shape of another."""
    made = np.empty(array.shape, object)
    for i, each in enumerate(values):
        made.flat[i] = each
    return made


def _empty(x: Any) -> Any:
    """Return an empty collection of Python's of the kind of x."""
    if isinstance(x, defaultdict):
        return defaultdict(x.default_factory)
    return deque(maxlen=x.maxlen) if isinstance(x, deque) else _base(type(x))()


def _fill(target: Any, values: Any) -> None:
    base = _base(type(target))
    base.update(target, values) if base is set else base.extend(target, values)


def _made(kind: Any, values: Any) -> Any:
    return kind(*values) if hasattr(kind, "_fields") else kind(values)


def _at(values: list[Any], i: int) -> Any:
    return values[i] if i < len(values) else None


def _names(slots: Any) -> list[str]:
    names = [slots] if isinstance(slots, str) else [*slots]
    return [name for name in names if name not in ("__dict__", "__weakref__")]


def _is_named(x: Any) -> bool:
    return isinstance(x, tuple) and hasattr(x, "_fields")


def is_global(function: FunctionType) -> bool:
    """Return whether a function is one of a module's, and so no call of a builder's own."""
    module: Any = sys.modules.get(function.__module__)
    return getattr(module, function.__qualname__, None) is function


def _iterates(x: Any) -> bool:
    return hasattr(type(x), "__next__") and type(x).__module__ in ("builtins", "itertools")


def _copied(x: Any) -> Any:
    """Return a copy of an iterator; None if there is none, as of a generator."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.14 copies none of itertools'
        try:
            return copy.deepcopy(x)
        except TypeError:
            return None


def _cloned(x: torch.Tensor) -> torch.Tensor:
    clone = x.detach().clone().requires_grad_(x.requires_grad and x.is_leaf)
    return nn.Parameter(clone, x.requires_grad) if isinstance(x, nn.Parameter) else clone


def _tensor(kept: torch.Tensor, there: Any) -> torch.Tensor:
    alike = isinstance(there, torch.Tensor) and there.is_leaf and not there.is_inference()
    if not alike or (there.shape, there.dtype) != (kept.shape, kept.dtype):
        return _cloned(kept)
    with torch.no_grad():
        return there.copy_(kept)


def _buffer(kept: Any, there: Any) -> Any:
    code = getattr(kept, "typecode", None)
    if type(there) is not type(kept) or getattr(there, "typecode", None) != code:
        return kept[:]
    there[:] = kept
    return there


def _source(kept: Any, there: Any) -> Any:
    """Return a source of random numbers in the state of another: the one that is there if alike."""
    if type(there) is not type(kept):
        return copy.deepcopy(kept)
    if isinstance(kept, random.Random):
        there.setstate(kept.getstate())
    elif isinstance(kept, np.random.RandomState):
        there.set_state(kept.get_state(legacy=False))
    elif type(there.bit_generator) is type(kept.bit_generator):
        there.bit_generator.state = kept.bit_generator.state
    else:
        return copy.deepcopy(kept)
    return there
