"""What the command line does, for notebooks and scripts: the results are data frames.

>>> from tempfile import mkdtemp
>>> from experiments import compare, load_run, run
>>> result = run("xor", implementations=["scratch"], epochs=3, out=mkdtemp(), quiet=True)
>>> result.cells[["experiment", "implementation", "status"]].iloc[0].tolist()
['xor', 'scratch', 'ok']
>>> [round(loss, 6) for loss in result.history["loss"]]
[1.482088, 1.210916, 1.016647]
>>> compare(result, load_run(result.folder)).verdict
'unchanged'

Nothing has to be guarded by `if __name__ == "__main__"`: trainings are processes of their own.
"""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Literal

from datasets import Policy
from experiments.harness.cli.session import TIMEOUT, rebuild, train
from experiments.harness.compare.comparison import compare_runs
from experiments.harness.compare.frames import Comparison
from experiments.harness.compare.stored_run import StoredRun
from experiments.harness.frames import Run
from experiments.harness.plan import Request, plan
from experiments.harness.progress import make_progress
from experiments.harness.records.native import MARGIN, check_margin
from frameworks.errors import RequestError

__all__ = ["Comparison", "RequestError", "Run", "compare", "load_run", "run"]


def run(
    *experiments: str,
    implementations: Sequence[str] = (),
    dtype: Literal["float64", "float32"] | None = None,
    seeds: int = 1,
    epochs: int | None = None,
    limit: int | None = None,
    data: Policy = "auto",
    data_dir: str | Path | None = None,
    native: bool = False,
    margin: float = MARGIN,
    floor: int = 5,
    jobs: int = 1,
    threads: int = 1,
    timeout: float = TIMEOUT,
    out: str | Path | None = None,
    quiet: bool = False,
) -> Run:
    """Train experiments side by side; the same as `lockstep run`, with the same folder.

    No experiment named: all of them; no implementation named: all that there are. `epochs=None`
    trains as long as each experiment says, `limit` on the first rows only, `seeds` with the seeds
    0 to seeds - 1. `native` leaves each framework to its own defaults, in float32 unless `dtype`
    says otherwise; accuracies within `margin` then count as equivalent. `floor` is the number of
    nudged trainings by which float32 is judged. What the folder `out` already holds is not trained
    again. A training that finishes no epoch for `timeout` seconds is ended, and has failed.

    Raises RequestError for what cannot be carried out, and DataError for data that cannot be had.
    A training that fails raises nothing: its row in `cells` says "failed", and why.
    """
    check_margin(margin)
    request = Request(
        experiments=experiments,
        implementations=tuple(implementations),
        dtype=dtype or ("float32" if native else "float64"),
        seeds=seeds,
        epochs=epochs,
        limit=limit,
        policy=data,
        data_dir=None if data_dir is None else str(data_dir),
        threads=threads,
        native=native,
        floor=floor,
        out=None if out is None else Path(out),
    )
    planned = plan(request)
    with (
        make_progress(quiet) as progress,
        closing(train(planned, jobs, timeout, progress)) as cells,
    ):
        for _ in cells:
            pass
    rebuild(planned.store, request.data_dir, margin)
    return Run(planned.store.folder, margin)


def load_run(folder: str | Path, margin: float = MARGIN) -> Run:
    """Return a stored run; RequestError if the folder holds none. `margin` is as in `run`.

    >>> load_run("nowhere")
    Traceback (most recent call last):
    frameworks.errors.RequestError: nowhere: holds no run; a run has a folder named cells/
    """
    check_margin(margin)
    return Run(folder, margin)


def compare(before: Run | str | Path, after: Run | str | Path) -> Comparison:
    """Say what changed between two runs, each a Run, its folder, or a results.json.

    The rule is that of `lockstep compare`. Raises RequestError if nothing can be compared.
    """
    return Comparison(compare_runs(_open(before), _open(after)))


def _open(run: Run | str | Path) -> StoredRun:
    return StoredRun.open(run.folder if isinstance(run, Run) else Path(run))
