"""One run, from its plan to its results: train what is missing, and build what is shown."""

from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import chain
from numbers import Integral, Real

from experiments.harness.cell import Cell
from experiments.harness.plan import Plan
from experiments.harness.records.models import AgreementEntry, Head, Results
from experiments.harness.records.results import build_results
from experiments.harness.records.store import Store
from experiments.harness.workers.cluster.admission import Cluster
from experiments.harness.workers.cluster.tasks import ClusterTasks
from experiments.harness.workers.local import LocalProcesses
from experiments.harness.workers.place import Heads, Place, Progress
from experiments.harness.workers.runner import Runner
from frameworks.agreement.noise_floor import and_one_breaking_ties, for_doubts
from frameworks.agreement.variants import judges
from frameworks.errors import RequestError
from frameworks.files import CannotWrite

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
    Where a pair exceeds the floor, it is judged once more, by the floor of more such trainings.
    A training that finishes no epoch for `timeout` seconds is ended, and has failed. Trained is on
    the cluster, if there is one, or else here, with `jobs` at a time. The caller is `at_work` in
    the run's folder.
    """
    check_limits(jobs, timeout)
    with _told_what_is_kept():
        keys = (cell.key for cell in planned.heads)
        native = {cell.experiment: margin for cell in planned.heads if cell.mode == "native"}
        planned.store.create(keys, planned.command, margins=native)
        if missing:  # until they are trained, no file says that the run has passed
            planned.store.remove_results()
    names = [experiment.name for experiment in planned.experiments]
    unfinished = _Unfinished(planned, missing)
    for name in names:
        unfinished.conclude(name)
    place: Place
    if cluster:
        place = ClusterTasks(cluster, planned.store, timeout, progress)
    else:
        threads, begun = next(iter(planned.heads)).threads, planned.around.variables
        place = LocalProcesses(planned.store, jobs, threads, timeout, progress, begun)
    runner = Runner(planned.store, place, progress)
    cells = runner.run(dict(unfinished.missing), unfinished.then)
    with _told_what_is_kept(), closing(cells):
        for _ in chain([None], cells):
            while names and names[0] in unfinished.results:
                yield unfinished.results[names.pop(0)]


@contextmanager
def _told_what_is_kept() -> Iterator[None]:
    """Say of a file that cannot be written that no training is lost."""
    try:
        yield
    except CannotWrite as error:
        raise CannotWrite(f"{error}; finished trainings are kept") from error


class _Unfinished:
    """What is missing of a plan, and the results of the experiments of which nothing is."""

    def __init__(self, planned: Plan, missing: Heads) -> None:
        self._planned = planned
        self._judges: set[Cell] = set()  # that have been trained, or failed
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
        results = build_results(self._planned.store, experiment=name)
        judges = _judges(self._planned, name, results)
        judges = {cell: head for cell, head in judges.items() if cell not in self._judges}
        self._judges |= judges.keys()
        if judges:  # until they are trained, the pairs are not judged
            self._planned.store.need(cell.key for cell in judges)
        else:
            self.results[name] = results
        self.missing |= judges
        return judges


def _judges(planned: Plan, experiment: str, results: Results) -> Heads:
    """Return the nudged trainings by which pairs that differ are still to be judged."""
    counts: dict[tuple[str, int], int] = {}
    for entry in results.agreement:
        if entry.verdict == "differ" and not entry.inputs_differ:
            group = entry.label, entry.seed
            counts[group] = max(counts.get(group, 0), _how_many(planned.floor, entry))
    found: Heads = {}
    for cell in planned.heads:
        mine = (cell.experiment, cell.mode) == (experiment, "lockstep")
        count = counts.get((cell.label, cell.seed), 0) if mine else 0
        if count and "scratch" in cell.find().blueprint.builders:
            found |= planned.beside(cell, judges(count))
    return {cell: head for cell, head in found.items() if not _is_there(planned.store, head)}


def _how_many(floor: int, entry: AgreementEntry) -> int:
    """Return the number of nudged trainings that judge a pair that differs."""
    measured = entry.noise_floor.measured if entry.noise_floor else None
    if entry.dtype == "float32":
        return for_doubts(floor) if measured else 0
    if measured is None or not floor:
        return floor
    chaotic = measured.amplifies or measured.miscounts
    return for_doubts(floor) if chaotic else and_one_breaking_ties(floor)


def _is_there(store: Store, head: Head) -> bool:
    """Say whether a finished training has the name: its own, or another one, which is kept."""
    record = store.load(head.key)
    return record is not None and record.ok


def rebuild(store: Store, data_dir: str | None, known: Sequence[Results] = ()) -> Results:
    """Build the results of a run from its records, write them and the report; return them.

    `known` are results of its experiments that need not be built again.
    """
    results = build_results(store, known=known)
    with _told_what_is_kept():
        write(store, results, data_dir)
    return results


def write(store: Store, results: Results, data_dir: str | None) -> None:
    """Write the results of a run, and its report."""
    from experiments.harness.report import write_report

    store.write_results(results)
    write_report(store, results, data_dir)
    store.check_held()
