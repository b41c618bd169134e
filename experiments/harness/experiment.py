"""An experiment: one page, and everything that the suite knows of it.

Every page ends in one `Experiment`, those in this repository and those in a user's own folder.
"""

import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from inspect import cleandoc
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

from datasets import DataError, Dataset, Policy, Sequences
from experiments.harness.page_checks import check_experiment
from experiments.harness.page_code import among_modules, contained, finding, named
from experiments.harness.phases import Before, How, Phase, Stage
from experiments.harness.search_path import no_place_left
from frameworks.blueprint import Blueprint
from frameworks.draws import Draws
from frameworks.errors import RequestError, first_line
from frameworks.program import ProgramBuilder, name_of, with_spec
from frameworks.spec import Shape, Spec, as_shape, outputs_for
from frameworks.spec_values import Setting, label_of
from frameworks.task import CLASSIFICATION, Task

__all__ = ["PREFIX", "Band", "Experiment", "forget_changed", "widths"]

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
    certified_epochs : by the data's source, how many of the first epochs are certified where all
        would take too long
    benchmarked : `lockstep bench` times it unless others are named
    long : `lockstep run` trains it only if it is named, or with --all
    phases : the trainings of which it consists, where it is not just one; `epochs` of the spec are
        those of the longest
    """

    page: str
    data: str
    spec: Spec
    load: Load
    builders: Sequence[ProgramBuilder]
    task: Task = CLASSIFICATION
    band: dict[str, Band] = field(default_factory=dict)
    certified: Literal["mpmath", "longdouble"] | None = None
    certified_epochs: dict[str, int] = field(default_factory=dict)
    benchmarked: bool = False
    long: bool = False
    phases: Sequence[Phase] = ()

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

    @cached_property
    def beside(self) -> dict[Path, bytes]:
        """What is in the files that a page imports from its own folder; of ours, other pages.

        Of a user's page it is what was in them as they were imported.
        """
        page = self.module
        if self.is_users:
            return page.__dict__.get("lockstep_beside", {})
        used = {getattr(each, "__module__", None) or "" for each in vars(page).values()}
        pages = (name for name in used if name.rpartition(".")[0] == page.__package__)
        files = [Path(str(sys.modules[name].__file__)) for name in {*pages} - {self.page}]
        return {file: file.read_bytes() for file in files}

    @property
    def is_users(self) -> bool:
        """Whether it is a page from a user's own folder."""
        return self.page.startswith(PREFIX)

    @property
    def is_fresh(self) -> bool:
        """Whether a user's page was executed last of all, and nothing was asked of it since."""
        latest = next((n for n in reversed(sys.modules) if n.startswith(PREFIX)), "")
        return latest == self.page and "lockstep_asked" not in vars(self.module)

    def note_asked(self) -> None:
        """Say that a user's page is fresh no more: one of its functions is called."""
        if self.is_users:
            vars(self.module)["lockstep_asked"] = True

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
        builders = {
            name_of(build).removeprefix("build_"): finding(self.helpers, build)
            for build in self.builders
        }
        return Blueprint(self.name, self.spec, builders, self.task)

    @cached_property
    def helpers(self) -> dict[str, ModuleType]:
        """The modules that a user's page has imported from beside it, as it was executed."""
        return {}

    def load_data(self, policy: Policy, data_dir: str | None) -> Dataset:
        """Load the data; RequestError for what a user's own `load` raises or returns besides.

        A user's page that is not fresh is executed anew, if it can be: as in a worker.
        """
        anew = self._anew() if self.is_users and not self.is_fresh else None
        return (anew or self)._load(policy, data_dir)

    def _load(self, policy: Policy, data_dir: str | None) -> Dataset:
        failed = f"load() of {self.name} failed"
        self.note_asked()
        try:
            with named(failed, self.source), no_place_left(), among_modules(self.helpers):
                data = self.load(policy, data_dir)
        except DataError as error:
            if self.is_users:
                raise DataError(f"{failed}: {error}") from error
            raise
        if not isinstance(data, Dataset):
            kind = type(data).__name__
            raise RequestError(f"load() of {self.name} returned {kind}, not a Dataset")
        return data

    def _anew(self) -> "Experiment | None":
        """Execute a user's page once more; None if it cannot be, or is another one by now."""
        from experiments.registry import find_anew  # it loads pages, and so experiments

        with suppress(RequestError):
            return find_anew(str(self.source)) if self.is_current else None
        return None

    def spec_for(self, data: Dataset, spec: Spec | None = None, task: Task | None = None) -> Spec:
        """Return the numbers of a training on these data; `spec` and `task` are those of a phase.

        Inputs and outputs are those of the data, as estimators set them; a page may leave them out.
        """
        spec, task = spec or self.spec, task or self.task
        if task.has_answers:
            outputs: Shape = outputs_for(len(data.class_names), spec.outputs)
        elif isinstance(data.targets, Sequences):
            outputs = (data.X_train.shape[1], len(data.targets.tokens))
        elif not task.has_targets:
            outputs = spec.outputs
        else:
            outputs = as_shape(data.y_train.shape[1:])
        return replace(spec, inputs=as_shape(data.X_train.shape[1:]), outputs=outputs)

    def blueprint_for(self, data: Dataset) -> Blueprint:
        """Return what implementations train on these data."""
        return replace(self.blueprint, spec=self.spec_for(data))

    @property
    def all_phases(self) -> Sequence[Phase]:
        """Its phases: at least one."""
        return self.phases or (Phase(self.name, self.spec),)

    def begun_on(self, data: Dataset) -> Dataset:
        """Return the rows of the first phase, which the benchmark times."""
        return self._rows_of(self.all_phases[0], data, {})

    def tested_on(self, data: Dataset) -> Dataset:
        """Return the rows of the last phase, which the outputs and answers of a record belong to.

        Where they follow from an earlier phase's training, the experiment's own are returned.
        """
        try:
            return self._rows_of(self.all_phases[-1], data, {})
        except KeyError:
            return data

    def _rows_of(self, phase: Phase, data: Dataset, before: Before) -> Dataset:
        """Return a phase's data; a user's page may write into its rows, unseen by the next seed."""
        if self.is_users and self.phases:
            names = ("X_train", "y_train", "X_test", "y_test")
            data = replace(data, **{name: getattr(data, name).copy() for name in names})
        with contained(), among_modules(self.helpers):
            return phase.data(data, before)

    def stage(self, phase: Phase, data: Dataset, before: Before, how: How) -> Stage:
        """Return a phase, ready to be trained; `before` holds the estimators of those before it."""
        own = self._rows_of(phase, data, before)
        task, seed, weights = phase.task or self.task, phase.seed(how.seed), None
        spec = self.spec_for(own, phase.spec, task)
        if phase.weights is not None:
            weights = finding(self.helpers, phase.weights)(spec, Draws(seed).weights, before)
        builders = self.blueprint.builders
        if phase.spec != self.spec:
            builders = {name: with_spec(build, phase.spec) for name, build in builders.items()}
        name = f"{self.name}, {phase.name}" if self.phases else self.name
        blueprint = Blueprint(name, spec, builders, task)
        epochs = phase.epochs(how.epochs, self.spec.epochs)
        return Stage(phase, blueprint, own, epochs, seed, how.limit, weights)

    def changed(self, setting: Setting) -> "Experiment":
        """Return the experiment with other numbers; RequestError if it cannot have them.

        Where one of them is not the page's own, nothing published holds: there is no band.
        """
        return _changed(self, setting) if setting else self

    @cached_property
    def text(self) -> bytes:
        """What is in the page's file, read once: `find_experiment` does so as it loads the page."""
        return self.source.read_bytes()

    @property
    def is_current(self) -> bool:
        """Whether its files hold what they held when it was loaded."""
        files = {self.source: self.text, **self.beside}
        return all(path.is_file() and path.read_bytes() == text for path, text in files.items())


