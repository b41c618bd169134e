"""``lockstep diverge``: where two implementations, or two recordings, first differ."""

import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from datasets import Dataset, Policy
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
from experiments.harness.interruption import time_limit
from experiments.harness.outcomes import Case, Outcome, Verdict
from experiments.harness.outcomes.announcing import announcing
from frameworks.agreement.noise_floor import TRAININGS
from frameworks.errors import RequestError, choose

if TYPE_CHECKING:
    from experiments.harness.experiment import Experiment
    from experiments.harness.phases import How
    from frameworks.diverge import Side, Split, Walk
    from frameworks.diverge.findings import Level
    from frameworks.live.report import Report

__all__ = ["diverge_command", "split_of"]

_STEPS = 200  # of an explanation, unless --steps is given


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
            outcome = _compare_recordings(context, what, after, as_json)
        else:
            with time_limit(timeout) as heard:  # a user's page, and its builders, may loop
                outcome = _compare_page(heard, **context.params)
        code = announcer.announce(outcome)
    raise typer.Exit(code)


def _compare_page(
    heard: Callable[[], None],
    what: str,
    between: str,
    dtype: str,
    seed: int,
    settings: list[str] | None,
    epochs: int | None,
    steps: int | None,
    single_step: bool,
    explain_all: bool,
    floor: int,
    limit: int | None,
    data: Policy,
    data_dir: str | None,
    as_json: bool,
    **_others: Any,
) -> Outcome:
    """Compare two implementations of a page, and print what was found."""
    from threadpoolctl import threadpool_limits

    from experiments.harness.page_code import named
    from experiments.registry import find_experiment
    from frameworks.agreement.noise_floor import check_floor
    from frameworks.backends import BACKENDS
    from frameworks.console import progress_bar

    check_floor(floor)
    names = _two(between)
    found = _with_settings(find_experiment(what), settings or [])
    _check(found, names, dtype)
    failure = f"comparing {' and '.join(names)} on {found.name} failed"
    with named(failure, found.source), threadpool_limits(1), progress_bar() as report:
        for name in names:
            BACKENDS[name].settled()
        from experiments.harness.phases import How
        from frameworks.diverge import Walk, walk

        how = How(dtype, seed, epochs or found.spec.epochs, limit)
        walks: list[Walk] = []

        def advance(what: str, done: float, total: float | None) -> None:
            heard()
            report(what, done, total)

        for a, b in sides(found, found.load_data(data, data_dir), how, names, steps):
            if explain_all:  # of several phases the first
                break
            walks.append(walk(a, b, steps, single_step, advance, floor))
            if walks[-1].parts:
                break
    if not explain_all:
        return _print(walks, as_json)
    with named(failure, found.source), threadpool_limits(1):
        explained = _explain(a, b, dtype, seed, steps or _STEPS)
    print(json.dumps(explained.to_dict(), indent=2) if as_json else explained)
    return _outcome(explained.verdict, explained.levels, explained.against)


def _explain(a: "Side", b: "Side", dtype: str, seed: int, steps: int) -> "Report":
    """Compare the networks of two sides as models of one's own, to the last cause."""
    from frameworks.live.entry import diverge
    from frameworks.program import Program

    size = min(a.batch_size, len(a.rows[0]))
    (ours, opened), (theirs, _), (X, y) = a.open(), b.open(), a.rows
    if isinstance(opened.adapter.parts, Program):
        raise RequestError(
            f"--explain-all remedies one network with one loss, and {a.blueprint.name} has a step "
            "of its own: without the option, the first difference is named with its cause"
        )
    options: Any = {"dtype": dtype, "seed": seed, "steps": steps, "batch_size": size}
    return diverge(ours, theirs, X, y, explain_all=True, **options)


def _compare_recordings(
    context: typer.Context, before: str, after: str | None, as_json: bool
) -> Outcome:
    """Compare two recordings; RequestError for options that are for experiments only."""
    from frameworks.live.command import compare_recordings

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
    report = compare_recordings(before, after, as_json)
    return _outcome(report.verdict, report.levels, report.against)


