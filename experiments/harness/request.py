"""What a user asks for: the options of `lockstep run`, checked."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral
from pathlib import Path
from typing import get_args

from datasets import Policy
from frameworks.agreement.noise_floor import TRAININGS, check_floor
from frameworks.errors import RequestError, choose

__all__ = ["Request", "parse_seeds"]

_MOST = 2**53  # beyond it, JSON's numbers are not whole any more
_MOST_SEEDS = 100_000


@dataclass(frozen=True)
class Request:
    """The options of `lockstep run`."""

    experiments: Sequence[str] = ()  # names, or paths of pages; none: all
    implementations: Sequence[str] = ()  # none: those that are trained by default
    dtype: str = "float64"
    seeds: Sequence[int] = (0,)
    epochs: int | None = None  # None: the experiment's own
    limit: int | None = None
    policy: Policy = "auto"
    data_dir: str | None = None
    threads: int = 1
    native: bool = False  # each framework's own defaults, nothing aligned
    floor: int = TRAININGS  # that are nudged, and judge where no fixed limit holds
    settings: Sequence[str] = ()  # of a spec's numbers: "hidden=8,16", each list a side of a grid
    out: Path | None = None  # None: a folder under runs/ that follows from all of this
    command: str = ""  # as it was typed, for the record; empty where there was none

    def __post_init__(self) -> None:
        for name in ("epochs", "limit", "threads"):
            value = getattr(self, name)
            if value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, Integral) or value < 1:
                raise RequestError(f"{name}: expected a whole number, 1 or more, got {value!r}")
            number = int(value)  # NumPy's, too
            if number >= _MOST:
                raise RequestError(f"{name}: expected less than {_MOST:,}, got {number:,}")
            object.__setattr__(self, name, number)
        for seed in self.seeds:
            if not isinstance(seed, Integral) or not 0 <= seed < _MOST:
                raise RequestError(f"seeds: expected whole numbers below {_MOST:,}, got {seed!r}")
        dtype = choose("dtype", self.dtype, ("float64", "float32"))
        object.__setattr__(self, "dtype", str(dtype))  # NumPy's equals its name, too
        choose("data", self.policy, get_args(Policy))
        check_floor(self.floor)
        if self.epochs and any(
            text.partition("=")[0].strip() == "epochs" for text in self.settings
        ):
            raise RequestError("epochs are given by --epochs and by --set; leave one out")

    @property
    def kind(self) -> str:
        """What sets a run's trainings apart from others': "native float32", for example."""
        return f"native {self.dtype}" if self.native else self.dtype


def parse_seeds(text: str | int) -> tuple[int, ...]:
    """Return the seeds that a text names: a number of them, or a list of numbers and ranges.

    >>> parse_seeds("3"), parse_seeds("3,"), parse_seeds("3,7"), parse_seeds("10-12,20")
    ((0, 1, 2), (3,), (3, 7), (10, 11, 12, 20))
    """
    text = str(text)
    if re.fullmatch(r"\d{1,20}", text):
        count = int(text)
        if not 1 <= count <= _MOST_SEEDS:
            raise RequestError(f"seeds: expected 1 to {_MOST_SEEDS:,}, got {count}")
        return tuple(range(count))
    seeds: list[int] = []
    for part in filter(None, text.split(",")):
        found = re.fullmatch(r"\s*(\d{1,9})(?:-(\d{1,9}))?\s*", part)
        first, last = (int(found[1]), int(found[2] or found[1])) if found else (1, 0)
        if not first <= last < first + _MOST_SEEDS:
            raise RequestError(
                f"seeds: expected a number of seeds, or a list such as 3,7 or 10-19; got {text!r}"
            )
        seeds += range(first, last + 1)
    if not seeds:
        raise RequestError("seeds: expected at least one, got none")
    return tuple(dict.fromkeys(seeds))
