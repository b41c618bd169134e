"""The conditions of two trainings: whether they are comparable, and what changed around them."""

from collections.abc import Iterable, Mapping

from experiments.harness.compare.schema import SurroundingChange
from experiments.harness.records.agreement import ends_apart
from experiments.harness.records.models import Record

__all__ = ["added_or_dropped", "changes_around", "same_machine", "why_not"]


def why_not(before: Record, after: Record) -> str:
    """Return why two trainings of the same name are not comparable, or an empty string.

    Their data, task, rows and all numbers that both specs have must be equal and, in lockstep,
    everything that was drawn. A number that only one spec has does not matter: pages gain numbers,
    and older records hold numbers that nothing used.
    """
    if before.data.sha256 != after.data.sha256:
        return f"different data: {_data(before)}, then {_data(after)}"
    return (
        _differing("different tasks", {"task": before.task}, {"task": after.task})
        or _differing("different specs", before.spec.items(), after.spec.items())
        or _differing("different rows", _rows(before), _rows(after))
        or _loaded_otherwise(before, after)
        or _drawn_otherwise(before, after)
    )


def added_or_dropped(before: Record, after: Record) -> str:
    """Name the numbers that only one spec has, or return an empty string."""
    old, new = before.spec.items(), after.spec.items()
    dropped = ", ".join(f"{name} {old[name]}" for name in old if name not in new)
    added = ", ".join(f"{name} {new[name]}" for name in new if name not in old)
    said = [f"only before: {dropped}"] * bool(dropped) + [f"only after: {added}"] * bool(added)
    return f"in the spec {'; '.join(said)}" if said else ""


def changes_around(pairs: Iterable[tuple[Record, Record]]) -> list[SurroundingChange]:
    """Return, once each, the surroundings that differ between comparable trainings."""
    changes = {}
    for before, after in pairs:
        old, new = _surroundings(before), _surroundings(after)
        for name in old | new:
            a, b = old.get(name), new.get(name)
            if a != b and "" not in (a, b):  # older records have no digests of packages
                changes[name, a, b] = SurroundingChange(name=name, before=a, after=b)
    return [*changes.values()]


def same_machine(changes: Iterable[SurroundingChange]) -> bool:
    """Return whether seconds can be compared: nothing that times depend on has changed."""
    return not {change.name for change in changes} & {"platform", "processor", "cpus", "threads"}


def _surroundings(record: Record) -> dict[str, bool | int | float | str | None]:
    """Return versions, threads, processor, Python, source, data and acceptance band, by name."""
    return {
        **record.environment.versions,
        **{name: _scalar(value) for name, value in record.environment.items().items()},
        f"packages of {record.implementation}": record.packages_sha256[:12],
        f"source of {record.experiment}": record.source_sha256[:12],
        f"data of {record.experiment}": _data(record),
        f"band of {record.experiment}": _band(record),
    }


def _scalar(value: object) -> bool | int | float | str | None:
    """Return what a record says of its machine; a list, which only a damaged one has, as text."""
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def _data(record: Record) -> str:
    return f"{record.data.name}, {record.data.source}, {record.data.sha256[:12]}"


def _band(record: Record) -> str | None:
    """Return the band of the headline figure; None where there is none, as for limited rows."""
    return " to ".join(map(str, record.acceptance)) if record.acceptance else None


def _rows(record: Record) -> dict[str, int | None]:
    """Return which rows were used; for a failed training only the limit is known."""
    if record.test is None:
        return {"limit": record.limit}
    return {"limit": record.limit, "n_train": record.n_train, "n_test": record.test.n}


def _loaded_otherwise(before: Record, after: Record) -> str:
    """Say that load() of a user's own page returned other rows, whatever it calls them."""
    old, new = (each.digests.rows if each.digests else "" for each in (before, after))
    known = old and new  # older records have no digest of them
    return "load() returned different rows" if known and old != new else ""


def _differing(what: str, a: Mapping[str, object], b: Mapping[str, object]) -> str:
    """Name the values that both trainings have and that differ."""
    names = [name for name in a if name in b and a[name] != b[name]]
    differing = [f"{name} {a[name]}, then {b[name]}" for name in names]
    return f"{what}: {'; '.join(differing)}" if differing else ""


def _drawn_otherwise(before: Record, after: Record) -> str:
    """Return which draws differ between two finished trainings in lockstep."""
    old, new = before.digests, after.digests
    if before.mode != "lockstep" or not old or not new:
        return ""
    if old.initial_weights != new.initial_weights:
        return "different initial weights were drawn"
    if ends_apart(before, after) is not None:
        return ""  # what one that stops earlier did not take of the orders is no other draw
    if old.batch_order != new.batch_order:
        return "different batches were drawn"
    drawn = old.draws and new.draws  # older records have no digest of them
    return "different random numbers were drawn" if drawn and old.draws != new.draws else ""
