"""What is a page's own: the modules that lie beside it, or in places where it looks itself."""

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from importlib import invalidate_caches
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType

from experiments.harness.executed import tell_no_more, tell_of_files
from experiments.harness.experiment import PREFIX
from experiments.harness.search_path import (
    added_to,
    is_in,
    is_installed,
    lies_at,
    note_elsewhere,
    workers_search_path,
)

__all__ = ["Beside", "Loader"]

# What no file beside a page replaces: Python's own modules, the program, and the suite.
_OTHERS = sys.stdlib_module_names | frozenset(
    "__main__ datasets experiments frameworks lockstep scratch".split()
)


class Loader(SourceFileLoader):
    """Executes a file's text as it is now, and keeps it: bytecode may be that of another text."""

    def __init__(self, name: str, file: str, texts: dict[Path, bytes]) -> None:
        super().__init__(name, file)
        self._texts = texts

    def get_code(self, fullname: str) -> CodeType:
        """Return the code of the text that is there now."""
        text = self._texts[Path(self.path)] = self.get_data(self.path)
        return self.source_to_code(text, self.path)


class Beside(MetaPathFinder):
    """Finds what is a page's own, and keeps the texts: another page may have one of the same name.

    That is what it imports from its folder, there or below, and from places that it adds to the
    search path itself. Of its folder, installed packages come first, and so does a package of a
    search path before a mere folder, as everywhere in Python; what it has added comes where it has
    added it.
    """

    def __init__(self, page: Path) -> None:
        self.texts: dict[Path, bytes] = {}  # what each file held as it was imported
        self._page, self._folder = page, page.parent
        self._names: set[str] = set()  # of the modules that were found
        self._known: set[str] = set()  # of those that were there before
        self.hidden: set[str] = set()  # of those of its own that it could not import
        self._begun: list[str] = []  # the search path before the page
        self._left: list[str] = []  # and as the page has it

    @contextmanager
    def importable(self) -> Iterator[dict[str, ModuleType]]:
        """Let a page import what is its own, and leave the program as it was; yield the modules.

        It has the search path of a worker, so that it adds the same places here and there.
        """
        invalidate_caches()
        kept, places = sys.path, [*sys.path]
        self._known, self._begun = {*sys.modules}, _absolute(workers_search_path())
        self._left = self._left or self._begun  # if there is one, that of a first attempt
        self._names.clear()
        self.texts.clear()
        own = self._tops()
        names = [name for name in sys.modules if name.partition(".")[0] in own]
        aside = {name: sys.modules.pop(name) for name in names}
        kept[:] = self._left = [*self._begun]
        before = {*sys.modules}
        sys.meta_path.insert(sys.meta_path.index(PathFinder), self)
        tell_of_files(self._keep_executed)
        own_modules: dict[str, ModuleType] = {}  # not kept here: they are the page's
        try:
            yield own_modules
        finally:
            tell_no_more(self._keep_executed)
            with suppress(ValueError):  # the page may have removed it
                sys.meta_path.remove(self)
            self._left = _absolute(sys.path)
            self.hidden = {top for top in self._tops() & before if not _is_package(top)}
            self._keep_made_by_hand(before)
            front, back = self._installed()
            sys.path, kept[:] = kept, [*front, *places, *back]
            for name in self._names & sys.modules.keys():
                own_modules[name] = sys.modules.pop(name)
            note_elsewhere(before)
            sys.modules.update(aside)

    def _tops(self) -> set[str]:
        """Return the names, at the top, of what has been imported and would be the page's own."""
        return {top for top in {name.partition(".")[0] for name in sys.modules} if self.find(top)}

    def _installed(self) -> tuple[list[str], list[str]]:
        """Return the places of installed packages that the page has added, before ours and after.

        They stay: what is installed cannot be imported twice, as a rule.
        """
        added = added_to(self._begun, self._left)
        cut = self._cut(added)
        kept = [place for place in self._left if place in added and is_installed(Path(place))]
        front = [place for place in kept if place in self._left[:cut]]
        return front, [place for place in kept if place not in front]

    def _cut(self, added: Sequence[str]) -> int:
        """Return how many places of the search path come before those that it had already."""
        return next((n for n, each in enumerate(self._left) if each not in added), len(self._left))

    def _keep_made_by_hand(self, before: set[str]) -> None:
        """Keep the texts of modules that the page has put there itself, executed from a path."""
        for name, path in self.imported():
            if name not in before | self._names and path.is_file():
                self._names.add(name)
                self.texts.setdefault(path, path.read_bytes())

    def _keep_executed(self, file: Path, by: Path) -> None:
        """Keep the text of a file that the page executes by its path, wherever that is."""
        own = self.owns(file) or not is_installed(by)
        if own and file != self._page and file.is_file():
            self.texts.setdefault(file, file.read_bytes())

    def owns(self, file: Path) -> bool:
        """Return whether a file lies beside the page, or in a place that it has added."""
        return is_in(file, self._folder) or any(map(file.is_relative_to, self._added()))

    def imported(self) -> Iterator[tuple[str, Path]]:
        """Yield the modules of the program whose files are the page's own."""
        added = self._added()
        for name, module in [*sys.modules.items()]:
            if name.startswith(PREFIX) or name.partition(".")[0] in _OTHERS:
                continue
            path = _path(getattr(module, "__file__", None) or "")
            if not path.is_absolute():  # no file, as of `torch.ops`
                continue
            beside = is_in(path, self._folder)
            if not beside and name in self._known:
                continue
            file = Path(os.path.abspath(path))
            if beside or file in self.texts or lies_at(name, file, added):
                yield name, file

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return how to load a module that is the page's own; None if it is none."""
        self._left = _absolute(sys.path)
        if path is None and name in _OTHERS:
            return PathFinder.find_spec(name, self._begun)  # whatever the page has put before it
        spec = self.find(name, path)
        if spec is None:
            return None
        self._names.add(name)
        if spec.loader is None:  # a plain list: what Python has instead follows the search path
            spec.submodule_search_locations = [*(spec.submodule_search_locations or ())]
        elif isinstance(spec.loader, SourceFileLoader):
            spec.loader = Loader(name, str(spec.origin), self.texts)
        else:  # compiled, or in an archive
            file = Path(getattr(spec.loader, "archive", None) or str(spec.origin))
            self.texts[file] = file.read_bytes()
        return spec

    def find(self, name: str, path: Sequence[str] | None = None) -> ModuleSpec | None:
        """Return where a module of the page's own is; `path` is its package's, None at the top."""
        if name.partition(".")[0] in _OTHERS:
            return None
        if path is not None:
            return PathFinder.find_spec(name, self._own_parts(name.rpartition(".")[0], path))
        added, places = self._added(), [*self._left]
        places.insert(self._cut(added), str(self._folder))  # first, as that of a script
        own = [each for each in places if each in added or self._is_beside(each)]
        spec = PathFinder.find_spec(name, own)
        if spec is None:
            return None
        other = PathFinder.find_spec(name, [each for each in places if each not in own])
        if other is not None and self.is_added(spec):
            first = PathFinder.find_spec(name, places)
            return spec if first is not None and first.origin == spec.origin else None
        return None if other is not None and _comes_first(other, spec) else spec

    def is_added(self, spec: ModuleSpec) -> bool:
        """Return whether a module is in a place that the page has added."""
        return lies_at(spec.name, Path(spec.origin or ""), self._added())

    def _own_parts(self, package: str, path: Sequence[str]) -> list[str]:
        """Return those folders of a package that are the page's own."""
        added = self._added()
        return [
            each
            for each in _absolute(path)
            if self._is_beside(each)
            or lies_at(package, Path(each, "__init__.py"), added)
            or (package in self._names and not is_installed(Path(each)))
        ]

    def _added(self) -> list[str]:
        """Return the places that the page has added to the search path, but for installed ones."""
        added = added_to(self._begun, self._left)
        return [each for each in added if not is_installed(Path(each)) or self._is_beside(each)]

    def _is_beside(self, place: str) -> bool:
        return is_in(Path(place), self._folder)


@lru_cache(maxsize=1 << 15)
def _path(file: str) -> Path:
    """Return a path; those of thousands of modules are asked for whenever a page is executed."""
    return Path(file)


def _absolute(places: Iterable[str]) -> list[str]:
    return [os.path.abspath(place) for place in places if isinstance(place, str)]


def _is_package(top: str) -> bool:
    """Return whether an imported module is an installed one."""
    return is_installed(Path(getattr(sys.modules[top], "__file__", None) or ""))


def _comes_first(other: ModuleSpec, spec: ModuleSpec) -> bool:
    """Return whether a module of another place is imported, not the one of a page's folder."""
    if spec.loader is None and other.loader is not None:
        return True
    places = other.submodule_search_locations or [str(other.origin)]
    return any(is_installed(Path(place)) for place in places)
