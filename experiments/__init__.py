"""The experiments, one page each, and their interface for notebooks.

>>> from experiments import compare, load_run, run
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from experiments.harness.api import Comparison, RequestError, Run, compare, load_run, run

__all__ = ["Comparison", "RequestError", "Run", "compare", "load_run", "run"]


def __getattr__(name: str) -> Any:
    """Load these on first access: the command line does not need pandas."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from experiments.harness import api

    return getattr(api, name)
