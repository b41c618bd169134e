"""What changes a result: print the table of docs/repeatability.md.

The dense network of `mnist` is trained on its stand-in once as usual, then again with one thing
around it changed, each time in new processes. A cell says by how much any epoch's loss moved at
most, relatively, and how many predictions differ; "same" is every bit of every loss, weight and
prediction, "-" that the implementation does not use what is changed.

    .venv/bin/python tools/surroundings.py
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np

from experiments import Run, run
from frameworks.agreement.distances import relative_errors
from frameworks.console import exponent

IMPLEMENTATIONS = ("scratch", "keras", "pytorch")
EPOCHS = 3


class Change(NamedTuple):
    """One thing to change, and the implementations that it can reach."""

    what: str
    reaches: Sequence[str]
    variable: str = ""  # of the environment
    value: str = ""
    threads: int = 1


CHANGES = (
    Change("two threads, not one", IMPLEMENTATIONS, threads=2),
    Change("OpenBLAS for Haswell", ["scratch"], "OPENBLAS_CORETYPE", "Haswell"),
    Change("TensorFlow without oneDNN", ["keras"], "TF_ENABLE_ONEDNN_OPTS", "0"),
    Change("oneDNN without AVX-512", ["keras", "pytorch"], "ONEDNN_MAX_CPU_ISA", "AVX2"),
    Change("MKL without AVX-512", ["pytorch"], "MKL_ENABLE_INSTRUCTIONS", "AVX2"),
)


def main() -> None:
    """Train, compare, and print a row for each change and dtype."""
    print(f"{'what is changed':<27}{'dtype':<9}", *(f"{name:>13}" for name in IMPLEMENTATIONS))
    with TemporaryDirectory() as folder:
        for dtype in ("float64", "float32"):
            usual = train(Path(folder) / dtype, dtype, IMPLEMENTATIONS)
            for change in CHANGES:
                out = Path(folder) / dtype / change.what
                with environment(change.variable, change.value):
                    changed = train(out, dtype, change.reaches, change.threads)
                cells = (
                    difference(usual, changed, name) if name in change.reaches else "-"
                    for name in IMPLEMENTATIONS
                )
                print(f"{change.what:<27}{dtype:<9}", *(f"{c:>13}" for c in cells), flush=True)


def train(out: Path, dtype: Any, implementations: Sequence[str], threads: int = 1) -> Run:
    """Train the network; nothing of it is judged."""
    shortened: dict[str, Any] = {"epochs": EPOCHS, "data": "stand-in", "floor": 0, "quiet": True}
    return run(
        "mnist",
        implementations=implementations,
        dtype=dtype,
        threads=threads,
        jobs=len(implementations),
        out=out,
        **shortened,
    )


def difference(usual: Run, changed: Run, name: str) -> str:
    """Say how far one implementation's training moved."""
    (key,) = usual.cells.index[usual.cells["implementation"] == name]
    losses, weights = [], []
    for each in (usual, changed):
        losses.append(each.history["loss"][each.history["implementation"] == name].tolist())
        weights.append([*each.weights(key), each.predictions(key)])
    if losses[0] == losses[1] and all(map(np.array_equal, *weights)):
        return "same"
    flips = np.count_nonzero(weights[0][-1] != weights[1][-1])
    return f"{exponent(relative_errors(*losses))}, {flips}"


@contextmanager
def environment(variable: str, value: str) -> Iterator[None]:
    """Set a variable, if one is named, that the worker processes inherit; put back what was."""
    before = dict(os.environ)
    if variable:
        os.environ[variable] = value
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


if __name__ == "__main__":
    main()
