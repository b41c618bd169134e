"""What a page's `load` leaves in the page, where the workers of a cluster would not find it."""

import warnings
from collections.abc import Container, Iterator
from hashlib import sha256
from pathlib import Path
from types import BuiltinFunctionType, CellType, CodeType, FunctionType, ModuleType
from typing import Any

import numpy as np

from datasets import Dataset, Policy
from experiments.harness.experiment import Experiment
from experiments.harness.page_code import contained
from experiments.registry import find_anew
from frameworks.errors import RequestError

__all__ = ["load_leaving_nothing"]

_MOST = 3  # names that are said
_ATOMS = (type(None), bool, int, float, complex, str, bytes, CodeType)


def load_leaving_nothing(experiment: Experiment, policy: Policy, data_dir: str | None) -> Dataset:
    """Load the data of an experiment; RequestError if a user's own page is another one afterwards.

    Builders that read what `load` has left would build other networks where it is not called.
    """
    if not experiment.is_users:
        return experiment.load_data(policy, data_dir)
    if experiment.has_loaded:  # an earlier run of this process, which has left it already
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
                if not name.startswith(("__", "lockstep_")) and not isinstance(value, ModuleType):
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
        if isinstance(each, _ATOMS):
            said.update(f"{type(each)} {each!r};".encode(errors="backslashreplace"))
        elif id(each) in seen:
            said.update(f"again {seen[id(each)][0]};".encode())
        else:
            seen[id(each)] = len(seen), each
            try:
                inside = [*_inside(each, own)]
            except Exception:  # noqa: BLE001 - a lock, a file, or whatever its class raises
                inside = []
            said.update(f"{type(each)} {len(inside)};".encode())
            waiting += inside
    return said.hexdigest()


def _inside(value: Any, own: set[str]) -> Iterator[Any]:
    """Yield what a value consists of; of what is not the page's own, only as pickling takes it."""
    if isinstance(value, np.memmap):
        yield from (str(value.filename), value.offset, value.shape)
    elif isinstance(value, np.ndarray) and not value.dtype.hasobject:
        content = np.ascontiguousarray(value).reshape(-1).view(np.uint8)
        yield from (value.dtype.str, value.shape, sha256(content.data).digest())
    elif isinstance(value, dict):
        yield from (part for item in value.items() for part in item)
    elif isinstance(value, list | tuple | set | frozenset):
        yield from value
    elif isinstance(value, FunctionType | type) and value.__module__ in own:
        yield value.__qualname__
        if isinstance(value, type):
            yield {name: each for name, each in vars(value).items() if name[:2] != "__"}
        else:
            yield from (value.__code__, value.__defaults__, value.__kwdefaults__, vars(value))
            yield value.__closure__
    elif isinstance(value, CellType):
        yield from () if value == CellType() else (value.cell_contents,)
    elif isinstance(value, FunctionType | BuiltinFunctionType | type):
        yield from (value.__module__, value.__qualname__)
    elif not isinstance(value, ModuleType | Experiment):
        reduced = value.__reduce_ex__(2)
        found = reduced if isinstance(reduced, tuple) else (reduced,)
        yield from found[:3]
        yield from (list(items) for items in found[3:5] if items is not None)
