"""``lockstep bench``: speed side by side."""

from typing import Annotated

import typer

from experiments.harness.bench.variants import VARIANTS
from experiments.harness.cli.options import AsJson, Data, DataDir, Dtype, Threads

__all__ = ["bench"]

_UNASKED = [name for name, variant in VARIANTS.items() if not variant.backend.timed]
_WITH = f"With commas: {', '.join(VARIANTS)}. Default: all but {', '.join(_UNASKED)}."


def bench(
    experiments: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="EXPERIMENT",
            help="A name, or the path of a page. Default: those whose page says benchmarked.",
        ),
    ] = None,
    names: Annotated[str | None, typer.Option("--with", metavar="NAMES", help=_WITH)] = None,
    dtype: Dtype = "float64",
    steps: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=1_000_000,
            metavar="N",
            help="Steps to time. Default: 1,000, or fewer long ones.",
        ),
    ] = None,
    rounds: Annotated[
        int, typer.Option(min=1, metavar="N", help="How often each is timed, in turn.")
    ] = 5,
    threads: Threads = 1,
    timeout: Annotated[
        float,
        typer.Option(
            min=1, metavar="SECONDS", help="Stop if one timing, compiling included, takes longer."
        ),
    ] = 3_600,
    data: Data = "auto",
    data_dir: DataDir = None,
    as_json: AsJson = False,
    as_markdown: Annotated[
        bool, typer.Option("--markdown", help="Print Markdown instead of tables.")
    ] = False,
) -> None:
    """Compare speeds as paired ratios: the implementations, and their peers at their best.

    The peers are plain loops in PyTorch, Model.fit in Keras, each with and without a compiler,
    plain JAX, and scikit-learn's multilayer perceptron, which draws its own weights. All others are
    timed only if their training has the same loss as scratch's. Each experiment takes minutes, most
    of them to compile.

    For example:

    lockstep bench churn --rounds 9

    lockstep bench mnist --with scratch,pytorch-fused,sklearn --dtype float32 --threads 2

    lockstep bench --markdown > speed.md
    """
    from experiments.harness.bench.run import Form, run
    from experiments.harness.request import Request
    from frameworks.errors import RequestError

    if as_json and as_markdown:
        raise RequestError("--json and --markdown are two forms of the same; choose one")
    request = Request(
        experiments=tuple(experiments or ()),
        implementations=() if names is None else tuple(n.strip() for n in names.split(",")),
        dtype=dtype,
        policy=data,
        data_dir=data_dir,
        threads=threads,
    )
    form: Form = "json" if as_json else "markdown" if as_markdown else "table"
    run(request, steps, rounds, form, timeout)
