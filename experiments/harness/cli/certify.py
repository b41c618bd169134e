"""``lockstep certify``: the certified losses, computed or checked."""

from pathlib import Path
from typing import Annotated

import typer

from datasets import Policy
from experiments.harness.cli.options import AsJson, DataDir

__all__ = ["certify"]


def certify(
    experiments: Annotated[
        list[str] | None, typer.Argument(metavar="EXPERIMENT", help="Default: all of them.")
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Compare with what is stored; write nothing.")
    ] = False,
    epochs: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Check the first N epochs only.")
    ] = None,
    data: Annotated[
        Policy, typer.Option(help="auto: the stand-in, and the real data if they are found.")
    ] = "auto",
    data_dir: DataDir = None,
    folder: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Where the certificates are. Default: lockstep's own."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Compute every epoch's loss in higher precision, and store it; or check what is stored.

    The small networks are trained with mpmath in 50 digits, the others with NumPy's longdouble. All
    of it takes two and a half hours. Exit code 1: a stored loss is not reproduced; 2: the request
    cannot be carried out.

    For example:

    lockstep certify --check xor circle

    lockstep certify --check mnist --data real --epochs 1

    lockstep certify churn --data stand-in
    """
    from experiments.certified import session
    from experiments.certified.stored import FOLDER

    request = session.CertifyRequest(
        experiments=tuple(experiments or ()),
        policy=data,
        data_dir=data_dir,
        folder=folder or FOLDER,
        check=check,
        epochs=epochs,
    )
    raise typer.Exit(session.run(request, as_json))
