"""What a page's `load` leaves in the page, where the workers of a cluster would not find it."""

import warnings
from collections.abc import Container, Iterator
from contextlib import suppress
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from types import BuiltinFunctionType, CellType, CodeType, FunctionType, ModuleType
from typing import Any
from zipfile import ZipFile, is_zipfile

import numpy as np

from datasets import Dataset, Policy
from experiments.harness.experiment import Experiment
from experiments.harness.page_code import contained
from experiments.registry import find_anew
from frameworks.errors import RequestError

__all__ = ["load_leaving_nothing"]

_MOST = 3  # names that are said
_WHEN = "metadata.json"  # in an archive of Keras
_CONTAINERS = (np.ndarray, np.memmap, dict, list, tuple, set, frozenset)
_ATOMS = (type(None), bool, int, float, complex, str, bytes, CodeType)


def load_leaving_nothing(experiment: Experiment, policy: Policy, data_dir: str | None) -> Dataset:
    """Load the data of an experiment; RequestError if a user's own page is another one afterwards.

    Builders that read what `load` has left would build other networks where it is not called.
    """
    if not experiment.is_users:
        return experiment.load_data(policy, data_dir)
    if not experiment.is_fresh:  # an earlier run of this process may have left it already
        experiment = find_anew(str(experiment.source))
    before = _state(experiment)
    data = experiment.load_data(policy, data_dir)
    after = _state(experiment)
    changed = [name for name in before | after if before.get(name) != after.get(name)]
    if changed:
        names = ", ".join(changed[:_MOST]) + ", ..." * (len(changed) > _MOST)
        raise RequestError(
            f"{experiment.source}: load() changes {names} at the top of the page, and the workers "
            "of a cluster do not call it; set it at the top, or in load() for load() alone, or "
            "train without --dask"
        )
    return data


def _state(experiment: Experiment) -> dict[str, str]:
    """Return a digest of what each name stands for, in the page and in the helpers beside it."""
    page, found = vars(experiment.module), {}
    with contained(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        spaces = _spaces(page, experiment.beside)
        own = {str(space["__name__"]) for space in spaces}
        for space in spaces:
            prefix = "" if space is page else f"{space['__name__']}."
            for name, value in [*space.items()]:
                kept_by_us = name.startswith("lockstep_") or name[:2] == "__" == name[-2:]
                if not kept_by_us and not isinstance(value, ModuleType):
                    found[prefix + name] = _digest(value, own)
    return found


def _spaces(page: dict[str, Any], beside: Container[Path]) -> list[dict[str, Any]]:
    """Return the names of a page, and of its helpers, which are found by what they define."""
    spaces = [page]
    for space in spaces:
        for value in [*space.values()]:
            parts = [*vars(value).values()] if isinstance(value, type) else []
            others = [vars(value)] if isinstance(value, ModuleType) else []
            others += [x.__globals__ for x in (value, *parts) if isinstance(x, FunctionType)]
            for other in others:
                if Path(other.get("__file__") or "") in beside and all(
                    other is not each for each in spaces
                ):
                    spaces.append(other)
    return spaces


def _digest(value: Any, own: set[str]) -> str:
    """Return a digest of all that a value holds.

    What cannot be taken apart, as a lock, a file or a generator of Python's, is only of its type.
    """
    said, waiting = sha256(), [value]
    seen: dict[int, tuple[int, Any]] = {}  # their numbers; kept, as a freed one's id is used again
    while waiting:
        each = waiting.pop()
        if type(each) in _ATOMS or isinstance(each, np.generic):
            said.update(f"{type(each)} {each!r};".encode(errors="backslashreplace"))
        elif id(each) in seen:
            said.update(f"again {seen[id(each)][0]};".encode())
        else:
            seen[id(each)] = len(seen), each
            inside: list[Any] = []
            with suppress(Exception):  # a lock, a file, or whatever its class raises
                for part in _inside(each, own):
                    inside.append(part)  # noqa: PERF402 - kept, whatever follows
            said.update(f"{type(each)} {len(inside)};".encode())
            waiting += inside
    return said.hexdigest()


def _inside(value: Any, own: set[str]) -> Iterator[Any]:
    """Yield what a value consists of; of what is not the page's own, only as pickling takes it."""
    is_own = getattr(value, "__module__", None) in own
    if isinstance(value, np.memmap):
        yield from (str(value.filename), value.offset, value.shape)
    elif isinstance(value, np.ndarray) and value.dtype.hasobject:
        yield from (value.dtype.str, value.tolist())
    elif isinstance(value, np.ndarray):
        content = np.ascontiguousarray(value).reshape(-1).view(np.uint8)
        yield from (value.dtype.str, value.shape, sha256(content.data).digest())
    elif isinstance(value, dict):
        yield from (part for item in value.items() for part in item)
    elif isinstance(value, list | tuple | set | frozenset):
        yield from value
    if type(value) in _CONTAINERS:
        return
    if isinstance(value, type):
        yield from (value.__module__, value.__qualname__, type(value), value.__bases__)
        if is_own:
            yield {name: each for name, each in vars(value).items() if name[:2] != "__"}
        return
    if is_own:
        yield getattr(value, "__dict__", {})  # its class may leave something out
    if isinstance(value, FunctionType) and is_own:
        yield from (value.__code__, value.__defaults__, value.__kwdefaults__, value.__closure__)
    elif isinstance(value, FunctionType | BuiltinFunctionType):
        yield from (value.__module__, value.__qualname__)
    elif isinstance(value, staticmethod | classmethod):
        yield value.__func__
    elif isinstance(value, property):
        yield from (value.fget, value.fset, value.fdel)
    elif isinstance(value, CellType):
        yield from () if value == CellType() else (value.cell_contents,)
    elif not isinstance(value, ModuleType | Experiment):
        yield from _pickled(value)


def _pickled(value: Any) -> Iterator[Any]:
    """Yield what pickling takes of a value; of Keras' archives all but when they were made."""
    reduced = value.__reduce_ex__(2)
    found = reduced if isinstance(reduced, tuple) else (reduced,)
    archive = found[1][0] if len(found) == 2 and len(found[1]) == 1 else None
    if isinstance(archive, BytesIO) and is_zipfile(archive):
        with ZipFile(archive) as files:
            yield {name: files.read(name) for name in files.namelist() if name != _WHEN}
        return
    yield from found[:3]
    yield from (list(items) for items in found[3:5] if items is not None)
