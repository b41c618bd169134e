"""A step of the user's own, with what it keeps from one call to the next, such as a count."""

import copy
import sysconfig
from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import BuiltinFunctionType, CellType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from frameworks.live.identities import TwinOf, renew, renewed
from frameworks.live.originals import used_by

__all__ = [
    *("OwnState", "SHARED", "copied_numbers", "held_by", "is_installed", "shared_iterators"),
    "with_own_state",
]

SHARED = (type, ModuleType, BuiltinFunctionType, str, bytes, bool, int, float, complex)
_PACKAGES = {"site-packages", "dist-packages"}  # of whichever environment
_INSTALLED = tuple({sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")})


def _as_it_is(x: Any) -> Any:
    return x


def with_own_state(
    step: Any, copied: Callable[[Any], Any], written: Callable[[Any], Any] = _as_it_is
) -> Any:
    """Return a step that begins where this one is now, and leaves this one there.

    What it keeps may be in variables around it, in global ones, and in attributes of the object
    that it is a method of. `copied` copies such an object, or raises where it cannot: then what it
    holds is copied, one by one, and what cannot be is shared. `written` returns, for a function
    that is compiled, the one that the user wrote.
    """
    return OwnState(copied, written)(step)


def is_installed(function: FunctionType) -> bool:
    """Return whether a function is of Python or of a package, and none of the user's own."""
    file = function.__code__.co_filename
    return file.startswith(_INSTALLED) or not _PACKAGES.isdisjoint(Path(file).parts)


def shared_iterators(*holders: Any) -> list[str]:
    """Return the names of the iterators that steps and others hold and that cannot be copied.

    They go on from one training to the next, as generators do.
    """
    found, seen, ahead = list[str](), dict[int, Any](), [("", each) for each in holders]
    while ahead:
        name, x = ahead.pop()
        if id(x) in seen or isinstance(x, SHARED):
            continue
        seen[id(x)] = x  # kept, so that no other object gets its identity
        if not isinstance(x, Iterator):
            ahead += held_by(name, x)
        elif not _can_be_copied(x):
            found.append(name)
    return sorted({*found})


def held_by(name: str, x: Any) -> list[tuple[str, Any]]:
    """Return what something holds, by names; what has none of its own by that of its holder."""
    if isinstance(x, FunctionType):
        return [] if is_installed(x) else [*used_by(x)]
    if isinstance(x, MethodType):
        return [(name, x.__func__), (name, x.__self__)]
    if isinstance(x, partial):
        return [(name, each) for each in (x.func, *x.args, *x.keywords.values())]
    if isinstance(x, list | tuple | deque | set):
        return [(name, each) for each in x]
    own = x if isinstance(x, dict) else getattr(x, "__dict__", {})
    return [(key if isinstance(key, str) else name, each) for key, each in own.items()]


def _can_be_copied(x: Any) -> bool:
    try:
        copy.deepcopy(x)
    except Exception:  # of whatever kind an object raises that cannot be copied
        return False
    return True


def copied_numbers(x: Any) -> Any:
    """Return a copy of numbers and words, in collections and arrays; TypeError for others."""
    if not _is_plain(x):
        raise TypeError(type(x).__name__)
    return copy.deepcopy(x)


class OwnState:
    """Copies functions with what they keep, once each; see `with_own_state`."""

    def __init__(
        self, copied: Callable[[Any], Any], written: Callable[[Any], Any] = _as_it_is
    ) -> None:
        self._copied, self._written = copied, written
        self._twins: dict[int, Any] = {}  # by the identity of the original, as the next two
        self._cells: dict[int, CellType] = {}
        self._globals: dict[int, dict[str, Any]] = {}

    def __call__(self, x: Any) -> Any:
        """Return the copy of x; the same one each time."""
        if isinstance(x, int) and not isinstance(x, bool):
            return self._copied(x)  # which may be the identity of an original
        if x is None or isinstance(x, SHARED):
            return x
        if isinstance(x, MethodType):
            return MethodType(self(x.__func__), self(x.__self__))
        if isinstance(x, partial):
            given = {name: self(value) for name, value in x.keywords.items()}
            return partial(self(x.func), *map(self, x.args), **given)
        if id(x) not in self._twins:
            if isinstance(x, FunctionType):
                self._function(x)
            else:
                self._twins[id(x)] = self._object(x)
        return self._twins[id(x)]

    def renew(self, twin_of: TwinOf) -> None:
        """Let variables that know an object by its identity or a weak reference know its copy."""
        for cell in self._cells.values():
            try:
                cell.cell_contents = renewed(cell.cell_contents, twin_of)
            except ValueError:  # not assigned yet
                continue
        for known in self._globals.values():
            renew(known, twin_of)

    def _function(self, function: FunctionType) -> None:
        """Copy a function; of an installed one, such as a decorator's, only those around it."""
        installed = is_installed(function)
        known = function.__globals__
        if not installed:
            known = self._globals.setdefault(id(known), {**known})
        pairs = [(cell, self._cell(cell)) for cell in function.__closure__ or ()]
        twin = FunctionType(
            function.__code__,
            known,
            function.__name__,
            function.__defaults__ if installed else self._all(function.__defaults__),
            tuple(new for _, new in pairs),
        )
        self._twins[id(function)] = twin  # before what it knows, which may be itself
        keywords = function.__kwdefaults__ or {}
        twin.__kwdefaults__ = {name: self(x) for name, x in keywords.items()} or None
        twin.__qualname__ = function.__qualname__
        vars(twin).update(vars(function))
        for own, new in pairs:
            self._fill(own, new, installed)
        if not installed:
            for name, x in used_by(function):
                if name in known and x is function.__globals__.get(name):
                    known[name] = self(x)

    def _cell(self, cell: CellType) -> CellType:
        return self._cells.setdefault(id(cell), CellType())

    def _fill(self, own: CellType, new: CellType, installed: bool) -> None:
        try:
            content = own.cell_contents
        except ValueError:  # not assigned yet
            return
        shared = installed and not isinstance(content, FunctionType)
        new.cell_contents = content if shared else self(content)

    def _all(self, values: tuple[Any, ...] | None) -> tuple[Any, ...] | None:
        return None if values is None else tuple(map(self, values))

    def _object(self, x: Any) -> Any:
        try:
            return self._copied(x)
        except Exception:  # of whatever kind an object raises that cannot be copied
            pass
        try:
            twin = copy.copy(x)
            own = twin if isinstance(twin, list | dict) else vars(twin)
        except Exception:  # likewise; or it has no attributes
            return x
        self._twins[id(x)] = twin  # before what it holds, which may be itself
        for name, value in enumerate(own) if isinstance(own, list) else [*own.items()]:
            own[name] = self(value)
        return twin


def _is_plain(x: Any) -> bool:
    if isinstance(x, dict):
        return all(_is_plain(each) for pair in x.items() for each in pair)
    if isinstance(x, list | tuple | deque | set):
        return all(map(_is_plain, x))
    numbers = isinstance(x, np.ndarray | np.generic | np.random.Generator)
    return x is None or numbers or isinstance(x, bool | int | float | complex | str | bytes)
