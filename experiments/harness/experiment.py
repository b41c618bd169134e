"""An experiment: one page, and everything that the suite knows of it.

Every page ends in one `Experiment`, those in this repository and those in a user's own folder.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_file_location
from inspect import cleandoc
from pathlib import Path
from types import CodeType, ModuleType
from typing import Literal

from datasets import DataError, Dataset, Policy
from frameworks.blueprint import Blueprint
from frameworks.errors import RequestError
from frameworks.program import Builder
from frameworks.spec import Spec
from frameworks.task import CLASSIFICATION, Task

__all__ = ["Band", "Experiment", "load_page", "named"]

Band = tuple[float, float]
Load = Callable[[Policy, str | None], Dataset]

_PREFIX = "lockstep_page_"  # of the module that a user's page becomes


@dataclass(frozen=True, eq=False)
class Experiment:
    """What stands at the end of a page.

    page : the page's module, `__name__`
    data : the data in a few words
    spec : the numbers of the training
    load : loads the data, called as load(policy, data_dir)
    builders : functions named `build_` and an implementation, in the order of the page
    task : what the network is to do
    band : by the data's source, the least and the largest value of the task's headline figure that
        the whole training may come to; where there is none, no value is expected
    certified : the arithmetic that the certified losses are computed in; None: there are none
    benchmarked : `lockstep bench` times it unless others are named
    """

    page: str
    data: str
    spec: Spec
    load: Load
    builders: Sequence[Builder]
    task: Task = CLASSIFICATION
    band: dict[str, Band] = field(default_factory=dict)
    certified: Literal["mpmath", "longdouble"] | None = None
    benchmarked: bool = False

    @property
    def name(self) -> str:
        """The page's name."""
        return self.page.rpartition(".")[2].removeprefix(_PREFIX)

    @property
    def module(self) -> ModuleType:
        """The page itself."""
        return sys.modules[self.page]

    @property
    def source(self) -> Path:
        """The page's file."""
        return Path(str(self.module.__file__))

    @property
    def is_users(self) -> bool:
        """Whether it is a page from a user's own folder."""
        return self.page.startswith(_PREFIX)

    @property
    def about(self) -> str:
        """The page's docstring."""
        return cleandoc(self.module.__doc__ or "")

    @property
    def question(self) -> str:
        """What the page asks: its first line, after the name."""
        return self.about.partition("\n")[0].partition(": ")[2]

    @cached_property
    def blueprint(self) -> Blueprint:
        """What implementations train."""
        builders = {build.__name__.removeprefix("build_"): build for build in self.builders}
        return Blueprint(self.name, self.spec, builders, self.task)

    def load_data(self, policy: Policy, data_dir: str | None) -> Dataset:
        """Load the data; RequestError for what a user's own `load` raises or returns besides."""
        with named(f"load() of {self.name} failed", self.source):
            data = self.load(policy, data_dir)
        if not isinstance(data, Dataset):
            kind = type(data).__name__
            raise RequestError(f"load() of {self.name} returned {kind}, not a Dataset")
        return data

    @property
    def network(self) -> str:
        """The widths of the network, as "11-6-6-1"."""
        hidden = getattr(self.spec, "hidden", ())
        return "-".join(map(_side, (self.spec.inputs, *hidden, self.spec.outputs)))

    @cached_property
    def text(self) -> bytes:
        """What is in the page's file, read once: `find_experiment` does so as it loads the page."""
        return self.source.read_bytes()


def _side(shape: int | tuple[int, ...]) -> str:
    return str(shape) if isinstance(shape, int) else "x".join(map(str, shape))


class _Loader(SourceFileLoader):
    """Executes a page's text as it is now: bytecode of the same second may be that of another."""

    def get_code(self, fullname: str) -> CodeType:
        return self.source_to_code(self.get_data(self.path), self.path)


def load_page(path: Path) -> Experiment:
    """Execute a user's own page, and return its experiment.

    RequestError names the file, and what is wrong with it.
    """
    if not path.is_file():
        raise RequestError(f"{path}: no such file; `lockstep list` shows what needs none")
    name = _PREFIX + path.stem
    file = str(path.resolve())
    spec = spec_from_file_location(name, file, loader=_Loader(name, file))
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[name] = module_from_spec(spec)
    with named(f"{path} cannot be loaded", path):
        spec.loader.exec_module(module)
    experiment = getattr(module, "EXPERIMENT", None)
    if not isinstance(experiment, Experiment):
        raise RequestError(
            f"{path} has no EXPERIMENT = Experiment(...) at its end; see CONTRIBUTING.md"
        )
    return experiment


@contextmanager
def named(what: str, page: Path) -> Iterator[None]:
    """Raise RequestError for whatever a page's own code raises, and if it ends the program."""
    try:
        yield
    except (DataError, RequestError):
        raise
    except (Exception, SystemExit) as error:
        raise RequestError(f"{what}: {_in_one_line(error, page)}") from error


def _in_one_line(error: BaseException, path: Path) -> str:
    """Return the error with the page's line at which it was raised."""
    line, trace = getattr(error, "lineno", None), error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == str(path.resolve()):
            line = trace.tb_lineno
        trace = trace.tb_next
    message, _, _ = str(getattr(error, "msg", error)).partition("\n")  # a SyntaxError's: no place
    return f"{type(error).__name__}: {message}" + (f" (line {line})" if line else "")
