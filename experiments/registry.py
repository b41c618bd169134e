"""The experiments by name; only the edges, such as the command line, look them up."""

from importlib import import_module
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
        return import_module(f"experiments.{choose('experiment', name, EXPERIMENTS)}").EXPERIMENT
    path = Path(name)
    if path.stem in EXPERIMENTS:
        raise RequestError(f"{name}: {path.stem} is an experiment of the suite; rename the page")
    if path.stem not in _PAGES or _PAGES[path.stem].source != path.resolve():
        _PAGES[path.stem] = load_page(path)
    return _PAGES[path.stem]


def known_experiment(name: str) -> Experiment | None:
    """Return the experiment of a record; None if it is neither ours nor a page already named."""
    return find_experiment(name) if name in EXPERIMENTS else _PAGES.get(name)
