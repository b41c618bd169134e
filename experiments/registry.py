"""The experiments by name; the command line looks them up here, and nobody else does."""

import re
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path

from experiments.harness.experiment import Experiment
from experiments.harness.pages import load_page
from frameworks.errors import RequestError, choose

__all__ = ["EXPERIMENTS", "find_experiment", "find_experiments", "known_experiment"]

# One line for each experiment: the page of that name in this folder.
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

_NAME = re.compile(r"[^\W\d]\w*(-\w+)*")  # of a user's page: a word, or several joined by hyphens
_PAGES: dict[str, Experiment] = {}  # users' own, by name, once they have been named by their path


def find_experiment(name: str) -> Experiment:
    """Return an experiment by its name, or that of a user's page by its path, which ends in .py.

    A page's code is executed. RequestError if there is none, if its name is one of ours, or if it
    is none that a module and a record can have.

    >>> find_experiment("churn").spec.hidden
    (6, 6)
    """
    if not name.endswith(".py"):
        return import_module(f"experiments.{choose('experiment', name, EXPERIMENTS)}").EXPERIMENT
    path = Path(name)
    if not _NAME.fullmatch(path.stem):
        raise RequestError(
            f"{name}: a page is named with letters, digits and _, as my_page.py is; rename the page"
        )
    if path.stem in EXPERIMENTS:
        raise RequestError(f"{name}: {path.stem} is an experiment of the suite; rename the page")
    if path.stem not in _PAGES or _PAGES[path.stem].source != path.resolve():
        _PAGES[path.stem] = load_page(path)
    return _PAGES[path.stem]


def find_experiments(names: Iterable[str]) -> list[Experiment]:
    """Return experiments as `find_experiment` does, each once.

    RequestError for two pages of one name: their records would have one name, too.
    """
    found: dict[str, tuple[str, Experiment]] = {}
    for name in names:
        experiment = find_experiment(name)
        first, known = found.setdefault(experiment.name, (name, experiment))
        if known is not experiment:
            raise RequestError(
                f"{first} and {name} have one name, {experiment.name}, and so would their records; "
                "rename one of the pages"
            )
    return [experiment for _, experiment in found.values()]


def known_experiment(name: str) -> Experiment | None:
    """Return the experiment of a record; None if it is not ours, and its page was not named."""
    return find_experiment(name) if name in EXPERIMENTS else _PAGES.get(name)
