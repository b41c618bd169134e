"""Two runs compared, as data frames."""

from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from experiments.harness.compare.document import render
from experiments.harness.compare.wording import findings, summary
from experiments.harness.records.files import write_atomically

__all__ = ["Comparison"]


class Comparison:
    """What changed between two runs: `experiments.compare` returns one."""

    def __init__(self, results: dict[str, Any]) -> None:
        self.results = results  # what `lockstep compare --json` prints

    def __repr__(self) -> str:
        return f"<Comparison: {self.verdict}; {summary(self.results)}>"

    @property
    def verdict(self) -> str:
        """Over all: "worse", "better", "changed", "not judged" or "unchanged"."""
        return self.results["verdict"]

    @property
    def findings(self) -> list[str]:
        """A sentence for each training that is not unchanged, or was not compared."""
        return [sentence for _, sentence in findings(self.results)]

    @cached_property
    def cells(self) -> pd.DataFrame:
        """One row for each training that was compared: its verdict, its reasons, the numbers."""
        return pd.json_normalize(self.results["trainings"], sep="_")

    @cached_property
    def environment(self) -> pd.DataFrame:
        """One row for each thing that changed around the trainings: its name, before and after."""
        return pd.DataFrame(self.results["environment"], columns=["name", "before", "after"])

    @cached_property
    def times(self) -> pd.DataFrame:
        """One row for each implementation: the ratios of its seconds, after / before."""
        return pd.DataFrame(self.results["times"])

    def write_html(self, path: str | Path) -> Path:
        """Write the comparison as one HTML file, and return its path."""
        write_atomically(Path(path), render(self.results).encode())
        return Path(path)
