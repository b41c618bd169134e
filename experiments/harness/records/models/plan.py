"""What plan.json holds: which trainings a run was asked for."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from experiments.harness.records.models.fields import Many, Model, Number, Text
from experiments.harness.records.reading import SCHEMA, read


class Asked(Model):
    """One command that asked for trainings: when, in which words, and of which lockstep."""

    date: Text  # ISO 8601, in UTC
    command: Text
    version: Text


class Plan(Model):
    """What plan.json holds: the names of all trainings that were asked for, and by what."""

    schema_: Literal[1] = Field(default=SCHEMA, alias="schema")
    cells: Many[Text]
    asked: Many[Asked] = []  # each command once, when it last asked; empty in older plans
    margins: dict[Text, Number] = {}  # of native trainings, by experiment, if set


def read_plan(path: Path) -> Plan:
    """Return a run's plan; RequestError if it is damaged."""
    return read(path, Plan)
