"""The experiments by name; only the edges, such as the command line, look them up."""

import re
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from importlib import import_module
from importlib.util import find_spec
from keyword import iskeyword
from pathlib import Path
from types import ModuleType

from experiments.harness.experiment import PREFIX, Experiment, forget_changed
from experiments.harness.pages import load_page
from experiments.harness.search_path import IMPORTED, forget_elsewhere
from frameworks.errors import RequestError, choose

__all__ = [
    *("EXPERIMENTS", "as_given", "check_page_name", "find_experiment", "find_experiments"),
    *("find_anew", "forget", "known_experiment"),
]

# The name of each experiment's page in this folder, from the threshold to attention.
EXPERIMENTS = (
    "perceptron",
    "xor",
    "circle",
    "churn",
    "mnist_perceptron",
    "mnist",
    "mnist_cnn",
    "diabetes",
    "regularisation",
    "transfer",
    "digits_autoencoder",
    "autoencoder",
    "rbm",
    "dbn",
    "gan",
    "ring_gan",
    "adding_rnn",
    "adding_lstm",
    "sorting_transformer",
)

_NAME = re.compile(r"[^\W\d]\w*(-\w+)*")  # of a user's page: a word, or several joined by hyphens
_PAGES: dict[str, Experiment] = {}  # users' pages, by name, once named by their path
_GIVEN: dict[str, str] = {}  # the paths by which they were asked for


def find_experiment(name: str) -> Experiment:
    """Return an experiment by name, or that of a user's page by its path, which ends in .py.

    A page's code is executed. RequestError if there is none, if its name is one of ours, or if it
    is none that a module and a record can have.

    >>> find_experiment("churn").spec.hidden
    (6, 6)
    """
    if not name.endswith(".py"):
        if name not in EXPERIMENTS and Path(f"{name}.py").is_file():
            raise RequestError(
                f"{name} is no experiment of the suite; for the page in this folder, say "
                f"./{name}.py"
            )
        module = f"experiments.{choose('experiment', name, EXPERIMENTS)}"
        if module in sys.modules:
            return import_module(module).EXPERIMENT  # once another thread has loaded all of it
        spec = find_spec(module)
        assert spec is not None
        return _unchanged(Path(str(spec.origin)), lambda: import_module(module).EXPERIMENT)
    path = Path(name)
    check_page_name(path)
    known = _PAGES.get(path.stem)
    if known is None or known.source != path.resolve() or not known.is_current:
        _PAGES[path.stem] = _unchanged(path, lambda: load_page(path))
    return _PAGES[path.stem]


def find_anew(name: str) -> Experiment:
    """Return an experiment as `find_experiment` does; a user's page is executed again.

    What it has kept in its module, such as a random generator, is that of an earlier training. So
    are modules from elsewhere, but for those that can be executed only once. RequestError if the
    page cannot be, which is then known as before.
    """
    known, page = _PAGES.get(Path(name).stem), sys.modules.get(PREFIX + Path(name).stem)
    elsewhere = forget(name)
    try:
        return find_experiment(name)
    except RequestError:
        sys.modules.update(elsewhere)
        if elsewhere:
            with suppress(RequestError):
                return find_experiment(name)
        if known and page:
            _PAGES[known.name], sys.modules[known.page] = known, page
        raise


def forget(name: str) -> dict[str, ModuleType]:
    """Keep no user's page of this name; it refers to itself, and stays until it is collected.

    Return the modules from elsewhere that pages have imported, which are forgotten with it.
    """
    stem = Path(name).stem
    if _PAGES.pop(stem, None):
        sys.modules.pop(PREFIX + stem, None)
        forget_changed()
    return forget_elsewhere()


def check_page_name(path: Path) -> None:
    """Raise RequestError for a name that no page of a user's own can have."""
    if not _NAME.fullmatch(path.stem):
        raise RequestError(
            f"{path}: a page is named with letters, digits and _, as my_page.py is; rename the page"
        )
    if path.stem in EXPERIMENTS:
        raise RequestError(f"{path}: {path.stem} is an experiment of the suite; rename the page")
    if iskeyword(path.stem) or path.stem in sys.stdlib_module_names | IMPORTED:
        raise RequestError(
            f"{path}: {path.stem} means something else in Python, or is a package that pages "
            "import; rename the page"
        )


def _unchanged(path: Path, load: Callable[[], Experiment]) -> Experiment:
    """Load a page and keep its texts; RequestError if another is saved just then."""
    before, experiment = _text(path), load()
    if experiment.text != before or not experiment.is_current:
        raise RequestError(f"{path}: was changed while it was loaded; repeat the command")
    return experiment


def _text(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def find_experiments(names: Iterable[str]) -> list[Experiment]:
    """Return experiments as `find_experiment` does, each once.

    RequestError for two pages of one name: their records would have one name, too.
    """
    found: dict[str, tuple[str, Experiment]] = {}
    for name in names:
        experiment = find_experiment(name)
        first, known = found.setdefault(experiment.name, (name, experiment))
        _GIVEN[experiment.name] = first
        if known is not experiment:
            raise RequestError(
                f"{first} and {name} are both named {experiment.name}, as their records would be; "
                "rename one of the pages"
            )
    return [experiment for _, experiment in found.values()]


def as_given(name: str) -> str:
    """Return what a command calls the experiment of a record: its name, or the path of its page.

    Of a page that nobody has named, it is the path that it has in its own folder.
    """
    return name if name in EXPERIMENTS else _GIVEN.get(name, f"./{name}.py")


def known_experiment(name: str) -> Experiment | None:
    """Return the experiment of a record; None if it is neither ours nor a page already named."""
    return find_experiment(name) if name in EXPERIMENTS else _PAGES.get(name)
