"""What the trainings of one folder have in common, and in what a record is not one of them.

A run has one environment, and of each experiment one dtype and mode, one data set, as many rows and
one spec for each setting, and one source for each implementation, also where further trainings are
asked for: its seeds are shown together.
"""

from collections.abc import Iterable

from experiments.harness.records.identity import IDENTITY
from experiments.harness.records.models import Head, Record

__all__ = ["OneRun"]

_OTHER = {
    "data": "other data",
    "source_sha256": "other source code",
    "packages_sha256": "other files in its framework's packages",
}
_OF_A_SETTING = ("data", "limit", "spec")
_OF_AN_IMPLEMENTATION = ("source_sha256", "packages_sha256")


class OneRun:
    """The trainings of a request."""

    def __init__(self, heads: Iterable[Head]) -> None:
        heads = list(heads)
        self._any = heads[-1]
        self._same = {head.key: head for head in heads}
        self._experiments = {head.experiment: head for head in heads}
        self._settings = {(head.experiment, head.label): head for head in heads}
        self._implementations = {(head.experiment, head.implementation): head for head in heads}

    def unlike(self, record: Record) -> str:
        """Say in what a stored record is none of these trainings, nor one beside them; else ""."""
        if head := self._same.get(record.key):
            return _unlike(record, head, IDENTITY)
        return self.unlike_others(record)

    def unlike_others(self, record: Head) -> str:
        """Say in what a training is not one beside the others; else ""."""
        name = record.experiment
        return (
            _unlike(record, self._any, ["environment"])
            or _unlike(record, self._settings.get((name, record.label)), _OF_A_SETTING)
            or _of_another_kind(record, self._experiments.get(name))
            or _unlike(
                record,
                self._implementations.get((name, record.implementation)),
                _OF_AN_IMPLEMENTATION,
            )
        )


def _of_another_kind(record: Head, head: Head | None) -> str:
    """Say that a record is of another dtype, or native where others are not; or return ""."""
    if head is not None and "native" in {record.mode, head.mode} and record.mode != head.mode:
        return "in another mode, native or not"
    return _unlike(record, head, ["dtype"])


def _unlike(record: Head, head: Head | None, names: Iterable[str]) -> str:
    """Say in what a stored record is not the one that would be made now; empty if in nothing."""
    if head is None:
        return ""
    unlike = [name for name in names if getattr(record, name) != getattr(head, name)]
    return f"with {_OTHER.get(unlike[0], f'another {unlike[0]}')}" if unlike else ""
