"""The comparison of two runs: all trainings and pairs that both have, and the times."""

from collections import defaultdict
from collections.abc import Iterable
from statistics import median
from typing import Literal

from experiments.harness.compare import schema
from experiments.harness.compare.change import Change
from experiments.harness.compare.conditions import (
    added_or_dropped,
    changes_around,
    same_machine,
    why_not,
)
from experiments.harness.compare.rules import judge, judge_failure, judge_pair, overall
from experiments.harness.compare.stored_run import StoredRun
from experiments.harness.records.models import Record
from frameworks.errors import RequestError

__all__ = ["compare_runs"]

# Trainings: if times did not change, all six slower or all six faster has chance 2 / 2**6 = 3 %.
_FEWEST = 6

Both = dict[schema.TrainingName, tuple[Record, Record]]


def compare_runs(before: StoredRun, after: StoredRun) -> schema.ComparedRuns:
    """Compare two runs; RequestError if they have nothing in common that can be compared."""
    before = before.called_as_in(after)
    old, new = before.trainings, after.trainings
    both: Both = {name: (old[name], new[name]) for name in old if name in new}
    refused = {str(name): reason for name in both if (reason := why_not(*both[name]))}
    comparable = {name: records for name, records in both.items() if str(name) not in refused}
    if not comparable:
        raise RequestError(_nothing(before, after, refused))
    environment = changes_around(both.values())
    trainings = _trainings(before, after, comparable)
    pairs = _pairs(before, after, comparable)
    gone = {name: record for name, record in old.items() if name not in new}
    due = gone if before.is_baseline else _due(gone, after)
    lost = [_lost(name) for name, record in due.items() if record.ok]
    judged: list[schema.ComparedTraining | schema.ComparedPair] = [*trainings, *lost, *pairs]
    return schema.ComparedRuns(
        verdict=overall([each.verdict for each in judged]),
        against=[each.sentence for each in judged if each.verdict == "worse"],
        before=schema.WhichRun(path=str(before.path), trainings=len(old)),
        after=schema.WhichRun(path=str(after.path), trainings=len(new)),
        environment=environment,
        trainings=trainings,
        lost=lost,
        pairs=pairs,
        times=_times(trainings, same_machine(environment)),
        not_comparable=[schema.NotComparable(training=n, reason=r) for n, r in refused.items()],
        only_before=[*map(str, gone)],
        only_after=[str(name) for name in new if name not in old],
    )


def _nothing(before: StoredRun, after: StoredRun, refused: dict[str, str]) -> str:
    """Return why two runs cannot be compared."""
    runs = f"{before.path} and {after.path}"
    if not refused:
        return f"{runs} have no training in common; `lockstep runs` lists them"
    name, reason = next(iter(refused.items()))
    more = f", and {len(refused) - 1} more" if len(refused) > 1 else ""
    return (
        f"{runs} have nothing that can be compared: {name}: {reason}{more}; "
        "train both on the same data with the same options"
    )


def _due(
    gone: dict[schema.TrainingName, Record], after: StoredRun
) -> dict[schema.TrainingName, Record]:
    """Return those that a later run was asked for, or may have been, where it lost its plan."""
    missing, any_may_be = after.results.missing, after.results.unplanned
    return {name: each for name, each in gone.items() if any_may_be or name.key in missing}


def _lost(name: schema.TrainingName) -> schema.ComparedTraining:
    """Judge a training that the later run lacks: nothing says that it would still succeed."""
    reason = "it was finished before, and the later run lacks it"
    return schema.ComparedTraining(**dict(name), verdict="worse", reasons=[reason])


def _trainings(
    before: StoredRun, after: StoredRun, both: Both
) -> list[schema.MeasuredTraining | schema.ComparedTraining]:
    """Measure all trainings, then judge each, the more strictly the more there are."""
    changes = {
        name: Change.between(before, after, name)
        for name, (old, new) in both.items()
        if old.ok and new.ok
    }
    tests = sum(change.flips is not None and change.flips.n != 0 for change in changes.values())
    entries: list[schema.MeasuredTraining | schema.ComparedTraining] = []
    for name, (old, new) in both.items():
        change = changes.get(name)
        verdict, reasons = judge(change, tests) if change else judge_failure(old, new)
        if verdict != "unchanged" and (spec := added_or_dropped(old, new)):
            reasons = [*reasons, spec]
        if change:
            entries.append(change.entry(verdict, reasons))
        else:
            failed = schema.ComparedTraining(**dict(name), verdict=verdict, reasons=reasons)
            entries.append(failed)
    return entries


def _pairs(before: StoredRun, after: StoredRun, comparable: Both) -> list[schema.ComparedPair]:
    """Compare the verdicts on pairs whose two trainings are both comparable."""
    known = {(n.experiment, n.dtype, n.setting, n.seed, n.implementation) for n in comparable}
    later = {name.in_any_order: entry for name, entry in after.pairs.items()}
    entries = []
    for name, old in before.pairs.items():
        of = name.experiment, name.dtype, name.setting, name.seed
        new = later.get(name.in_any_order)
        if new and {(*of, each) for each in name.pair} <= known:
            entries.append(
                schema.ComparedPair(
                    **dict(name),
                    before=old.verdict,
                    after=new.verdict,
                    verdict=judge_pair(old.verdict, new.verdict),
                    reason=new.reason,
                )
            )
    return entries


def _times(
    trainings: Iterable[schema.ComparedTraining], on_same_machine: bool
) -> list[schema.ComparedTimes]:
    """Return, for each implementation, the ratios of its seconds, after / before, and a verdict.

    With at least _FEWEST trainings, on the same processor with the same threads: "slower" or
    "faster" if all of them are, otherwise "unchanged". None in all other cases, such as where
    other numbers of seeds were trained in a pass.
    """
    ratios: dict[str, list[float]] = defaultdict(list)
    shared_otherwise: set[str] = set()
    for training in trainings:
        if isinstance(training, schema.MeasuredTraining) and training.seconds:
            ratios[training.implementation].append(training.seconds.ratio)
            if not training.seconds.same_pass:
                shared_otherwise.add(training.implementation)
    return [
        schema.ComparedTimes(
            implementation=name,
            trainings=len(mine),
            median=median(mine),
            lowest=min(mine),
            highest=max(mine),
            verdict=_judge_times(mine)
            if on_same_machine and name not in shared_otherwise
            else None,
        )
        for name, mine in ratios.items()
    ]


def _judge_times(ratios: list[float]) -> Literal["slower", "faster", "unchanged"] | None:
    if len(ratios) < _FEWEST:
        return None
    if min(ratios) > 1:
        return "slower"
    return "faster" if max(ratios) < 1 else "unchanged"
