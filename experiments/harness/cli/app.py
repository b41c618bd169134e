"""The command line: `lockstep`, or `python -m experiments`."""

import shlex
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer
from typer.exceptions import TyperException

from datasets import DataError, Policy
from experiments.harness.cli import bench, certify, compare, data, diverge, runs
from experiments.harness.interruption import interruptible
from frameworks.errors import RequestError, printable

__all__ = ["app", "main"]

app = typer.Typer(
    help="Train the same experiment in NumPy, Keras and PyTorch, and see whether they agree.",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.add_typer(data.app, name="data")
app.add_typer(runs.app, name="runs")
app.command("compare")(compare.compare)
app.command("bench")(bench.bench)
app.command("certify")(certify.certify)
app.command("diverge")(diverge.diverge_command)

Experiments = Annotated[
    list[str] | None, typer.Argument(metavar="EXPERIMENT", help="Default: all of them.")
]
With = Annotated[
    str | None,
    typer.Option(
        "--with", metavar="NAMES", help="Implementations, with commas. Default: all of them."
    ),
]
Dtype = Annotated[Literal["float64", "float32"], typer.Option()]
Data = Annotated[Policy, typer.Option(help="auto: real if it can be had, else the stand-in.")]
DataDir = Annotated[
    str | None, typer.Option(metavar="DIR", help="Default: the variable LOCKSTEP_DATA.")
]
Margin = Annotated[float, typer.Option(help="Native accuracies this close are equivalent.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]


@app.command("list")
def list_command(as_json: AsJson = False) -> None:
    """Show experiments, implementations and data; loads no framework.

    For example:

    lockstep list
    """
    from experiments.harness.cli.list import show

    show(as_json)


@app.command("run")
def run_command(
    experiments: Experiments = None,
    implementations: With = None,
    dtype: Annotated[
        Literal["float64", "float32"] | None,
        typer.Option(help="Default: float64; with --native float32, as in the frameworks."),
    ] = None,
    seeds: Annotated[
        str, typer.Option(metavar="SEEDS", help="How many from 0 on, or a list: 3,7 or 10-19.")
    ] = "1",
    epochs: Annotated[int | None, typer.Option(min=1, help="Instead of each one's own.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Train on the first N rows.")] = None,
    data: Data = "auto",
    data_dir: DataDir = None,
    floor: Annotated[
        int, typer.Option(min=0, help="Nudged trainings that judge float32; 0: do not judge.")
    ] = 5,
    native: Annotated[
        bool, typer.Option("--native", help="Each framework's own defaults, nothing aligned.")
    ] = False,
    margin: Margin = 0.01,
    jobs: Annotated[int, typer.Option(min=1, help="Train so many cells at a time.")] = 1,
    threads: Annotated[int, typer.Option(min=1, help="Threads of each training.")] = 1,
    timeout: Annotated[
        float,
        typer.Option(
            min=1, metavar="SECONDS", help="End a training that finishes no epoch for so long."
        ),
    ] = 3_600,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Default: a folder under runs/.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Only what goes against, and the sum.")] = (
        False
    ),
    as_json: AsJson = False,
) -> None:
    """Train side by side, print the tables, and write the run's folder.

    Repeating a command trains what is missing and nothing else. Exit code 1: implementations
    disagree, or an accuracy is not what it should be; 2: the request cannot be carried out. In
    float32 scratch is trained --floor times more: its distances from itself are the limit.

    For example:

    lockstep run

    lockstep run churn mnist --with scratch,pytorch --seeds 3 --jobs 2

    lockstep run mnist --data real --data-dir ~/data --epochs 2 --limit 10000

    lockstep run churn --dtype float32 --floor 8

    lockstep run churn --native --seeds 20 --margin 0.01
    """
    from experiments.harness.cli import session
    from experiments.harness.plan import Request, parse_seeds

    request = Request(
        experiments=tuple(experiments or ()),
        implementations=_names(implementations),
        dtype=dtype or ("float32" if native else "float64"),
        seeds=parse_seeds(seeds),
        epochs=epochs,
        limit=limit,
        policy=data,
        data_dir=data_dir,
        threads=threads,
        native=native,
        floor=floor,
        out=out,
    )
    raise typer.Exit(session.run(request, jobs, as_json, quiet, margin, timeout))


@app.command("report")
def report_command(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a run.")],
    data_dir: DataDir = None,
    margin: Margin = 0.01,
    as_json: AsJson = False,
) -> None:
    """Rebuild a run's tables, results.json, results.csv and report.html from its records.

    The report shows some of the data, where it is still there.

    For example:

    lockstep report runs/float64-1a2b3c4d

    lockstep report runs/float64-1a2b3c4d --data-dir ~/data
    """
    from experiments.harness.cli import session

    raise typer.Exit(session.report(run, data_dir, as_json, margin))


def _names(text: str | None) -> tuple[str, ...]:
    """Return the names between commas; an empty one is kept, to be refused as unknown."""
    return () if text is None else tuple(name.strip() for name in text.split(","))


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    try:
        arguments = sys.argv[1:] if arguments is None else arguments
        with interruptible():
            result = app(arguments or ["--help"], prog_name="lockstep", standalone_mode=False)
    except (DataError, RequestError) as error:
        return _fail(str(error))
    except BrokenPipeError:
        raise
    except OSError as error:  # a full disk, for example
        return _fail(str(error))
    except TyperException as error:
        return _fail(error.format_message())
    except KeyboardInterrupt:
        result = 130
    if result == 130:
        command = shlex.join(["lockstep", *(arguments or [])])
        print(f"\nstopped; repeat with: {command}", file=sys.stderr)
    return result or 0


def _fail(message: str) -> int:
    print(f"error: {printable(message)}", file=sys.stderr)
    return 2
