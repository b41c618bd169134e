"""The outcome of a command: its verdict, and every case that was judged."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

__all__ = ["Case", "Outcome", "Verdict"]

_OfRun = Literal["passed", "failed", "incomplete"]  # incomplete: a package is not installed
_OfDiverge = Literal["same", "measured", "part"]
_OfCompare = Literal["unchanged", "not judged", "changed", "better", "worse"]
Verdict = _OfRun | _OfDiverge | _OfCompare | Literal["refused", "interrupted"]

_KNOWN = [word for words in get_args(Verdict) for word in get_args(words)]

_AGAINST: dict[str, int] = {
    **dict.fromkeys(("failed", "part", "worse"), 1),
    **dict.fromkeys(("incomplete", "refused"), 2),
    "interrupted": 130,
}


@dataclass(frozen=True)
class Case:
    """One thing that was judged: a training, a pair of implementations, a level."""

    group: str  # such as the experiment
    name: str
    against: tuple[str, ...] = ()  # whole sentences
    seconds: float = 0.0
    not_judged: str = ""  # why it was not


@dataclass(frozen=True)
class Outcome:
    """What a command came to; ValueError for a verdict that its cases contradict."""

    command: str
    verdict: Verdict
    cases: Sequence[Case]
    summary: str = ""  # a sentence with the counts

    def __post_init__(self) -> None:
        if self.verdict not in _KNOWN:
            raise ValueError(f"verdict: expected one of {_KNOWN}, got {self.verdict!r}")
        if bool(self.against) != bool(self.exit_code):
            raise ValueError(f"{self.verdict!r} with {len(self.against)} objections")

    @property
    def exit_code(self) -> int:
        """0 where nothing went against, 1 for a verdict, 2 for a request, 130 for a signal."""
        return _AGAINST.get(self.verdict, 0)

    @property
    def against(self) -> list[str]:
        """All that went against, a sentence each."""
        return [line for case in self.cases for line in case.against]

    @classmethod
    def without_result(cls, command: str, verdict: Verdict, reason: str) -> "Outcome":
        """Return the outcome of a command that was refused or interrupted."""
        return cls(command, verdict, [Case("lockstep", command, (reason,))], reason)
