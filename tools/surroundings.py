"""What changes a result: print the table of docs/repeatability.md.

The dense network of `mnist` is trained on its stand-in once as usual, then again with one thing
around it changed, each training in a process of its own. A cell says by how much any epoch's loss
moved at most, relatively, and how many predictions differ; "same" is every bit of every loss,
weight and prediction.

    .venv/bin/python tools/surroundings.py
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from experiments import Run, run
from experiments.harness.agreement import relative_errors

IMPLEMENTATIONS = ("scratch", "keras", "pytorch")
EPOCHS = 3
# In words: the environment's variables, and the options of the run.
CHANGES: dict[str, tuple[dict[str, str], dict[str, Any]]] = {
    "nothing": ({}, {}),
    "two worker processes": ({}, {"jobs": 2}),
    "two threads, not one": ({}, {"threads": 2}),
    "oneDNN off in TensorFlow": ({"TF_ENABLE_ONEDNN_OPTS": "0"}, {}),
    "oneDNN without AVX-512": ({"ONEDNN_MAX_CPU_ISA": "AVX2"}, {}),
    "OpenBLAS for Haswell": ({"OPENBLAS_CORETYPE": "Haswell"}, {}),
    "MKL without AVX-512": ({"MKL_ENABLE_INSTRUCTIONS": "AVX2"}, {}),
}


def main() -> None:
    """Train, compare, and print a row for each change and dtype."""
    print(f"{'what is changed':<26}{'dtype':<9}", *(f"{name:>14}" for name in IMPLEMENTATIONS))
    with TemporaryDirectory() as folder:
        for dtype in ("float64", "float32"):
            usual = train(Path(folder) / dtype, dtype)
            for number, (what, (variables, options)) in enumerate(CHANGES.items()):
                with environment(variables):
                    changed = train(Path(folder) / f"{dtype}-{number}", dtype, **options)
                moved = (difference(usual, changed, name) for name in IMPLEMENTATIONS)
                print(f"{what:<26}{dtype:<9}", *(f"{each:>14}" for each in moved), flush=True)


def train(out: Path, dtype: Any, **options: Any) -> Run:
    """Train the network in all implementations; nothing of it is judged."""
    return run(
        "mnist",
        implementations=IMPLEMENTATIONS,
        dtype=dtype,
        epochs=EPOCHS,
        data="stand-in",
        floor=0,
        out=out,
        quiet=True,
        **options,
    )


def difference(usual: Run, changed: Run, implementation: str) -> str:
    """Say how far one implementation's training moved."""
    (key,) = usual.cells.index[usual.cells["implementation"] == implementation]
    losses = [
        run.history.query("implementation == @implementation")["loss"] for run in (usual, changed)
    ]
    weights = [[*run.weights(key), run.predictions(key)] for run in (usual, changed)]
    if losses[0].equals(losses[1]) and all(map(np.array_equal, *weights)):
        return "same"
    flips = np.count_nonzero(weights[0][-1] != weights[1][-1])
    return f"{max(relative_errors(*losses)):.1e}, {flips}"


@contextmanager
def environment(variables: dict[str, str]) -> Iterator[None]:
    """Set variables that the worker processes inherit, and put back what was there."""
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


if __name__ == "__main__":
    main()
