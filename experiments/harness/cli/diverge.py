"""``lockstep diverge``: where two implementations first part."""

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from datasets import Policy

if TYPE_CHECKING:
    from frameworks.diverge.walk import Walk

__all__ = ["diverge_command"]


def diverge_command(
    experiment: Annotated[
        str,
        typer.Argument(
            metavar="EXPERIMENT",
            help="A name, or the path of a page of your own (my_page.py), whose code is executed.",
        ),
    ],
    between: Annotated[
        str, typer.Option(metavar="A,B", help="Two implementations.")
    ] = "scratch,pytorch",
    dtype: Annotated[Literal["float64", "float32"], typer.Option()] = "float64",
    seed: Annotated[int, typer.Option(min=0)] = 0,
    epochs: Annotated[int | None, typer.Option(min=1, help="Instead of its own.")] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Train so many steps only.")] = None,
    single_step: Annotated[
        bool, typer.Option("--single-step", help="Start A from B's weights at every step.")
    ] = False,
    floor: Annotated[
        int, typer.Option(min=0, help="Nudged trainings that judge float32; 0: do not judge.")
    ] = 5,
    limit: Annotated[int | None, typer.Option(min=1, help="Train on the first N rows.")] = None,
    data: Annotated[Policy, typer.Option(help="As for `lockstep run`.")] = "auto",
    data_dir: Annotated[
        str | None, typer.Option(metavar="DIR", help="Default: the variable LOCKSTEP_DATA.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead.")] = False,
) -> None:
    """Compare level by level, and name the first that parts: where, by how much, likely why.

    The levels: inputs, forward, loss, gradient, step, trajectory, result. Exit code 1: they part.
    In float32 scratch is trained --floor times more: its distances from itself are the limit of
    the last two levels.

    For example:

    lockstep diverge churn --between scratch,pytorch --data stand-in --epochs 5

    lockstep diverge mnist --between keras,pytorch --dtype float32 --steps 100 --single-step

    lockstep diverge ./my_experiment.py --between scratch,keras
    """
    training, source = (dtype, seed, epochs, limit), (data, data_dir)
    with _threads_and_progress() as report:
        from experiments.harness.cli.diverge_request import prepare
        from frameworks.agreement.noise_floor import check_floor
        from frameworks.diverge.walk import walk

        check_floor(floor)
        sides = prepare(experiment, between, training, steps, source)
        if "keras" in between:
            _load_quietly()
        found = walk(*sides, steps, single_step, report, floor)
    raise typer.Exit(_print(found, as_json))


def _print(found: "Walk", as_json: bool) -> int:
    """Print what was found; return the exit code."""
    from rich.console import Console

    from frameworks.diverge import show

    if as_json:
        print(json.dumps(show.as_json(found), indent=2))
    else:
        show.show(Console(highlight=False, soft_wrap=False), found)
    return 1 if show.parts(found) else 0


@contextmanager
def _threads_and_progress() -> Iterator[Callable[[str, int, int], None]]:
    """Give every library one thread, those that are loaded from here on and those that are."""
    from threadpoolctl import threadpool_limits

    from experiments.harness.records.environment import thread_variables

    quiet = {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "2"}
    os.environ.update(thread_variables(1) | quiet)
    with threadpool_limits(1), _progress() as report:
        yield report


@contextmanager
def _progress() -> Iterator[Callable[[str, int, int], None]]:
    """Show what is being done on a terminal, and nothing elsewhere."""
    if not sys.stderr.isatty():
        yield lambda what, done, total: None
        return
    from rich.console import Console

    with Console(stderr=True).status("loading") as status:
        yield lambda what, done, total: status.update(f"{what} {done}/{total}")


def _load_quietly() -> None:
    """Load TensorFlow and take its first step, without the notices that no setting turns off."""
    kept = os.dup(sys.stderr.fileno())
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), sys.stderr.fileno())
    try:
        import tensorflow

        tensorflow.zeros(1)
    finally:
        os.dup2(kept, sys.stderr.fileno())
        os.close(kept)
