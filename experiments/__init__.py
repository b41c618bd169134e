"""The experiments, a page each; and what a notebook does with them.

>>> from experiments import compare, load_run, run
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from experiments.harness.api import Comparison, RequestError, Run, compare, load_run, run

__all__ = ["Comparison", "RequestError", "Run", "compare", "load_run", "run"]


def __getattr__(name: str) -> Any:
    """Load these when they are first asked for: the command line does without pandas."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from experiments.harness import api

    return getattr(api, name)
