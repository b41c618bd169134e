"""What a run's JSON files hold: every record, result and plan is one of these types.

The arrays of a record lie beside it: see `arrays`.

A file may come from anywhere: by mail, from a build, from another version. What is read is checked
against these types once, and all its text is printable. Fields may be added, never renamed: one
that an older record lacks has a default here, and one of a newer version is passed over.
"""

from experiments.harness.records.models.head import DataId, Environment, Head, SpecNumbers
from experiments.harness.records.models.plan import Asked, Plan, read_plan
from experiments.harness.records.models.record import (
    Certified,
    Digests,
    History,
    PhaseFigures,
    Record,
    Seconds,
    TestFigures,
    read_record,
)
from experiments.harness.records.models.results import (
    AgreementEntry,
    FloorEntry,
    NativeEntry,
    NativePair,
    Results,
    read_results,
)

__all__ = [
    "AgreementEntry",
    "Asked",
    "Certified",
    "DataId",
    "Digests",
    "Environment",
    "FloorEntry",
    "Head",
    "History",
    "NativeEntry",
    "NativePair",
    "PhaseFigures",
    "Plan",
    "Record",
    "Results",
    "Seconds",
    "SpecNumbers",
    "TestFigures",
    "read_plan",
    "read_record",
    "read_results",
]
