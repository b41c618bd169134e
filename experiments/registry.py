"""The experiments by name; only the edges, such as the command line, look them up."""

import sys
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from experiments.harness.experiment import Experiment, load_page
from frameworks.errors import RequestError, choose

__all__ = ["EXPERIMENTS", "find_experiment", "known_experiment"]

# One line for each experiment: the name of its page in this folder.
EXPERIMENTS = (
    "perceptron",
    "xor",
    "circle",
    "churn",
    "mnist_perceptron",
    "mnist",
    "mnist_cnn",
    "diabetes",
    "digits_autoencoder",
)

_PAGES: dict[str, Experiment] = {}  # users' pages, by name, once named by their path


def find_experiment(name: str) -> Experiment:
    """Return an experiment by name, or that of a user's page by its path, which ends in .py.

    A page's code is executed. RequestError if there is none, or if its name is one of ours.

    >>> find_experiment("churn").spec.hidden
    (6, 6)
    """
    if not name.endswith(".py"):
        module = f"experiments.{choose('experiment', name, EXPERIMENTS)}"
        if module in sys.modules:
            return sys.modules[module].EXPERIMENT
        spec = find_spec(module)
        assert spec is not None
        return _unchanged(Path(str(spec.origin)), lambda: import_module(module).EXPERIMENT)
    path = Path(name)
    if path.stem in EXPERIMENTS:
        raise RequestError(f"{name}: {path.stem} is an experiment of the suite; rename the page")
    known = _PAGES.get(path.stem)
    if known is None or known.source != path.resolve() or known.text != _text(path):
        _PAGES[path.stem] = _unchanged(path, lambda: load_page(path))
    return _PAGES[path.stem]


def _unchanged(path: Path, load: Callable[[], Experiment]) -> Experiment:
    """Load a page and keep its text; RequestError if another is saved just then."""
    before, experiment = _text(path), load()
    if experiment.text != before:
        raise RequestError(f"{path}: was changed while it was loaded; repeat the command")
    return experiment


def _text(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def known_experiment(name: str) -> Experiment | None:
    """Return the experiment of a record; None if it is neither ours nor a page already named."""
    return find_experiment(name) if name in EXPERIMENTS else _PAGES.get(name)
