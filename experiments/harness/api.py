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

import threading
from collections.abc import Iterable, Sequence
from contextlib import closing, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from datasets import Policy
from experiments.harness.compare.comparison import compare_runs
from experiments.harness.compare.stored_run import StoredRun
from experiments.harness.execute import TIMEOUT, check_limits, rebuild, train
from experiments.harness.frames import Comparison, Run
from experiments.harness.plan import plan
from experiments.harness.records.native import check_margin
from experiments.harness.records.runs import locate
from experiments.harness.request import Request, parse_seeds
from experiments.harness.workers.cluster.admission import joined
from experiments.harness.workers.progress import make_progress
from frameworks.agreement.noise_floor import TRAININGS
from frameworks.errors import RequestError

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["Comparison", "RequestError", "Run", "compare", "load_run", "run"]

_PAGES_OF_ONE_RUN = threading.Lock()  # pages and their helpers are modules of the process
_RUN = "a Run, its folder or name, or a results.json"


def run(
    *experiments: str | Path,
    implementations: str | Sequence[str] = (),
    dtype: Literal["float64", "float32"] | None = None,
    seeds: int | str | Sequence[int] = 1,
    settings: Sequence[str] = (),
    epochs: int | None = None,
    limit: int | None = None,
    data: Policy = "auto",
    data_dir: str | Path | None = None,
    native: bool = False,
    margin: float | None = None,
    floor: int = TRAININGS,
    jobs: int = 1,
    threads: int = 1,
    timeout: float = TIMEOUT,
    dask: "str | Client | None" = None,
    send_pages: bool = False,
    out: str | Path | None = None,
    quiet: bool = False,
) -> Run:
    """Train experiments side by side; the same as `lockstep run`, with the same folder.

    An experiment is named as `lockstep list` does, or by the path of a page of your own. None
    named: all but the long ones; no implementation named: those that `lockstep run` trains.
    `epochs=None` trains as long as each experiment says, `limit` on the first rows only. `seeds` is
    a number of seeds, from 0 on, a sequence of them, or a text such as "3,7" or "10-19". `settings`
    are numbers instead of the pages' own, as `--set` takes them: ["hidden=8,16"]. `native`
    leaves each framework to its own defaults, in float32 unless `dtype` says otherwise; figures
    within `margin` then count as equivalent: 0.01 for accuracies, while a figure with a unit has no
    margin of its own. `floor` is the number of nudged trainings by which float32 is judged.
    `dask`, a connected client or a scheduler's address, has a cluster train, with as many at a time
    as its workers have threads; `send_pages` lets pages of your own travel there, whose code it
    then executes. What the folder `out` already holds is not trained again. A training that
    finishes no epoch for `timeout` seconds is ended, and has failed.

    Raises RequestError for what cannot be carried out, and DataError for data that cannot be had.
    A training that fails raises nothing: its row in `cells` says "failed", and why. Threads may
    run experiments of the suite at once; of those that run pages of your own, one does at a time.
    """
    check_limits(jobs, timeout)
    if out == "":
        raise RequestError("out: is empty; name a folder")
    request = Request(
        experiments=tuple(
            _path("experiments", each, "names, or paths of pages") for each in experiments
        ),
        implementations=_texts("implementations", implementations, ","),
        dtype=dtype or ("float32" if native else "float64"),
        seeds=_seeds(seeds),
        settings=_texts("settings", settings),
        epochs=epochs,
        limit=limit,
        policy=data,
        data_dir=None if data_dir is None else _path("data_dir", data_dir),
        threads=threads,
        native=native,
        floor=floor,
        out=None if out is None else Path(_path("out", out)),
        command="experiments.run(...)",
    )
    own = any(name.endswith(".py") for name in request.experiments)
    alone = _PAGES_OF_ONE_RUN if own else nullcontext()
    with alone, joined(dask, request, send_pages) as cluster:
        planned = plan(request, cluster.surroundings if cluster else None)
        check_margin(margin, (experiment.task for experiment in planned.experiments))
        with planned.store.at_work(make=True), make_progress(quiet) as progress:
            for remark in [*cluster.notes, *cluster.left_out] if cluster else ():
                progress.remark(remark)
            trained = train(planned, planned.missing(), jobs, timeout, progress, margin, cluster)
            with closing(trained) as finished:
                known = list(finished)
            rebuild(planned.store, request.data_dir, known)
    return Run(planned.store.folder)


def _texts(name: str, given: str | Sequence[str], separator: str | None = None) -> tuple[str, ...]:
    """Return texts that are given one by one, or in one with a separator between them."""
    if isinstance(given, str):
        return tuple(text.strip() for text in given.split(separator)) if separator else (given,)
    texts = tuple(given) if isinstance(given, Iterable) else (given,)
    if not all(isinstance(text, str) for text in texts):
        raise RequestError(f"{name}: expected a text or a list of texts, got {given!r}")
    return texts


def _path(name: str, given: str | Path, expected: str = "a path") -> str:
    """Return a path as a text, which it is for the command line."""
    if not isinstance(given, str | Path):
        raise RequestError(f"{name}: expected {expected}, got {given!r}")
    return str(given)


def _seeds(seeds: int | str | Sequence[int]) -> tuple[int, ...]:
    """Return what `parse_seeds` makes of it; a trailing comma tells a list of one from a number."""
    if isinstance(seeds, bool) or not isinstance(seeds, int | np.integer | Iterable):
        raise RequestError(f"seeds: expected a number of seeds, or a list of them, got {seeds!r}")
    if isinstance(seeds, int | np.integer | str):
        return parse_seeds(str(seeds))
    return parse_seeds("".join(f"{seed}," for seed in seeds))


def load_run(folder: str | Path, margin: float | None = None) -> Run:
    """Return a stored run, by its folder or its name in runs/; `margin` is as in `run`.

    RequestError if the folder holds none.

    >>> load_run("nowhere")
    Traceback (most recent call last):
    frameworks.errors.RequestError: nowhere: holds no run; a run has a folder named cells/
    """
    return Run(locate(Path(_path("folder", folder))), margin)


def compare(before: Run | str | Path, after: Run | str | Path) -> Comparison:
    """Say what changed between two runs, each a Run, its folder or name, or a results.json.

    The rule is that of `lockstep compare`. Raises RequestError if nothing can be compared.
    """
    return Comparison(compare_runs(_open("before", before), _open("after", after)))


def _open(name: str, run: Run | str | Path) -> StoredRun:
    if isinstance(run, Run):
        return StoredRun.open(run.folder)
    return StoredRun.open(locate(Path(_path(name, run, _RUN))))
