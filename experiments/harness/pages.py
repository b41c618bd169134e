"""A user's own page: a file that is executed, and whose last statement is an experiment."""

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib import invalidate_caches
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import CodeType, ModuleType

from experiments.harness.experiment import PREFIX, Experiment
from experiments.harness.page_code import named
from frameworks.errors import RequestError

__all__ = ["forget_late_imports", "lies_beside", "load_page"]

# What no file beside a page replaces: Python's own modules, the program, and the suite.
_OTHERS = sys.stdlib_module_names | frozenset(
    "__main__ datasets experiments frameworks lockstep scratch".split()
)


class _Loader(SourceFileLoader):
    """Executes a file's text as it is now, and keeps it: bytecode may be that of another text."""

    def __init__(self, name: str, file: str, texts: dict[Path, bytes]) -> None:
        super().__init__(name, file)
        self._texts = texts

    def get_code(self, fullname: str) -> CodeType:
        text = self._texts[Path(self.path)] = self.get_data(self.path)
        return self.source_to_code(text, self.path)


def load_page(path: Path) -> Experiment:
    """Execute a user's own page, and return its experiment.

    While it is executed it can import what lies beside it. RequestError names the file, and what is
    wrong with it.
    """
    if not path.is_file():
        raise RequestError(f"{path}: no such file; `lockstep list` shows the built-in experiments")
    name = PREFIX + path.stem
    file = str(path.resolve())
    spec = spec_from_file_location(name, file, loader=_Loader(name, file, {}))
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[name] = module_from_spec(spec)
    beside = _Beside(path.resolve().parent)
    with named(f"{path} cannot be loaded", path), beside.importable():
        spec.loader.exec_module(module)
    module.__dict__["lockstep_beside"] = beside.texts
    module.__file__, sys.modules[name] = file, module  # also where the page has removed them
    experiment = getattr(module, "EXPERIMENT", None)
    if not isinstance(experiment, Experiment):
        raise RequestError(
            f"{path} has no EXPERIMENT = Experiment(...) at its end; see CONTRIBUTING.md"
        )
    if experiment.page != name:
        raise RequestError(
            f"{path}: its EXPERIMENT is of the page {experiment.page!r}; write page=__name__"
        )
    return experiment


def forget_late_imports(page: Path) -> list[Path]:
    """Take out of `sys.modules` what was imported from beside a page after it was loaded.

    Another page would find it there. Return the files, which no record knows.
    """
    found = [*_modules_in(page.resolve().parent)]
    for name, _ in found:
        del sys.modules[name]
    return [path for _, path in found]


def lies_beside(name: str, page: Path) -> bool:
    """Return whether a page would find a module of this name in its folder as it is loaded."""
    return _Beside(page.resolve().parent).has(name)


def _modules_in(folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield the modules whose files are in a folder or below it, but for installed ones."""
    for name, module in [*sys.modules.items()]:
        if name.startswith(PREFIX) or name.partition(".")[0] in _OTHERS:
            continue
        path = Path(getattr(module, "__file__", None) or "")  # relative: no file, as of `torch.ops`
        if path.is_relative_to(folder) and not _is_installed(path.relative_to(folder)):
            yield name, path


class _Beside(MetaPathFinder):
    """Finds what a page imports from its folder, there or below, and keeps the texts.

    It is the page's alone: another page, or the same one after an edit, may find another of the
    same name. Installed packages come first, and so does a package of a search path before a mere
    folder, as everywhere in Python.
    """

    def __init__(self, folder: Path) -> None:
        self.texts: dict[Path, bytes] = {}  # what each file held as it was imported
        self._folder = folder
        self._names: set[str] = set()  # of the modules that were found

    @contextmanager
    def importable(self) -> Iterator[None]:
        """Let a page import modules of its folder, and leave the program's modules as they were."""
        invalidate_caches()
        tops = {name.partition(".")[0] for name in sys.modules}
        own = {top for top in tops if self._search(top)}
        names = [name for name in sys.modules if name.partition(".")[0] in own]
        aside = {name: sys.modules.pop(name) for name in names}
        before, places = {*sys.modules}, [*sys.path]
        sys.meta_path.insert(sys.meta_path.index(PathFinder), self)
        try:
            yield
        finally:
            with suppress(ValueError):  # the page may have removed it
                sys.meta_path.remove(self)
            self._keep_made_by_hand(before)
            added = {*self._inside(sys.path)} - {*places}  # where another page would look, too
            sys.path[:] = [place for place in sys.path if place not in added]
            for name in self._names:
                sys.modules.pop(name, None)
            sys.modules.update(aside)

    def _keep_made_by_hand(self, before: set[str]) -> None:
        """Keep the texts of modules that the page has put there itself, executed from a path."""
        for name, path in _modules_in(self._folder):
            if name not in before | self._names and path.is_file():
                self._names.add(name)
                self.texts.setdefault(path, path.read_bytes())

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return how to load a module of the folder; None if it is none."""
        spec = self._search(name, path)
        if spec is None:
            return None
        self._names.add(name)
        if spec.loader is None:  # a plain list: what Python has instead follows the search path
            spec.submodule_search_locations = [*(spec.submodule_search_locations or ())]
        elif isinstance(spec.loader, SourceFileLoader):
            spec.loader = _Loader(name, str(spec.origin), self.texts)
        else:  # compiled
            self.texts[Path(str(spec.origin))] = Path(str(spec.origin)).read_bytes()
        return spec

    def has(self, name: str) -> bool:
        """Return whether a module of this name is imported from the folder."""
        return self._search(name.partition(".")[0]) is not None

    def _search(self, name: str, path: Sequence[str] | None = None) -> ModuleSpec | None:
        """Find a module of the folder; `path` is that of its package, None at the top."""
        if name.partition(".")[0] in _OTHERS:
            return None
        if path is not None:
            return PathFinder.find_spec(name, self._inside(path))
        inside = self._inside(sys.path)
        spec = PathFinder.find_spec(name, [str(self._folder), *inside])
        if spec is None:
            return None
        other = PathFinder.find_spec(name, [each for each in sys.path if each not in inside])
        return None if other is not None and _comes_first(other, spec) else spec

    def _inside(self, places: Iterable[str]) -> list[str]:
        """Return those places that are the folder or in it, but for an environment's packages."""
        paths = {place: Path(os.path.abspath(place)) for place in places if isinstance(place, str)}
        return [
            place
            for place, path in paths.items()
            if path.is_relative_to(self._folder)
            and not _is_installed(path.relative_to(self._folder))
        ]


def _comes_first(other: ModuleSpec, spec: ModuleSpec) -> bool:
    """Return whether a module of another place is imported, not the one of a page's folder."""
    if spec.loader is None and other.loader is not None:
        return True
    places = other.submodule_search_locations or [str(other.origin)]
    return any(_is_installed(Path(place)) for place in places)


def _is_installed(path: Path) -> bool:
    return not {"site-packages", "dist-packages"}.isdisjoint(path.parts)
