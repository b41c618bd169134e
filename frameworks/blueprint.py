"""A network written for several implementations: what trainings are made from."""

from collections.abc import Mapping
from dataclasses import dataclass

from frameworks.program import ProgramBuilder
from frameworks.spec import Spec
from frameworks.task import CLASSIFICATION, Task

__all__ = ["Blueprint"]


@dataclass(frozen=True)
class Blueprint:
    """One network, its loss and its optimizer, with a builder for each dialect."""

    name: str
    spec: Spec
    builders: Mapping[str, ProgramBuilder]  # by dialect: "scratch", "keras", "pytorch"
    task: Task = CLASSIFICATION
