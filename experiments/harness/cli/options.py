"""The arguments and options that several commands take."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from datasets import Policy
from frameworks.agreement.noise_floor import MOST_TRAININGS

__all__ = [
    *("AsJson", "Data", "DataDir", "Dtype", "Epochs", "Experiments", "Floor", "Limit", "Margin"),
    *("Junit", "Set", "Threads", "With"),
]

Experiments = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="EXPERIMENT",
        help="Names of experiments, or paths of your own pages (my_page.py), whose code is "
        "executed. Default: all experiments but the long ones (see `lockstep list`).",
    ),
]
With = Annotated[
    str | None,
    typer.Option(
        "--with",
        metavar="NAMES",
        help="Implementations, separated by commas. Default: those that `lockstep list` shows "
        "without a remark.",
    ),
]
Dtype = Annotated[Literal["float64", "float32"], typer.Option()]
Epochs = Annotated[
    int | None, typer.Option(min=1, metavar="N", help="Default: each experiment's own number.")
]
Limit = Annotated[
    int | None, typer.Option(min=1, metavar="N", help="Train on the first N rows only.")
]
Data = Annotated[
    Policy, typer.Option(help="auto: the real data if they are found, else a built-in stand-in.")
]
DataDir = Annotated[
    str | None, typer.Option(metavar="DIR", help="Where the real data are. Default: LOCKSTEP_DATA.")
]
Floor = Annotated[
    int,
    typer.Option(
        min=0,
        max=MOST_TRAININGS,
        metavar="N",
        help="How many nudged trainings the limit is measured with; 0: no limit, and no verdict.",
    ),
]
Margin = Annotated[
    float | None,
    typer.Option(
        metavar="X",
        help="With --native: means that differ by less are equivalent. Default: 0.01 for an "
        "accuracy; figures with a unit have no default, and are not tested.",
    ),
]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUES",
        help="Change a hyperparameter: learning_rate=0.1. Several values have commas between them, "
        "the widths of several layers hyphens: hidden=6-6,12-12 are two settings.",
    ),
]
Threads = Annotated[
    int, typer.Option(min=1, metavar="N", help="How many threads each training uses.")
]
Junit = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Also write the verdicts as a JUnit file."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]
