"""Every pair of a run's trainings compared: the entries of "agreement"."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import combinations
from math import isfinite
from typing import NamedTuple

from experiments.harness.records.arrays import Arrays
from experiments.harness.records.models import AgreementEntry, FloorEntry, Record
from frameworks.agreement.controls import controlled, explains
from frameworks.agreement.distances import Outcome, repeats
from frameworks.agreement.limits import Limits
from frameworks.agreement.noise_floor import TRAININGS, NoiseFloor, measure_floor
from frameworks.agreement.variants import AGAIN, KERAS_SIGMOID, nudges
from frameworks.agreement.verdict import judge
from frameworks.console import counted

__all__ = [
    *("EndsApart", "Finished", "compare_all", "different_conditions", "different_inputs"),
    *("ends_apart", "grouping"),
]

_BEGINNING = {"initial_weights": "initial weights"}


@dataclass(frozen=True)
class Finished:
    """A finished training, as far as it is compared."""

    record: Record
    outcome: Outcome

    @classmethod
    def of(cls, record: Record, arrays: Arrays) -> "Finished":
        """Return what a record and its arrays say."""
        assert record.history is not None
        assert record.test is not None
        kept = ("weights.", "states.", "outputs.")  # the last are those of earlier phases
        outcome = Outcome(
            losses=record.history.loss,
            weights={name: a for name, a in arrays.items() if name.startswith(kept)},
            test_loss=record.test.loss,
            answers=arrays.get("predictions"),
            outputs=arrays.get("outputs"),
            accuracies=[*(record.history.accuracy or ()), record.test.accuracy],
            others=record.history.model_extra or {},
            phases={each.name: each.test.loss for each in record.phases[:-1]},
        )
        return cls(record, outcome)


def compare_all(
    finished: Iterable[Finished], beside: Iterable[Finished] = ()
) -> list[AgreementEntry]:
    """Compare every two trainings that differ in nothing but the implementation.

    `beside` are the nudged trainings and controls by which they are judged where no fixed limit
    holds; without at least two nudged ones for an experiment and seed, float32 is only measured.
    One of another training than a pair's, by its inputs, does not judge that pair.
    """
    judges, entries = _grouped(beside), []
    for group, alike in _grouped(finished).items():
        beside_it = [each for each in alike if each.record.implementation == "scratch"]
        beside_it += judges[group]
        known: dict[tuple[str, ...], _Judges] = {}
        for a, b in combinations(alike, 2):
            mine = [each for each in beside_it if not different_inputs(a.record, each.record)]
            keys = tuple(each.record.key for each in mine)
            known[keys] = known.get(keys) or _Judges.of(mine, group[1])
            found = _compare(a, b, known[keys], _left_out(a.record, judges[group]))
            if different_ends(a.record, b.record) and _ends_are_rounding(a.record, beside_it):
                reason = f"{found.reason}; rounding decides when: so do nudged trainings of scratch"
                found = found.model_copy(update={"verdict": None, "reason": reason})
            entries.append(found)
    return entries


def _ends_are_rounding(record: Record, beside: list[Finished]) -> bool:
    """Return whether nudged trainings like a record stop at different epochs themselves."""
    nudged = (each.record for each in beside if each.record.mode.startswith("nudged-"))
    alike = [x for x in nudged if different_ends(record, x) or not different_inputs(record, x)]
    return any(ends_apart(x, y) for x, y in combinations(alike, 2))


@dataclass(frozen=True)
class _Judges:
    """What trainings beside a pair say: the noise floor, and the controls with plain scratch."""

    floor: NoiseFloor | None
    controls: list[Finished]

    @classmethod
    def of(cls, beside: list[Finished], dtype: str) -> "_Judges":
        modes = {each.record.mode: each for each in beside}
        controls = [modes.pop(mode) for mode in (KERAS_SIGMOID, "lockstep") if mode in modes]
        again, first = modes.pop(AGAIN, None), modes.get(nudges(1)[0])
        keeping = [modes.pop(mode).outcome for mode in nudges(TRAININGS) if mode in modes]
        floor = measure_floor(keeping, dtype, [each.outcome for each in modes.values()])
        if floor and floor.finite and again and first:
            floor = replace(floor, repeats=repeats(first.outcome, again.outcome))
        return cls(floor, controls)


def _left_out(record: Record, judges: list[Finished]) -> str:
    """Say how many judges are of another training than a record, and judge nothing; or ""."""
    found = [different_inputs(record, each.record) for each in judges]
    if not (others := [each for each in found if each]):
        return ""
    count = f"{len(others)} nudged training{'s' * (len(others) > 1)}"
    return f"; not judged by {count} that the folder holds, of another training: {others[0]}"


def _compare(a: Finished, b: Finished, judges: _Judges, left_out: str) -> AgreementEntry:
    first, second = a.record, b.record
    found = judge(a.outcome, b.outcome, first.dtype, judges.floor)
    distance, verdict, reason = found.distance, found.verdict, found.reason
    ends = different_ends(first, second)
    inputs = "" if ends else different_inputs(first, second)
    if inputs or ends:
        verdict, reason = "differ", inputs or ends
    elif verdict == "differ" and found.floor is not None and found.limits is not None:
        reason += _explanation(a, b, found.limits, judges.controls)
    if verdict != "agree" and not (inputs or ends):
        reason = (reason + left_out).removeprefix("; ")
    assert first.test is not None
    answers = a.outcome.answers is not None
    return AgreementEntry(
        experiment=first.experiment,
        dtype=first.dtype,
        seed=first.seed,
        setting=first.setting,
        pair=(first.implementation, second.implementation),
        max_rel_loss=_finite(distance.loss),
        max_rel_weight=_finite(distance.weight),
        rel_test_loss=_finite(distance.test_loss),
        max_rel_output=_finite(distance.outputs),
        prediction_mismatches=len(distance.mismatches) if answers else None,
        n_predictions=first.test.n if answers else 0,
        inputs_differ=bool(inputs),
        verdict=verdict,
        tolerance=found.limits.loss if found.limits else None,
        reason=reason,
        noise_floor=_floor_entry(found.floor),
    )


def _finite(x: float | None) -> float | None:
    return x if x is not None and isfinite(x) else None


def _floor_entry(floor: NoiseFloor | None) -> FloorEntry | None:
    """Return a floor as results.json has it: null for what is infinite."""
    if floor is None:
        return None
    return FloorEntry(
        loss=_finite(floor.loss),
        epochs=[_finite(x) for x in floor.epochs],
        weight=_finite(floor.weight),
        test_loss=_finite(floor.test_loss),
        predictions=floor.predictions,
        trainings=floor.trainings,
        outputs=_finite(floor.outputs),
        repeats=floor.repeats,
        arrays={name: _finite(x) for name, x in floor.arrays.items()},
        accuracy=_finite(floor.accuracy),
        ties=floor.ties,
    )


def _explanation(a: Finished, b: Finished, limits: Limits, beside: list[Finished]) -> str:
    """Say why a pair differs, if a control shows it, or return an empty string.

    `beside` are the control, if it was trained, and plain scratch.
    """
    names = a.record.implementation, b.record.implementation
    by_mode = {each.record.mode: each.outcome for each in beside}
    which = controlled(names)
    if which is None or not {KERAS_SIGMOID, "lockstep"} <= by_mode.keys():
        return ""
    side, other = (a, b)[which], (a, b)[1 - which]
    trained = by_mode[KERAS_SIGMOID], by_mode["lockstep"], side.outcome, other.outcome
    if not explains(*trained, limits):
        return ""
    return f"; the cause is TensorFlow's sigmoid: scratch with it agrees with {names[which]}"


def different_ends(a: Record, b: Record) -> str:
    """Say after how many epochs two records stopped, or return an empty string if it is one number.

    What one that stops earlier did not take of the orders and the draws is no other input.
    """
    if different_conditions(a, b) or _different_digests(a, b, _BEGINNING):
        return ""
    if (apart := ends_apart(a, b)) is None:
        return ""
    count, other = apart.epochs
    return (
        f"{a.implementation} stopped after {counted(count, 'epoch')} in phase {apart.phase!r}, "
        f"{b.implementation} after {other:,}"
    )


class EndsApart(NamedTuple):
    """The first phase that two trainings end at different epochs."""

    phase: str  # its name
    before: int  # the epochs of all phases before it
    epochs: tuple[int, int]  # that each training took of it


def ends_apart(a: Record, b: Record) -> EndsApart | None:
    """Return where two records that were asked for as many epochs end; None if at the same ones.

    It is a phase that ends early: without phases no rows are held out.
    """
    before = 0
    for ours, theirs in zip(a.phases, b.phases, strict=False):
        if ours.epochs != theirs.epochs:
            apart = EndsApart(ours.name, before, (ours.epochs, theirs.epochs))
            return apart if a.epochs == b.epochs else None
        before += ours.epochs
    return None


def different_inputs(a: Record, b: Record) -> str:
    """Say in which input two records differ, or return an empty string."""
    names = _BEGINNING | {"batch_order": "batch orders", "draws": "random draws"}
    return different_conditions(a, b) or _different_digests(a, b, names)


def different_conditions(a: Record, b: Record) -> str:
    """Say in what two records differ that also native trainings share, or return ""."""
    if a.data != b.data:
        return "the data differ"
    if a.spec != b.spec:
        return "the specs differ"
    if a.n_train != b.n_train or a.limit != b.limit:
        return "the numbers of training rows differ"
    if a.source_sha256 != b.source_sha256 and a.source_sha256 and b.source_sha256:
        return "the source code differs: one was trained before it was changed"
    if a.threads != b.threads:
        return f"the numbers of threads differ: {a.threads}, and {b.threads}"
    return _different_digests(a, b, {"rows": "rows that load() returned"})


def _different_digests(a: Record, b: Record, names: dict[str, str]) -> str:
    assert a.digests is not None
    assert b.digests is not None
    for name, words in names.items():
        if getattr(a.digests, name) != getattr(b.digests, name):
            return f"the {words} differ"
    return ""


def grouping(record: Record | AgreementEntry) -> tuple[str, str, str, int]:
    """Return what trainings that are compared have in common."""
    return record.experiment, record.dtype, record.label, record.seed


def _grouped(finished: Iterable[Finished]) -> dict[tuple[str, str, str, int], list[Finished]]:
    """Return trainings that are compared together, in the order they come in."""
    groups: dict[tuple[str, str, str, int], list[Finished]] = defaultdict(list)
    for each in finished:
        groups[grouping(each.record)].append(each)
    return groups
