"""The experiment that is meant: one of ours by its name, or a user's own page by its path."""

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

from experiments.harness.errors import RequestError, choose
from experiments.harness.implementations import IMPLEMENTATIONS
from experiments.registry import EXPERIMENTS, page
from frameworks import Spec

__all__ = ["PREFIX", "find_page"]

PREFIX = "lockstep_page_"  # of the module that a user's page becomes


def find_page(experiment: str, implementations: tuple[str, str], dtype: str) -> ModuleType:
    """Return the page, with a builder for each of the implementations, which can be one twice.

    A path (it ends in .py) is loaded as a program of the user's own: its code is executed.
    Raises RequestError that names what is missing.
    """
    if experiment.endswith(".py"):
        found = _load(Path(experiment))
    else:
        found = page(choose("experiment", experiment, EXPERIMENTS))
    for name in implementations:
        implementation = IMPLEMENTATIONS[choose("implementation", name, IMPLEMENTATIONS)]
        if not callable(getattr(found, f"build_{name}", None)):
            raise RequestError(
                f"{experiment} has no build_{name}(spec=SPEC); there are: {_builders(found)}"
            )
        if dtype not in implementation.dtypes:
            raise RequestError(f"{name} computes in {' and '.join(implementation.dtypes)} only")
        if missing := implementation.missing():
            raise RequestError(missing)
    return found


def _builders(found: ModuleType) -> str:
    names = [f"build_{name}" for name in IMPLEMENTATIONS if hasattr(found, f"build_{name}")]
    return ", ".join(names) or "none"


def _load(path: Path) -> ModuleType:
    """Execute a page, and check that it is one."""
    if not path.is_file():
        raise RequestError(
            f"{path}: no such file; name a page, or one of: {', '.join(EXPERIMENTS)}"
        )
    name = PREFIX + path.stem
    spec = spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    found = sys.modules[name] = module_from_spec(spec)
    try:
        spec.loader.exec_module(found)
    except Exception as error:  # whatever the user's own code raises
        raise RequestError(f"{path} cannot be loaded: {_in_one_line(error, path)}") from error
    if not isinstance(getattr(found, "SPEC", None), Spec):
        raise RequestError(f"{path} has no SPEC; write SPEC = Spec(...), from frameworks")
    if not callable(getattr(found, "load", None)):
        raise RequestError(
            f"{path} has no load(policy, data_dir) that returns a Dataset; see CONTRIBUTING.md"
        )
    return found


def _in_one_line(error: Exception, path: Path) -> str:
    """Return the error with the page's line at which it was raised."""
    line, trace = getattr(error, "lineno", None), error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == str(path):
            line = trace.tb_lineno
        trace = trace.tb_next
    where = f" (line {line})" if line else ""
    return f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}{where}"
