"""Whether two trainings can be compared at all: equal data, equal specs, equal inputs."""

from dataclasses import asdict
from typing import Any

from frameworks import Spec

__all__ = ["why_not"]

Record = dict[str, Any]

_DEFAULTS = asdict(Spec())  # what a spec meant that was stored before a number was added


def why_not(before: Record, after: Record) -> str:
    """Say why two trainings of the same name are not comparable, or return an empty string.

    Their data, every number of their specs and their training rows have to be equal, and, in
    lockstep, their initial weights and the order of their batches.
    """
    data, other = before["data"], after["data"]
    if data["sha256"] != other["sha256"]:
        return f"other data: {_data(data)}, then {_data(other)}"
    return (
        _differing("another spec", _DEFAULTS | before["spec"], _DEFAULTS | after["spec"])
        or _differing("other rows", _rows(before), _rows(after))
        or _drawn_otherwise(before, after)
    )


def _data(data: Record) -> str:
    return f"{data['name']}, {data['source']}, {data['sha256'][:12]}"


def _rows(record: Record) -> Record:
    """Return which rows were trained on; of a training that failed the limit alone is known."""
    return {name: record[name] for name in ("limit", "n_train") if name in record}


def _differing(what: str, a: Record, b: Record) -> str:
    """Name the values that differ between two trainings, where both have them."""
    names = [name for name in a if name in b and a[name] != b[name]]
    differing = [f"{name} {a[name]}, then {b[name]}" for name in names]
    return f"{what}: {'; '.join(differing)}" if differing else ""


def _drawn_otherwise(a: Record, b: Record) -> str:
    """Say which draw differs between two trainings in lockstep that were finished."""
    digests, others = a.get("digests"), b.get("digests")
    if a["mode"] != "lockstep" or not digests or not others:
        return ""
    for name, words in {"initial_weights": "initial weights", "batch_order": "batches"}.items():
        if digests[name] != others[name]:
            return f"other {words} were drawn"
    return ""
