"""Where Python looks for modules: in a worker, while a page is loaded, and after a training."""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Container, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from importlib.abc import MetaPathFinder
from pathlib import Path
from sysconfig import get_path
from types import ModuleType

import experiments

__all__ = [
    *("IMPORTED", "added_to", "forget_elsewhere", "is_in", "is_installed", "is_of", "lies_at"),
    *("no_place_left", "note_elsewhere", "pythonpath", "workers_search_path"),
]

# Packages that pages import, wherever they are installed.
IMPORTED = frozenset(
    "datasets experiments frameworks jax keras lockstep matplotlib numpy pandas scipy scratch "
    "sklearn tensorflow torch".split()
)

_STDLIB = get_path("stdlib")
_ASK = "import json, sys; print(json.dumps(sys.path))"


def pythonpath() -> str:
    """Return the PYTHONPATH of the workers: our own packages come first.

    The command may have found them in the folder that it was started in.
    """
    root = str(Path(experiments.__file__).parents[1])
    return os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))


def workers_search_path() -> list[str]:
    """Return what `sys.path` is in a worker that has just begun.

    A program's own folder is not in it, nor what a program, such as a notebook, has added. Where
    all of ours may be a worker's, it is ours: only another interpreter knows what a `.pth` adds.
    """
    known = pythonpath()
    if all(is_installed(Path(each)) or each in known.split(os.pathsep) for each in sys.path):
        return [*sys.path]
    return [*_asked(known)] or [*sys.path]


@cache
def _asked(known: str) -> tuple[str, ...]:
    """Return the search path of a new interpreter; nothing if none can be started."""
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-c", _ASK],
            env=os.environ | {"PYTHONPATH": known},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return ()
    return tuple(json.loads(done.stdout.splitlines()[-1]))  # after what a sitecustomize prints


def added_to(before: Iterable[str], now: Iterable[str]) -> list[str]:
    """Return the places of a search path that were added, also those that it had already."""
    return [place for place in Counter(now) - Counter(before) if isinstance(place, str)]


class _Places(MetaPathFinder):
    """Finds nothing, and notes which places the search path has whenever something is imported."""

    def __init__(self) -> None:
        self.seen: set[str] = set()

    def find_spec(self, name: str, *_: object) -> None:
        """Note the places: one may be taken away again before long."""
        self.seen.update(place for place in sys.path if isinstance(place, str))


@contextmanager
def no_place_left() -> Iterator[None]:
    """Take what a page's code adds to the search path off it again, and what it imports from there.

    Another page would find it. What is installed cannot be imported twice, as a rule, and stays.
    """
    kept, places, before, noted = sys.path, [*sys.path], {*sys.modules}, _Places()
    sys.meta_path.insert(0, noted)
    try:
        yield
    finally:
        with suppress(ValueError):  # the page may have removed it
            sys.meta_path.remove(noted)
        new = {os.path.abspath(place) for place in noted.seen.difference(places)}
        sys.path, kept[:] = kept, places
        mine = {place for place in new if not is_installed(Path(place))}
        found = [name for name in sys.modules if name not in before and is_of(name, mine)]
        tops = {name.partition(".")[0] for name in found}
        for name in [*sys.modules]:
            if name not in before and name.partition(".")[0] in tops:
                del sys.modules[name]
        note_elsewhere(before)


_ELSEWHERE: set[str] = set()  # what pages have imported that is neither theirs nor installed


def note_elsewhere(before: Container[str]) -> None:
    """Note which modules from elsewhere, such as from `PYTHONPATH`, a page's code has imported."""
    for name, module in [*sys.modules.items()]:
        file = getattr(module, "__file__", None)
        if not (name in before or name.partition(".")[0] in IMPORTED or file is None):
            if not is_installed(Path(file)):
                _ELSEWHERE.add(name)


def forget_elsewhere() -> dict[str, ModuleType]:
    """Take these modules out of `sys.modules`, so that they are executed anew; return them."""
    taken = {name: sys.modules.pop(name) for name in _ELSEWHERE & sys.modules.keys()}
    _ELSEWHERE.clear()
    return taken


def is_of(name: str, places: Iterable[str]) -> bool:
    """Return whether a module that has been imported lies where a place has one of its name."""
    file = Path(getattr(sys.modules[name], "__file__", None) or "")
    return lies_at(name, file, places)


def lies_at(name: str, file: Path, places: Iterable[str]) -> bool:
    """Return whether a file is what a place has as the module of a name.

    >>> lies_at("a.b", Path("/p/a/b/__init__.py"), ["/p"]), lies_at("b", Path("/p/a/b.py"), ["/p"])
    (True, False)
    """
    stem = file.name.partition(".")[0]
    bare = file.parent if stem == "__init__" else file.with_name(stem) if stem else file
    return any(bare == Path(place, *name.split(".")) for place in places)


def is_in(path: Path, folder: Path) -> bool:
    """Return whether something lies in a page's folder, or below it, and is not installed there.

    A page may lie above Python itself, as in a home folder.
    """
    if not os.path.normcase(path).startswith(os.path.normcase(folder)):
        return False  # most modules: what follows takes longer
    if not path.is_relative_to(folder):
        return False
    return not (_is_packages(path.relative_to(folder)) or path.is_relative_to(_STDLIB))


def is_installed(path: Path) -> bool:
    """Return whether something is Python's own, or among an environment's packages."""
    return _is_packages(path) or path.is_relative_to(_STDLIB)


def _is_packages(path: Path) -> bool:
    return not {"site-packages", "dist-packages"}.isdisjoint(path.parts)
