"""A user's own page: a file that is executed, and whose last statement is an experiment."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import CodeType, ModuleType

from experiments.harness.experiment import PREFIX, Experiment
from experiments.harness.page_code import named
from frameworks.errors import RequestError

__all__ = ["load_page"]


class _Loader(SourceFileLoader):
    """Executes a page's text as it is now: bytecode of the same second may be that of another."""

    def get_code(self, fullname: str) -> CodeType:
        return self.source_to_code(self.get_data(self.path), self.path)


def load_page(path: Path) -> Experiment:
    """Execute a user's own page, and return its experiment.

    While it is executed it can import what lies beside it. RequestError names the file, and what is
    wrong with it.
    """
    if not path.is_file():
        raise RequestError(f"{path}: no such file; `lockstep list` shows the built-in experiments")
    name = PREFIX + path.stem
    file = str(path.resolve())
    spec = spec_from_file_location(name, file, loader=_Loader(name, file))
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[name] = module_from_spec(spec)
    with named(f"{path} cannot be loaded", path), _beside(path.resolve().parent, module):
        spec.loader.exec_module(module)
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


@contextmanager
def _beside(folder: Path, page: ModuleType) -> Iterator[None]:
    """Let the page import modules of its folder, and note their files.

    They are the page's alone: another page may have others of the same name.
    """
    before = set(sys.modules)
    sys.path.append(str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        new = [name for name in sys.modules if name.partition(".")[0] not in before]
        files = {name: getattr(sys.modules[name], "__file__", None) for name in new}
        own = {name: Path(file) for name, file in files.items() if file and _is_in(file, folder)}
        page.__dict__["lockstep_beside"] = tuple(sorted(own.values()))
        for name in own:
            del sys.modules[name]


def _is_in(file: str, folder: Path) -> bool:
    """Return whether a module's file is of the folder itself, not of an environment inside it."""
    path = Path(file)
    return path.is_relative_to(folder) and "site-packages" not in path.parts
