"""One run, from its plan to its results: train what is missing, and build what is shown."""

from collections.abc import Generator, Sequence
from contextlib import closing
from itertools import chain
from numbers import Integral, Real

from experiments.harness.cell import Cell
from experiments.harness.plan import Plan
from experiments.harness.records.models import Head, Results
from experiments.harness.records.results import build_results
from experiments.harness.records.store import Store
from experiments.harness.workers.cluster.admission import Cluster
from experiments.harness.workers.cluster.tasks import ClusterTasks
from experiments.harness.workers.local import LocalProcesses
from experiments.harness.workers.place import Heads, Place, Progress
from experiments.harness.workers.runner import Runner
from frameworks.agreement.variants import nudges
from frameworks.errors import RequestError

__all__ = ["TIMEOUT", "check_limits", "rebuild", "train", "write"]

TIMEOUT = 3_600.0  # seconds for an epoch: far more than the longest takes on one thread


def check_limits(jobs: int, timeout: float) -> None:
    """Raise RequestError for a number of processes, or of seconds, that cannot be one."""
    for name, value in (("jobs", jobs), ("timeout", timeout)):
        number = isinstance(value, Real) and not isinstance(value, bool)
        if not number or not value >= 1:
            shown = f"{value:g}" if number else repr(value)
            raise RequestError(f"{name}: expected 1 or more, got {shown}")
    if not isinstance(jobs, Integral):
        raise RequestError(f"jobs: expected a whole number, got {jobs!r}")


def train(
    planned: Plan,
    missing: Heads,
    jobs: int,
    timeout: float,
    progress: Progress,
    margin: float | None = None,
    cluster: Cluster | None = None,
) -> Generator[Results]:
    """Train what is missing of a plan; yield the results of each experiment, in the plan's order.

    Where float64 trainings exceed the fixed limits, scratch is trained nudged, too: the noise floor
    tells a training that is chaotic in itself from an implementation that computes something else.
    A training that finishes no epoch for `timeout` seconds is ended, and has failed. Trained is on
    the cluster, if there is one, or else here, with `jobs` at a time. The caller is `at_work` in
    the run's folder.
    """
    check_limits(jobs, timeout)
    planned.store.create((cell.key for cell in planned.heads), planned.command)
    if missing:  # until they are trained, no file says that the run has passed
        planned.store.remove_results()
    names = [experiment.name for experiment in planned.experiments]
    unfinished = _Unfinished(planned, missing, margin)
    for name in names:
        unfinished.conclude(name)
    place: Place
    if cluster:
        place = ClusterTasks(cluster, planned.store, timeout, progress)
    else:
        threads = next(iter(planned.heads)).threads
        place = LocalProcesses(planned.store, jobs, threads, timeout, progress)
    runner = Runner(planned.store, place, progress)
    with closing(runner.run(dict(unfinished.missing), unfinished.then)) as cells:
        for _ in chain([None], cells):
            while names and names[0] in unfinished.results:
                yield unfinished.results[names.pop(0)]


class _Unfinished:
    """What is missing of a plan, and the results of the experiments of which nothing is."""

    def __init__(self, planned: Plan, missing: Heads, margin: float | None) -> None:
        self._planned, self._margin = planned, margin
        self._judged: set[str] = set()  # experiments whose judges have been trained, or failed
        self.missing = dict(missing)
        self.results: dict[str, Results] = {}

    def then(self, cell: Cell) -> Heads:
        """Take a cell for finished; return what has to be trained because of it."""
        del self.missing[cell]
        return self.conclude(cell.experiment)

    def conclude(self, name: str) -> Heads:
        """Build an experiment's results if none of it is missing; or return what judges it."""
        if any(cell.experiment == name for cell in self.missing):
            return {}
        results = build_results(self._planned.store, self._margin, name)
        judges = {} if name in self._judged else _judges(self._planned, name, results)
        self._judged.add(name)
        if not judges:
            self.results[name] = results
        self.missing |= judges
        return judges


def _judges(planned: Plan, experiment: str, results: Results) -> Heads:
    """Return the nudged trainings by which float64 pairs that differ are still to be judged."""
    differ = {
        (entry.label, entry.seed)
        for entry in results.agreement
        if (entry.dtype, entry.verdict) == ("float64", "differ") and not entry.inputs_differ
    }
    found: Heads = {}
    for cell in planned.heads:
        mine = (cell.experiment, cell.dtype, cell.mode) == (experiment, "float64", "lockstep")
        differs = mine and (cell.label, cell.seed) in differ
        if differs and "scratch" in cell.find().blueprint.builders:
            found |= planned.beside(cell, nudges(planned.floor))
    return {cell: head for cell, head in found.items() if not _is_finished(planned.store, head)}


def _is_finished(store: Store, head: Head) -> bool:
    record = store.load(head.key)
    return record is not None and record.ok and record.fingerprint == head.fingerprint


def rebuild(
    store: Store, data_dir: str | None, margin: float | None = None, known: Sequence[Results] = ()
) -> Results:
    """Build the results of a run from its records, write them and the report; return them.

    `known` are results of its experiments that need not be built again.
    """
    results = build_results(store, margin, known=known)
    write(store, results, data_dir)
    return results


def write(store: Store, results: Results, data_dir: str | None) -> None:
    """Write the results of a run, and its report."""
    from experiments.harness.report import write_report

    store.write_results(results)
    write_report(store, results, data_dir)