def _with_settings(experiment: "Experiment", settings: list[str]) -> "Experiment":
    """Return an experiment with other numbers, one value each."""
    from frameworks.spec_values import parse_grid

    grid = parse_grid(experiment.spec, settings, experiment.name)
    if len(grid) > 1:
        raise RequestError(f"diverge compares one training: give one value each, not {len(grid)}")
    return experiment.changed(grid[0])


def _outcome(verdict: Verdict, levels: "Sequence[Level]", against: list[str]) -> Outcome:
    """Return the outcome of levels; the first that differs has all that went against."""
    cases, left = [], tuple(against)
    for level in levels:
        why = "no limit applies" if level.verdict == "measured" else ""
        mine = left if level.verdict == "parted" else ()
        left = () if mine else left
        cases.append(Case("levels", level.name, mine, not_judged=why))
    if left:
        cases.append(Case("levels", "single steps", left))
    return Outcome("lockstep diverge", verdict, cases, " ".join(against))


def _two(between: str) -> list[str]:
    from frameworks.backends import BACKENDS

    names = [name.strip() for name in between.split(",")]
    if len(names) != 2:
        raise RequestError(f"--between takes two names, as in scratch,keras; got {between!r}")
    return [choose("implementation", name, BACKENDS) for name in names]


def _check(experiment: "Experiment", names: Iterable[str], dtype: str) -> None:
    """Give this process the environment that both need, before either is loaded.

    RequestError if one of them cannot train the experiment, or both not in one process.
    """
    from experiments.harness.records.environment import thread_variables
    from frameworks.backends import BACKENDS

    together = thread_variables(1)
    for name in names:
        backend = BACKENDS[name]
        if why := backend.cannot_train(experiment.blueprint, dtype) or backend.missing():
            raise RequestError(why)
        for variable, value in backend.variables.items():
            if together.setdefault(variable, value) != value:
                raise RequestError(
                    f"{' and '.join(names)} cannot be compared in one process: one needs "
                    f"{variable}={together[variable]}, the other {variable}={value}"
                )
    os.environ.update(together)


def sides(
    experiment: "Experiment", data: Dataset, how: "How", names: list[str], steps: int | None
) -> Iterator[tuple["Side", "Side"]]:
    """Yield both sides of each phase of an experiment, which most have but one of.

    Where a phase goes on from earlier ones, both sides start from what these come to in the first
    implementation. Rows that are held out are left out; no training stops early.
    """
    from experiments.harness.phases import OnDemand
    from frameworks.diverge import Side

    before = OnDemand(experiment, data, how, names[0])
    for phase in experiment.all_phases:
        stage = experiment.stage(phase, data, before, how)
        split, epochs = split_of(experiment, stage.data), stage.epochs
        X, y = stage.rows
        split = replace(split, X_train=X, y_train=y)
        if steps is not None:
            epochs = -(-steps // -(-len(X) // stage.blueprint.spec.batch_size))
        a, b = (
            Side(
                stage.blueprint,
                name,
                split,
                how.dtype,
                stage.seed,
                epochs,
                how.limit,
                initial_weights=stage.weights,
            )
            for name in names
        )  # fmt: skip
        yield a, b


def split_of(experiment: "Experiment", data: Dataset) -> "Split":
    """Return the rows of a data set, as implementations are compared on them."""
    import numpy as np

    from frameworks.diverge import Split

    answers = experiment.task.has_answers
    return Split(
        data.X_train,
        data.y_train,
        data.X_test,
        data.y_test,
        classes=np.arange(len(data.class_names)) if answers else None,
        name=data.name,
        source=data.source,
    )


def _print(walks: "list[Walk]", as_json: bool) -> Outcome:
    """Print what was found, phase by phase."""
    from pydantic import TypeAdapter

    from frameworks.console import make_console
    from frameworks.diverge.show import Divergence, show
    from frameworks.diverge.show import as_json as document

    found = document(walks[-1])  # of several phases the last that was walked: they agree up to it
    if as_json:
        print(TypeAdapter(Divergence).dump_json(found, indent=2).decode())
    else:
        for done in walks:
            show(make_console(), done)
    return _outcome(found.verdict, found.levels, found.against)
