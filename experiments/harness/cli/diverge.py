"""``lockstep diverge``: where two implementations, or two recordings, first differ."""

from typing import Annotated

import typer

from experiments.harness.cli.options import (
    AsJson,
    Data,
    DataDir,
    Dtype,
    Epochs,
    Floor,
    Junit,
    Limit,
    Set,
)
from experiments.harness.cli.page_divergence import Found, compare_page, outcome_of
from experiments.harness.interruption import time_limit
from experiments.harness.outcomes.announcing import announcing
from frameworks.agreement.noise_floor import TRAININGS
from frameworks.errors import RequestError

__all__ = ["diverge_command"]


def diverge_command(
    context: typer.Context,
    what: Annotated[
        str,
        typer.Argument(
            metavar="EXPERIMENT|BEFORE.trace",
            help="A name, or the path of a page of your own (my_page.py), whose code is executed; "
            "or a recording.",
        ),
    ],
    after: Annotated[
        str | None, typer.Argument(metavar="AFTER.trace", help="A second recording.")
    ] = None,
    between: Annotated[
        str, typer.Option(metavar="A,B", help="Two implementations.")
    ] = "scratch,pytorch",
    dtype: Dtype = "float64",
    seed: Annotated[int, typer.Option(min=0)] = 0,
    settings: Set = None,
    epochs: Epochs = None,
    steps: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Train for N steps.")
    ] = None,
    single_step: Annotated[
        bool, typer.Option("--single-step", help="Start A from B's weights at every step.")
    ] = False,
    explain_all: Annotated[
        bool,
        typer.Option("--explain-all", help="Apply each proven cause's remedy to B, and go on."),
    ] = False,
    floor: Floor = TRAININGS,
    limit: Limit = None,
    data: Data = "auto",
    data_dir: DataDir = None,
    timeout: Annotated[
        float,
        typer.Option(
            min=1,
            metavar="SECONDS",
            help="Stop if no level, epoch or step finishes within this time; with --explain-all, "
            "if the whole comparison does not.",
        ),
    ] = 3_600,
    as_json: AsJson = False,
    junit: Junit = None,
) -> None:
    """Compare two trainings level by level: where they first differ, by how much, and likely why.

    The levels: inputs, forward, loss, gradient, step, trajectory, result. Exit code 1: they differ.
    In float32, and in float64 where a training exceeds the fixed limits, scratch is trained --floor
    more times: how far it comes from itself is the limit of the last two levels. Two recordings of
    models of your own (docs/recordings.md) take no options but --json and --junit.

    The phases of an experiment that has several are compared one after the other.

    With --explain-all the page's networks are compared as models of your own are, step by step
    (docs/your-own-models.md): the settings that differ, every proven cause, and its share of the
    difference between the final losses. --steps is 200 then, unless given.

    For example:

    lockstep diverge churn --between scratch,pytorch --data stand-in --epochs 5

    lockstep diverge mnist --between keras,pytorch --dtype float32 --steps 100 --single-step

    lockstep diverge ./my_experiment.py --between scratch,keras

    lockstep diverge ./my_experiment.py --between keras,pytorch --explain-all

    lockstep diverge before.trace after.trace
    """
    with announcing("lockstep diverge", junit, as_json) as announcer:
        if after is not None or what.endswith(".trace"):
            found = _compare_recordings(context, what, after, as_json)
        else:
            with time_limit(timeout) as heard:  # a user's page, and its builders, may loop
                found = compare_page(heard, **context.params)
        code = announcer.announce(found.outcome)
        found.show()  # last: what cannot be announced is no verdict
    raise typer.Exit(code)


def _compare_recordings(
    context: typer.Context, before: str, after: str | None, as_json: bool
) -> Found:
    """Compare two recordings; RequestError for options that are for experiments only."""
    from frameworks.live.command import show
    from frameworks.live.entry import diverge

    if after is None:
        raise RequestError(
            f"{before}: a recording is compared with another: lockstep diverge {before} AFTER.trace"
        )
    for name in context.params.keys() - {"what", "after", "as_json", "junit"}:
        source = context.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            option = f"--{name.replace('_', '-')}"
            takes = "two recordings take --json and --junit"
            raise RequestError(f"{option} is for experiments; {takes}")
    report = diverge(before, after)
    outcome = outcome_of(report.verdict, report.levels, report.against)
    return Found(outcome, lambda: show(report, as_json))
