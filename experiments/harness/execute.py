"""One run, from its plan to its results: train what is missing, and build what is shown."""

from collections.abc import Generator
from contextlib import closing

from experiments.harness.plan import Cell, Plan
from experiments.harness.records.models import Head, Results
from experiments.harness.records.native import MARGIN
from experiments.harness.records.results import build_results
from experiments.harness.records.store import Store
from experiments.harness.workers.runner import Progress, Runner
from frameworks.agreement.variants import nudges
from frameworks.errors import RequestError

__all__ = ["TIMEOUT", "rebuild", "train"]

TIMEOUT = 3_600.0  # seconds for an epoch: far more than the longest takes on one thread

Heads = dict[Cell, Head]


def train(planned: Plan, jobs: int, timeout: float, progress: Progress) -> Generator[Heads]:
    """Train what is missing of a plan; yield what still is, first of all and after each cell.

    Where float64 trainings exceed the fixed limits, scratch is trained nudged, too: the noise floor
    tells a training that is chaotic in itself from an implementation that computes something else.
    A training that finishes no epoch for `timeout` seconds is ended, and has failed.
    """
    for name, value in (("jobs", jobs), ("timeout", timeout)):
        if value < 1:
            raise RequestError(f"{name}: expected 1 or more, got {value:g}")
    missing = planned.missing()
    planned.store.create(cell.key for cell in planned.heads)
    for experiment in planned.experiments:
        _add_judges(planned, experiment.name, missing)
    yield missing
    threads = next(iter(planned.heads)).threads
    runner = Runner(planned.store, jobs, threads, timeout, progress)

    def then(cell: Cell) -> Heads:
        del missing[cell]
        return _add_judges(planned, cell.experiment, missing)

    with closing(runner.run(dict(missing), then)) as finished:
        for _ in finished:
            yield missing


def _add_judges(planned: Plan, experiment: str, missing: Heads) -> Heads:
    """Add to what is missing the nudged trainings that an experiment is to be judged by."""
    mine = [cell for cell in planned.heads if cell.experiment == experiment]
    first = mine[0]
    blueprint = next(e.blueprint for e in planned.experiments if e.name == experiment)
    if (
        any(cell.experiment == experiment for cell in missing)
        or (first.dtype, first.mode) != ("float64", "lockstep")
        or not planned.floor
        or "scratch" not in blueprint.builders
    ):
        return {}
    beyond = {
        entry.seed
        for entry in build_results(planned.store, experiment=experiment).agreement
        if entry.verdict == "differ" and not entry.inputs_differ
    }
    added: Heads = {}
    for seed in beyond:
        cell = next(cell for cell in mine if cell.seed == seed)
        judges = planned.beside(cell, nudges(planned.floor))
        added |= {c: head for c, head in judges.items() if not _is_finished(planned.store, head)}
    missing.update(added)
    return added


def _is_finished(store: Store, head: Head) -> bool:
    record = store.load(head.key)
    return record is not None and record.ok and record.fingerprint == head.fingerprint


def rebuild(store: Store, data_dir: str | None, margin: float = MARGIN) -> Results:
    """Build the results of a run from its records, write them and the report; return them."""
    from experiments.harness.report import write_report

    results = build_results(store, margin)
    store.write_results(results)
    write_report(store, results, data_dir)
    return results
