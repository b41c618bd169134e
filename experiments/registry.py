"""The experiments by name; the command line looks them up here, and nobody else does."""

from importlib import import_module
from types import ModuleType

__all__ = ["EXPERIMENTS", "page"]

# One line for each experiment: the page of that name in this folder.
EXPERIMENTS = (
    "perceptron",
    "xor",
    "circle",
    "churn",
    "mnist_perceptron",
    "mnist",
    "mnist_cnn",
)


def page(name: str) -> ModuleType:
    """Return an experiment's page; none of them loads a framework.

    >>> page("churn").SPEC.hidden
    (6, 6)
    """
    return import_module(f"experiments.{name}")
