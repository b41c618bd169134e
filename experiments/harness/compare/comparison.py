"""Two runs compared: what `lockstep compare --json` prints.

{"schema": 1, "verdict",                    worse | better | changed | not judged | unchanged
 "before", "after": {"path", "trainings"},
 "environment": [{"name", "before", "after"}],             what changed, and nothing else
 "trainings": [{"experiment", "implementation", "mode", "dtype", "seed", "verdict", "reasons",
     "final_loss", "test_loss", "accuracy": {"before", "after"},
     "worst_epoch": {"epoch", "error"},                    the largest relative change of a loss
     "certified_digits": {"before", "after"} | null,       null unless both runs have them
     "digits",                                             in common with before: -log10(error)
     "flips": {"n", "lost", "gained", "other", "chance"},  null: what is stored does not tell
     "seconds": {"before", "after", "ratio"}}],
 "pairs": [{"experiment", "dtype", "seed", "pair", "before", "after", "verdict", "reason"}],
 "times": [{"implementation", "trainings", "median", "lowest", "highest", "verdict"}],
 "not_comparable": [{"training", "reason"}], "only_before", "only_after": [training]}

A training that failed in one of the runs has none of the numbers.
"""

from typing import Any

from experiments.harness.compare.change import Change
from experiments.harness.compare.comparability import why_not
from experiments.harness.compare.rules import judge, judge_pair, limits_for, overall
from experiments.harness.compare.stored_run import Record, StoredRun, TrainingName
from experiments.harness.compare.surroundings import TIMING, surroundings_changes
from experiments.harness.compare.times import compare_times
from frameworks.errors import RequestError

__all__ = ["compare_runs"]


def compare_runs(before: StoredRun, after: StoredRun) -> dict[str, Any]:
    """Compare two runs; RequestError if they have nothing in common that can be compared."""
    common = [name for name in before.trainings if name in after.trainings]
    both = {name: (before.trainings[name], after.trainings[name]) for name in common}
    refused = {name: reason for name in common if (reason := why_not(*both[name]))}
    comparable = [name for name in common if name not in refused]
    if not comparable:
        raise RequestError(_nothing(before, after, refused))
    environment = surroundings_changes(both.values())
    trainings = _trainings(before, after, comparable)
    pairs = _pairs(before, after, comparable)
    same_machine = not {change["name"] for change in environment} & {*TIMING}
    timed = [training for training in trainings if "seconds" in training]
    return {
        "schema": 1,
        "verdict": overall([entry["verdict"] for entry in [*trainings, *pairs]]),
        "before": {"path": str(before.path), "trainings": len(before.trainings)},
        "after": {"path": str(after.path), "trainings": len(after.trainings)},
        "environment": environment,
        "trainings": trainings,
        "pairs": pairs,
        "times": compare_times(timed, same_machine),
        "not_comparable": [{"training": str(n), "reason": r} for n, r in refused.items()],
        "only_before": [str(name) for name in before.trainings if name not in after.trainings],
        "only_after": [str(name) for name in after.trainings if name not in before.trainings],
    }


def _nothing(before: StoredRun, after: StoredRun, refused: dict[TrainingName, str]) -> str:
    """Say why two runs cannot be compared."""
    if not refused:
        return (
            f"{before.path} and {after.path} have no training in common; `lockstep runs` shows them"
        )
    name, reason = next(iter(refused.items()))
    more = f", and {len(refused) - 1} more" if len(refused) > 1 else ""
    return (
        f"{before.path} and {after.path} have nothing that can be compared: "
        f"{name}: {reason}{more}; train both on the same data with the same options"
    )


def _trainings(
    before: StoredRun, after: StoredRun, names: list[TrainingName]
) -> list[dict[str, Any]]:
    """Measure all trainings, then judge each: how strictly depends on how many there are."""
    records = {name: (before.trainings[name], after.trainings[name]) for name in names}
    changes = {
        name: Change.between(old, new, _arrays(before, after, old, new))
        for name, (old, new) in records.items()
        if old["status"] == new["status"] == "ok"
    }
    tests = sum(change.flips.n != 0 for change in changes.values())
    entries = []
    for name, (old, new) in records.items():
        if change := changes.get(name):
            limits = limits_for(new, [_floor(run, name) for run in (before, after)])
            verdict, reasons = judge(change, limits, tests)
        else:
            verdict, reasons = _failures(old, new)
        numbers = change.to_json() if change else {}
        entries.append({**name._asdict(), "verdict": verdict, "reasons": reasons, **numbers})
    return entries


def _arrays(before: StoredRun, after: StoredRun, old: Record, new: Record) -> Any:
    arrays = before.arrays(old), after.arrays(new)
    return None if arrays[0] is None or arrays[1] is None else arrays


def _failures(old: Record, new: Record) -> tuple[str, list[str]]:
    if new["status"] == "ok":
        return "better", [f"failed before: {old['error']}"]
    kind = "worse" if old["status"] == "ok" else "unchanged"
    return kind, [f"failed: {new['error']}"]


def _floor(run: StoredRun, name: TrainingName) -> dict[str, Any] | None:
    """Return the noise floor that a run measured for a training, if it did."""
    for pair, entry in run.pairs.items():
        if (pair.experiment, pair.dtype, pair.seed) == (name.experiment, name.dtype, name.seed):
            return entry.get("noise_floor")
    return None


def _pairs(before: StoredRun, after: StoredRun, names: list[TrainingName]) -> list[dict[str, Any]]:
    """Compare the verdicts on pairs of implementations, of which each is comparable."""
    comparable = {(name.experiment, name.dtype, name.seed, name.implementation) for name in names}
    entries = []
    for name in before.pairs:
        if name in after.pairs and {(*name[:3], each) for each in name.pair} <= comparable:
            old, new = before.pairs[name]["verdict"], after.pairs[name]["verdict"]
            verdicts = {"before": old, "after": new, "verdict": judge_pair(old, new)}
            entries.append(name._asdict() | verdicts | {"reason": after.pairs[name]["reason"]})
    return entries
