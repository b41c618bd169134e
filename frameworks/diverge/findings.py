"""The outcome of a walk through the levels."""

from dataclasses import dataclass, field
from math import isfinite
from typing import Literal

from frameworks.agreement.distances import Distance
from frameworks.agreement.limits import FLOAT64, Limits
from frameworks.console import exponent
from frameworks.diverge.causes import likely_cause
from frameworks.diverge.differences import Difference
from frameworks.diverge.equivalent import Ending
from frameworks.diverge.evidence import Evidence
from frameworks.diverge.first_batch import FIRST_BATCH
from frameworks.diverge.floor import Floor
from frameworks.diverge.side import Side
from frameworks.diverge.single_step import SingleSteps

__all__ = ["LEVELS", "Finding", "Level", "Walk"]

LEVELS = ("inputs", *FIRST_BATCH, "trajectory", "result")


@dataclass(frozen=True)
class Level:
    """The outcome of one level."""

    name: str
    verdict: Literal["same", "parted", "measured"]
    worst: Difference  # the first that exceeds its limit, or the one closest to its limit
    compared: int  # how many arrays or numbers


@dataclass(frozen=True)
class Finding:
    """The first difference at a level, with details and a likely cause."""

    level: str
    difference: Difference
    details: list[str]
    cause: str | None  # a likely one, if the numbers confirm it


@dataclass
class Walk:
    """The outcome of a walk: the levels that were reached, and what was found."""

    a: Side
    b: Side
    steps: int | None = None  # None: the whole training
    levels: list[Level] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    single: SingleSteps | None = None
    floor: Floor | None = None  # the limit of whole trainings where no fixed limit holds
    distance: Distance | None = None  # of the whole trainings, if there is a floor
    ending: Ending | None = None  # that one network has, and the other's loss

    @property
    def limits(self) -> Limits | None:
        """The limits of whole trainings; None: they are measured, not judged."""
        if self.floor is not None:
            return self.floor.limits
        return FLOAT64 if self.a.dtype == "float64" else None

    @property
    def parts(self) -> bool:
        """Whether the two differ anywhere."""
        return bool(self.findings or (self.single and self.single.parted))

    def keep(self, evidence: Evidence) -> bool:
        """Record a level, with a finding if the two differ there; return whether they do."""
        differences = [each for _, each in evidence.compared]
        verdict: Literal["same", "parted", "measured"] = "same"
        worst = max(differences, key=lambda each: each.of_limit)
        if evidence.first is not None:
            verdict, worst = "parted", evidence.found
        elif any(each.limit is None for each in differences):
            verdict = "measured"
        self.levels.append(Level(evidence.level, verdict, worst, len(differences)))
        if verdict == "parted":
            cause = likely_cause(evidence)
            self.findings.append(Finding(evidence.level, worst, _describe(evidence), cause))
        return verdict == "parted"


def _describe(evidence: Evidence) -> list[str]:
    """Return sentences that narrow a difference down: what around it still agrees."""
    if not evidence.finite:
        return _not_finite(evidence)
    if evidence.level in ("gradient", "step"):
        return _which(evidence)
    if evidence.level == "forward":
        return _before(evidence)
    if evidence.level in ("trajectory", "result"):
        return _steps(evidence)
    return []


def _not_finite(evidence: Evidence) -> list[str]:
    """Say which side is not finite, and since when; a training has no other details then."""
    where = evidence.found
    since = {"step": where.step, "epoch": where.epoch}
    known = [f" from {name} {number} on" for name, number in since.items() if number is not None]
    which = [
        name
        for name, value in zip(evidence.names, where.values, strict=True)
        if not isfinite(float(value))
    ]
    verb = "are" if len(which) > 1 else "is"
    return [f"{' and '.join(sorted(which))} {verb} not finite{''.join(known[:1])}"]


def _which(evidence: Evidence) -> list[str]:
    """Name the weights that differ, if others agree."""
    weights = [(item, each) for item, each in evidence.compared if "weights." in item.where]
    parted = [item.position for item, each in weights if each.parted]
    if len(parted) in (0, 1, len(weights)):
        return []
    names = ", ".join(f"weights.{i}" for i in parted)
    return [f"{len(parted)} of {len(weights)} differ: {names}; the others agree"]


def _before(evidence: Evidence) -> list[str]:
    """Say how well everything before the layer agrees."""
    found = [each for _, each in evidence.compared]
    earlier = found[: found.index(evidence.found)]
    worst = exponent(each.error for each in earlier) if earlier else ""
    return [f"everything before it agrees, to {worst}"] if earlier else []


def _steps(evidence: Evidence) -> list[str]:
    """Say whether the gradients, the optimizer step or the training loop differs."""
    step, epoch, floor = evidence.step, evidence.epoch, evidence.floor
    if step is None:
        if evidence.epochs is None:  # no step was searched for
            return []
        if floor is not None:
            return ["step by step on the same batches, the two stay within the noise floor"]
        return ["step by step on the same batches, the two agree: their loops differ"]
    of, found = step.gradients, []
    if floor is not None and epoch is not None:
        found.append(f"{epoch.where}, epoch {epoch.epoch}, is outside the noise floor: "
                     f"{exponent([epoch.error])}, limit {exponent([epoch.limit])}")  # fmt: skip
    elif floor is not None:
        first = step.difference
        found.append(f"first outside the noise floor at step {first.step}: {first.where}, "
                     f"by {exponent([first.error])}")  # fmt: skip
    error = exponent([of.error])
    if of.parted:
        return [*found, f"at equal weights, the {of.where} already differs: {error}"]
    return [*found, f"at equal weights all gradients agree, to {error}"]
