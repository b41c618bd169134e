"""The arguments and options that several commands take."""

from typing import Annotated

import typer

from datasets import Policy

__all__ = ["AsJson", "Data", "DataDir", "Experiments", "Margin", "With"]

Experiments = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="EXPERIMENT",
        help="Names, or paths of pages of your own (my_page.py), whose code is executed. "
        "Default: all that `lockstep list` shows.",
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
Data = Annotated[Policy, typer.Option(help="auto: real if it can be had, else the stand-in.")]
DataDir = Annotated[
    str | None, typer.Option(metavar="DIR", help="Default: the variable LOCKSTEP_DATA.")
]
Margin = Annotated[float, typer.Option(help="Native results this close are equivalent.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]
