"""What a walk through the levels comes to."""

from dataclasses import dataclass, field
from typing import Any

from frameworks.agreement.distances import FLOAT64, Distance, Limits
from frameworks.diverge.causes import likely_cause
from frameworks.diverge.details import describe
from frameworks.diverge.differences import Difference
from frameworks.diverge.evidence import Evidence
from frameworks.diverge.floor import Floor
from frameworks.diverge.levels import FIRST_BATCH, Item
from frameworks.diverge.side import Side
from frameworks.diverge.single_step import SingleSteps

__all__ = ["LEVELS", "Finding", "Level", "Walk"]

LEVELS = ("inputs", *FIRST_BATCH, "trajectory", "result")


@dataclass(frozen=True)
class Level:
    """One level, as far as it was compared."""

    name: str
    verdict: str  # "same", "parted" or "measured"
    worst: Difference  # the first that parts, or the one closest to its limit
    compared: int  # how many arrays or numbers


@dataclass(frozen=True)
class Finding:
    """The first difference of a level that parts, and what can be said about it."""

    level: str
    difference: Difference
    details: list[str]
    cause: str | None  # a likely one, where a test of it on the numbers succeeds


@dataclass
class Walk:
    """What a walk came to: the levels that were reached, and what was found."""

    a: Side
    b: Side
    steps: int | None = None  # None: the whole training
    levels: list[Level] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    single: SingleSteps | None = None
    floor: Floor | None = None  # float32: what whole trainings are held against
    distance: Distance | None = None  # float32: of the whole trainings, if they came to their end

    @property
    def limits(self) -> Limits | None:
        """How far apart whole trainings may be; None: they are measured, not judged."""
        if self.a.dtype == "float64":
            return FLOAT64
        return None if self.floor is None else self.floor.noise.limits

    def keep(self, name: str, found: list[tuple[Item, Difference]], **evidence: Any) -> bool:
        """Keep a level, and the finding if it parts; return whether it does."""
        differences = [each for _, each in found]
        parted = [(item, each) for item, each in found if each.parted]
        unjudged = any(each.limit is None for each in differences)
        verdict = "parted" if parted else "measured" if unjudged else "same"
        worst = parted[0][1] if parted else max(differences, key=lambda each: each.of_limit)
        self.levels.append(Level(name, verdict, worst, len(found)))
        if not parted:
            return False
        item, first = parted[0]
        positions = frozenset(each.position for each, _ in parted)
        proof = Evidence(
            found=first,
            position=item.position,
            parted=positions,
            floor=self.floor,
            **evidence,
        )
        details = describe(name, found, proof)
        self.findings.append(Finding(name, first, details, likely_cause(name, proof)))
        return True
