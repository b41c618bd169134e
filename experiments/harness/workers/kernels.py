"""By what the libraries choose kernels and threads in a process; a page may choose no others."""

import os
import sys
from dataclasses import dataclass
from functools import cache
from typing import Any

from threadpoolctl import threadpool_info

from experiments.harness.records.environment import computes, computing_variables, is_recorded
from frameworks.backends import BACKENDS
from frameworks.errors import RequestError

__all__ = ["Chosen", "chosen_here", "refuse_others", "watch_variables"]


@dataclass(frozen=True)
class Chosen:
    """What the libraries of a process compute by.

    variables : of the environment
    settings : what is set in the process, by the name of what sets it
    """

    variables: dict[str, str]
    settings: dict[str, int | bool]


def chosen_here(implementation: str) -> Chosen:
    """Return what this process, which trains an implementation, computes by; it must be loaded."""
    threads = [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]
    settings = {
        "torch.set_flush_denormal": sys.float_info.min / 2 == 0,  # of the processor: for all
        **({"threadpoolctl.threadpool_limits": max(threads)} if threads else {}),
        **BACKENDS[implementation].computes_by(),
    }
    return Chosen(computing_variables(), settings)


@cache
def watch_variables() -> set[tuple[str, str]]:
    """Return the computing variables, with values, that are set from the first call on.

    A library reads its own once, so that it counts what one was for a moment, too, and what
    `os.putenv` sets beside `os.environ`.
    """
    met = set[tuple[str, str]]()

    def note(event: str, given: tuple[Any, ...]) -> None:
        if event == "os.putenv" and computes(name := os.fsdecode(given[0])):
            met.add((name, os.fsdecode(given[1])))

    sys.addaudithook(note)
    return met


def refuse_others(page: str, begun: Chosen, now: Chosen) -> None:
    """Raise RequestError if a page has chosen how the libraries compute, as no record says."""
    said = "by which libraries choose how to compute, and its record would not say so"
    others = now.variables.items() ^ begun.variables.items()
    others |= watch_variables() - begun.variables.items()
    if others:
        name, _ = min(others)
        start = "set it where lockstep is started (threads: --threads)"
        remedy = start if is_recorded(name) else "leave it as it was"
        raise RequestError(f"{page} sets {name}, {said}; {remedy}")
    for name, value in begun.settings.items():
        if now.settings.get(name, value) != value:
            raise RequestError(
                f"{page} changes what {name} sets, {said}; leave it as it was (threads: --threads)"
            )
