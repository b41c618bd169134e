"""The arguments and options that several commands take."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from datasets import Policy

__all__ = [
    *("AsJson", "Data", "DataDir", "Dtype", "Epochs", "Experiments", "Floor", "Limit", "Margin"),
    *("Junit", "Set", "Threads", "With"),
]

Experiments = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="EXPERIMENT",
        help="Names, or paths of pages of your own (my_page.py), whose code is executed. "
        "Default: all but those that `lockstep list` calls long.",
    ),
]
With = Annotated[
    str | None,
    typer.Option(
        "--with",
        metavar="NAMES",
        help="Implementations, with commas. Default: those that `lockstep list` does not mark.",
    ),
]
Dtype = Annotated[Literal["float64", "float32"], typer.Option()]
Epochs = Annotated[int | None, typer.Option(min=1, help="Instead of each one's own.")]
Limit = Annotated[int | None, typer.Option(min=1, help="Train on the first N rows.")]
Data = Annotated[Policy, typer.Option(help="auto: real if it can be had, else the stand-in.")]
DataDir = Annotated[
    str | None, typer.Option(metavar="DIR", help="Default: the variable LOCKSTEP_DATA.")
]
Floor = Annotated[
    int,
    typer.Option(
        min=0, help="Nudged trainings that judge where no fixed limit holds; 0: do not judge."
    ),
]
Margin = Annotated[
    float | None,
    typer.Option(
        help="Native results this close are equivalent. Default: 0.01 for an accuracy; a figure "
        "with a unit has none, and is not tested."
    ),
]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUES",
        help="Numbers of a page's spec instead of its own: learning_rate=0.1, or several with "
        "commas, hidden=8,16. The numbers of one tuple have hyphens between them: hidden=6-6,12-12 "
        "are two tuples.",
    ),
]
Threads = Annotated[int, typer.Option(min=1, help="Threads of each training.")]
Junit = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Also write what was judged as a JUnit file."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]