@lru_cache(maxsize=128)  # a worker asks for the same one several times a training
def _changed(experiment: Experiment, setting: Setting) -> Experiment:
    try:
        spec = replace(experiment.spec, **dict(setting))
        builders = tuple(with_spec(build, spec) for build in experiment.builders)
        band = experiment.band if spec == experiment.spec else {}
        only = len(experiment.phases) == 1
        phases = [_changed_phase(p, experiment.spec, setting, only) for p in experiment.phases]
        changed = replace(experiment, spec=spec, builders=builders, band=band, phases=phases)
    except (TypeError, ValueError) as error:
        what = f"{experiment.name} with {label_of(setting)}"
        raise RequestError(f"{what}: {first_line(error)}") from error
    # What was executed, not what is there now.
    executed = {"text": experiment.text, "beside": experiment.beside}
    changed.__dict__.update(executed, helpers=experiment.helpers)
    return changed


forget_changed = _changed.cache_clear


def _changed_phase(phase: Phase, spec: Spec, setting: Setting, only: bool) -> Phase:
    """Return a phase with other numbers; its spec may be of a class that lacks some of them.

    ValueError for a number in which one of several phases differs from the experiment: to set it
    there would undo what the phase is for, and not to set it would be another training than asked.
    """
    shared = {
        name: value
        for name, value in setting
        if hasattr(phase.spec, name) and (only or value != getattr(spec, name))
    }
    for name, value in shared.items():
        own = getattr(phase.spec, name)
        if not only and own not in (value, getattr(spec, name)):
            raise ValueError(f"phase {phase.name!r} has {name} {own!r} of its own: change it there")
    return replace(phase, spec=replace(phase.spec, **shared))


def widths(spec: Any) -> str:
    """Return the widths of the network of a spec, a page's or a record's, as "11-6-6-1"."""
    hidden = getattr(spec, "hidden", ())
    layers = hidden if isinstance(hidden, tuple | list) else (hidden,)
    return "-".join(map(_side, (spec.inputs, *layers, spec.outputs)))


def _side(shape: Any) -> str:
    return "x".join(map(_side, shape)) if isinstance(shape, tuple | list) else str(shape)
