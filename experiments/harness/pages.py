"""A user's own page: a file that is executed, and whose last statement is an experiment."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from importlib.machinery import PathFinder
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

from experiments.harness.beside import Beside, Loader
from experiments.harness.executed import tell_no_more, tell_of_files
from experiments.harness.experiment import PREFIX, Experiment
from experiments.harness.page_code import named
from frameworks.errors import RequestError

__all__ = ["forget_late_imports", "imports_late", "load_page"]


def load_page(path: Path) -> Experiment:
    """Execute a user's own page, and return its experiment.

    While it is executed it can import what lies beside it, and what places have that it adds to
    `sys.path`, which is as before when it is loaded. RequestError names the file, and what is
    wrong with it.
    """
    if not path.is_file():
        raise RequestError(f"{path}: no such file; `lockstep list` shows the built-in experiments")
    name, file, beside = PREFIX + path.stem, str(path.resolve()), Beside(path.resolve())
    with named(f"{path} cannot be loaded", path), _LATE.silent():
        try:
            module, helpers = _execute(name, file, beside)
        except Exception:
            if not beside.hidden:
                raise
        if beside.hidden:  # by what was imported before the page said where its own lies
            module, helpers = _execute(name, file, beside)
    module.__dict__["lockstep_beside"] = beside.texts
    _LATE.watch(path.resolve(), beside)
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
    experiment.__dict__["helpers"] = helpers
    return experiment


def _execute(name: str, file: str, beside: Beside) -> tuple[ModuleType, dict[str, ModuleType]]:
    spec = spec_from_file_location(name, file, loader=Loader(name, file, {}))
    assert spec is not None
    assert spec.loader is not None
    sys.modules.pop(name, None)  # so that it is the last of them
    module = sys.modules[name] = module_from_spec(spec)
    with beside.importable() as helpers:
        spec.loader.exec_module(module)
    return module, helpers


def forget_late_imports(page: Path) -> list[Path]:
    """Take out of `sys.modules` what was imported of a page's own after it was loaded.

    Another page would find it there. Return the files, which no record knows, and those whose
    import was refused.
    """
    found = [*_LATE.own_of(page.resolve()).imported()]
    for name, _ in found:
        del sys.modules[name]
    return [path for _, path in found] + _LATE.refused.pop(page.resolve(), [])


def imports_late(page: Path, name: str) -> str:
    """Return the sentence on a module beside a page that is imported when it has been loaded."""
    return (
        f"{page} imports {name} inside a function, where no record knows it; import it at the top "
        "of the page, and there alone"
    )


class _Late(MetaPathFinder):
    """Refuses what a page's functions import of its own, for which Python has no place any more.

    The error is no ImportError: a page that has something else for that case would train it.
    """

    def __init__(self) -> None:
        self.refused: dict[Path, list[Path]] = {}  # of each page, as its code may catch anything
        self._pages: dict[Path, Beside] = {}

    def watch(self, page: Path, beside: Beside) -> None:
        """Refuse late imports of a page that has been loaded."""
        if not self._pages:
            tell_of_files(self.refuse_executed)
        self._pages[page] = beside
        if self not in sys.meta_path:
            sys.meta_path.insert(sys.meta_path.index(PathFinder), self)

    @contextmanager
    def silent(self) -> Iterator[None]:
        """Refuse nothing, as a page that is being loaded may share helpers with another."""
        watched, told = self in sys.meta_path, bool(self._pages)
        if watched:
            sys.meta_path.remove(self)
        if told:
            tell_no_more(self.refuse_executed)
        try:
            yield
        finally:
            if told:
                tell_of_files(self.refuse_executed)
            if watched:
                sys.meta_path.insert(sys.meta_path.index(PathFinder), self)

    def own_of(self, page: Path) -> Beside:
        """Return what is a page's own; of one that has not been loaded, what lies beside it."""
        return self._pages.get(page) or Beside(page)

    def refuse_executed(self, file: Path, by: Path) -> None:
        """Raise RequestError if code of a page, or of what is its own, executes a file of it."""
        for page, beside in self._pages.items():
            if (by == page or by in beside.texts) and beside.owns(file):
                self.refused.setdefault(page, []).append(file)
                raise RequestError(imports_late(page, file.name))

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> None:
        """Raise RequestError if code of a page, or of what is its own, imports more of its own.

        Beside the page, only what is found in no other place; a place that the page had added to
        the search path may have come before the others.
        """
        importer = _importer()
        for page, beside in self._pages.items():
            if importer == page or importer in beside.texts:
                spec = beside.find(name, path)
                if spec is not None and (
                    beside.is_added(spec) or PathFinder.find_spec(name, path) is None
                ):
                    self.refused.setdefault(page, []).append(Path(spec.origin or name))
                    raise RequestError(imports_late(page, name))


_LATE = _Late()


def _importer() -> Path:
    """Return the file whose code imports something just now."""
    frame = sys._getframe(2)
    while frame.f_back and "importlib" in frame.f_code.co_filename:
        frame = frame.f_back
    return Path(frame.f_code.co_filename)
