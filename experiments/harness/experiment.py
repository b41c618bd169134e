"""An experiment: one page, and everything that the suite knows of it.

Every page ends in one `Experiment`, those in this repository and those in a user's own folder.
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from inspect import cleandoc
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

from datasets import DataError, Dataset, Policy
from experiments.harness.page_checks import check_experiment
from experiments.harness.page_code import named
from frameworks.blueprint import Blueprint
from frameworks.errors import RequestError, first_line
from frameworks.program import Builder, name_of
from frameworks.spec import Shape, Spec, as_shape, outputs_for
from frameworks.spec_values import Setting, label_of
from frameworks.task import CLASSIFICATION, Task

__all__ = ["PREFIX", "Band", "Experiment", "widths"]

Band = tuple[float, float]
Load = Callable[[Policy, str | None], Dataset]

PREFIX = "lockstep_page_"  # of the module that a user's page becomes


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
    long : `lockstep run` trains it only if it is named, or with --all
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
    long: bool = False

    def __post_init__(self) -> None:
        check_experiment(self)

    @property
    def name(self) -> str:
        """The page's name."""
        return self.page.rpartition(".")[2].removeprefix(PREFIX)

    @property
    def module(self) -> ModuleType:
        """The page itself."""
        return sys.modules[self.page]

    @property
    def source(self) -> Path:
        """The page's file."""
        return Path(str(self.module.__file__))

    @property
    def beside(self) -> tuple[Path, ...]:
        """The files that a user's page imports from its own folder."""
        return self.module.__dict__.get("lockstep_beside", ())

    @property
    def is_users(self) -> bool:
        """Whether it is a page from a user's own folder."""
        return self.page.startswith(PREFIX)

    @property
    def about(self) -> str:
        """The page's docstring."""
        about = self.module.__doc__
        return cleandoc(about) if isinstance(about, str) else ""

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
        failed = f"load() of {self.name} failed"
        try:
            with named(failed, self.source):
                data = self.load(policy, data_dir)
        except DataError as error:
            if self.is_users:
                raise DataError(f"{failed}: {error}") from error
            raise
        if not isinstance(data, Dataset):
            kind = type(data).__name__
            raise RequestError(f"load() of {self.name} returned {kind}, not a Dataset")
        return data

    def spec_for(self, data: Dataset) -> Spec:
        """Return the numbers of a training on these data.

        Inputs and outputs are those of the data, as estimators set them; a page may leave them out.
        """
        if self.task.has_answers:
            outputs: Shape = outputs_for(len(data.class_names), self.spec.outputs)
        else:
            outputs = as_shape(data.y_train.shape[1:])
        return replace(self.spec, inputs=as_shape(data.X_train.shape[1:]), outputs=outputs)

    def blueprint_for(self, data: Dataset) -> Blueprint:
        """Return what implementations train on these data."""
        return replace(self.blueprint, spec=self.spec_for(data))

    def changed(self, setting: Setting) -> "Experiment":
        """Return the experiment with other numbers; RequestError if it cannot have them.

        Where one of them is not the page's own, nothing published holds: there is no band.
        """
        return _changed(self, setting) if setting else self

    @cached_property
    def text(self) -> bytes:
        """What is in the page's file, read once: `find_experiment` does so as it loads the page."""
        return self.source.read_bytes()


@lru_cache(maxsize=128)  # a worker asks for the same one several times a training
def _changed(experiment: Experiment, setting: Setting) -> Experiment:
    try:
        spec = replace(experiment.spec, **dict(setting))
        builders = tuple(_with_spec(build, spec) for build in experiment.builders)
        band = experiment.band if spec == experiment.spec else {}
        changed = replace(experiment, spec=spec, builders=builders, band=band)
    except (TypeError, ValueError) as error:
        what = f"{experiment.name} with {label_of(setting)}"
        raise RequestError(f"{what}: {first_line(error)}") from error
    changed.__dict__["text"] = experiment.text  # what was executed, not what is there now
    return changed


def _with_spec(build: Builder, spec: Spec) -> Builder:
    """Return a builder with another spec by default."""

    def given(spec: Spec = spec) -> Any:
        return build(spec=spec)

    given.__name__ = name_of(build)
    return given


def widths(spec: Any) -> str:
    """Return the widths of the network of a spec, a page's or a record's, as "11-6-6-1"."""
    hidden = getattr(spec, "hidden", ())
    layers = hidden if isinstance(hidden, tuple | list) else (hidden,)
    return "-".join(map(_side, (spec.inputs, *layers, spec.outputs)))


def _side(shape: Any) -> str:
    return "x".join(map(_side, shape)) if isinstance(shape, tuple | list) else str(shape)
