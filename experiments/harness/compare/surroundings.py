"""What changed around the trainings: versions, threads, processor, Python, source and data."""

from collections.abc import Iterable
from typing import Any

__all__ = ["TIMING", "surroundings_changes"]

Record = dict[str, Any]

TIMING = ("platform", "processor", "cpus", "threads")  # where these differ, no time is judged


def surroundings_changes(pairs: Iterable[tuple[Record, Record]]) -> list[dict[str, Any]]:
    """Return {"name", "before", "after"} for each thing that differs between equal trainings."""
    changes = {}
    for before, after in pairs:
        old, new = _surroundings(before), _surroundings(after)
        for name in old | new:
            change = (name, old.get(name), new.get(name))
            if change[1] != change[2]:
                changes[change] = dict(zip(("name", "before", "after"), change, strict=True))
    return [*changes.values()]


def _surroundings(record: Record) -> Record:
    environment = {name: value for name, value in record["environment"].items()}
    versions, data = environment.pop("versions"), record["data"]
    of = record["experiment"]
    return {
        **versions,
        **environment,
        f"source of {of}": record.get("source_sha256", "")[:12],
        f"data of {of}": f"{data['name']}, {data['source']}, {data['sha256'][:12]}",
    }
