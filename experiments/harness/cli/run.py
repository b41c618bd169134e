"""``lockstep run``: train side by side."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from experiments.harness.cli.options import (
    AsJson,
    Data,
    DataDir,
    Epochs,
    Experiments,
    Floor,
    Junit,
    Limit,
    Margin,
    Set,
    Threads,
    With,
)
from experiments.harness.outcomes.announcing import announcing
from experiments.registry import EXPERIMENTS
from frameworks.agreement.noise_floor import TRAININGS
from frameworks.errors import RequestError

__all__ = ["run"]


def _folder(name: str) -> Path:
    """Return a folder; an empty name, as that of a variable that is not set, would be this one."""
    if not name:
        raise typer.BadParameter("is empty; name a folder")
    return Path(name)


def run(
    context: typer.Context,
    experiments: Experiments = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Train all experiments, the long ones too.")
    ] = False,
    implementations: With = None,
    dtype: Annotated[
        Literal["float64", "float32"] | None,
        typer.Option(help="Default: float64; with --native float32, as the frameworks have it."),
    ] = None,
    seeds: Annotated[
        str,
        typer.Option(
            metavar="SEEDS", help="How many seeds, from 0 on, or which ones: 3,7 or 10-19."
        ),
    ] = "1",
    seed: Annotated[
        int | None, typer.Option(min=0, metavar="SEED", help="Train with this seed alone.")
    ] = None,
    settings: Set = None,
    epochs: Epochs = None,
    limit: Limit = None,
    data: Data = "auto",
    data_dir: DataDir = None,
    floor: Floor = TRAININGS,
    native: Annotated[
        bool,
        typer.Option(
            "--native",
            help="Train as each framework would by default: nothing is aligned. Learning rates, "
            "their schedule and the clipping of gradients are the page's.",
        ),
    ] = False,
    margin: Margin = None,
    jobs: Annotated[
        int, typer.Option(min=1, metavar="N", help="How many trainings run in parallel.")
    ] = 1,
    threads: Threads = 1,
    timeout: Annotated[
        float,
        typer.Option(
            min=1, metavar="SECONDS", help="Stop a training in which an epoch takes longer."
        ),
    ] = 3_600,
    dask: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="Train on the Dask cluster of this scheduler, tcp://HOST:8786 for example. Name "
            "only one that you trust: Dask executes what it is sent, on both sides.",
        ),
    ] = None,
    send_pages: Annotated[
        bool,
        typer.Option(
            "--send-pages",
            help="With --dask: send your own pages to the workers, which execute their code.",
        ),
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", parser=_folder, help="The run's folder. Default: one under runs/."
        ),
    ] = None,
    quiet: Annotated[
        bool, typer.Option("--quiet", help="Print problems and the summary only.")
    ] = False,
    as_json: AsJson = False,
    junit: Junit = None,
) -> None:
    """Train experiments in several frameworks side by side, and judge whether they agree.

    All implementations of an experiment start from the same weights and train on the same batches.
    For each experiment the command prints its results and their differences; the run's folder gets
    them as results.json, results.csv, trainings.csv, and as report.html for your browser.

    You may interrupt it at any time: the same command then trains only what is missing. The exit
    code is 0 if everything agrees and every figure is as expected, 1 if not, and 2 if the request
    cannot be carried out.

    In float64, implementations agree if they differ by no more than a fixed limit. Where rounding
    alone exceeds it, and always in float32, the limit is measured: scratch is trained a few more
    times (--floor) with every result nudged in its last place, and the limit is how far these
    trainings are apart.

    --set changes hyperparameters. With several values, every combination is trained with every seed
    and judged on its own, by agreement alone: the figures that an experiment expects are those of
    its own hyperparameters.

    For example:

    lockstep run

    lockstep run --all --jobs 2

    lockstep run churn mnist --with scratch,pytorch --seeds 3 --jobs 2

    lockstep run ./my_page.py --seeds 10-19

    lockstep run mnist --data real --data-dir ~/data --epochs 2 --limit 10000

    lockstep run churn --dtype float32 --floor 8

    lockstep run churn --native --seeds 20 --margin 0.01

    lockstep run circle --set hidden=8 --set learning_rate=1 --seed 7

    lockstep run xor --set learning_rate=0.1,0.3,1 --set hidden=4,8 --seeds 0-99 --with scratch

    lockstep run --all --seeds 10 --dask tcp://node1:8786
    """
    from experiments.harness.cli import session
    from experiments.harness.request import Request, parse_seeds

    with announcing("lockstep run", junit, as_json) as announcer:
        if everything and experiments:
            raise RequestError(f"--all takes no names, got {' '.join(experiments)}; leave one out")
        if seed is not None and seeds != "1":
            raise RequestError("--seed and --seeds are two ways to say the same; leave one out")
        if dask is not None and jobs != 1:
            raise RequestError(
                "--jobs is for this machine; with --dask the workers' threads decide"
            )
        if send_pages and dask is None:
            raise RequestError("--send-pages sends pages to a cluster; name it with --dask")
        if margin is not None and not native:
            raise RequestError("--margin is that of the means of native runs; add --native")
        # An empty name is an unknown one.
        names = () if implementations is None else implementations.split(",")
        request = Request(
            experiments=EXPERIMENTS if everything else tuple(experiments or ()),
            implementations=tuple(name.strip() for name in names),
            dtype=dtype or ("float32" if native else "float64"),
            seeds=parse_seeds(seeds) if seed is None else (seed,),
            settings=tuple(settings or ()),
            epochs=epochs,
            limit=limit,
            policy=data,
            data_dir=data_dir,
            threads=threads,
            native=native,
            floor=floor,
            out=out,
            command=context.obj or "",
        )
        manner = session.Manner(jobs, as_json, quiet, margin, timeout, dask, send_pages)
        code = session.run(request, manner, announcer)
    raise typer.Exit(code)
