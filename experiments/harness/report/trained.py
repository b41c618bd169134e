"""One experiment of a run, as the report's parts look at it."""

from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby
from types import ModuleType
from typing import Any

import numpy as np

from datasets import Dataset
from experiments.harness.records.store import Store
from experiments.harness.report.run_data import RunData
from experiments.registry import EXPERIMENTS, page

__all__ = ["Record", "Trained", "trained_in"]

Record = dict[str, Any]


@dataclass(frozen=True)
class Trained:
    """All trainings of one experiment with one dtype in one mode, and their data.

    In lockstep mode, from the same start, there is an agreement; in native mode, each from a start
    of its own, there is a comparison of the accuracies.
    """

    name: str
    dtype: str
    mode: str  # "lockstep" or "native"
    cells: list[Record]
    agreement: list[Record]
    arrays: dict[str, dict[str, np.ndarray]] = field(repr=False)  # by the cell's key
    data: Dataset | None
    without_data: str  # why there is none
    native: Record | None

    @property
    def title(self) -> str:
        """What tells it from the others of a run."""
        mode = "" if self.mode == "lockstep" else f", {self.mode}"
        return f"{self.name}, {self.dtype}{mode}"

    @cached_property
    def done(self) -> list[Record]:
        """The cells that were trained."""
        return [cell for cell in self.cells if cell["status"] == "ok"]

    @cached_property
    def implementations(self) -> list[str]:
        """The names of the implementations that were trained, each once."""
        return list(dict.fromkeys(cell["implementation"] for cell in self.done))

    @cached_property
    def seeds(self) -> list[int]:
        """The seeds that were trained with."""
        return list(dict.fromkeys(cell["seed"] for cell in self.done))

    @cached_property
    def page(self) -> ModuleType | None:
        """The experiment's page; None if there is none of that name any more."""
        return page(self.name) if self.name in EXPERIMENTS else None

    def cells_of(self, implementation: str) -> list[Record]:
        """Return an implementation's trained cells, one for each seed."""
        return [cell for cell in self.done if cell["implementation"] == implementation]

    def first_seed(self) -> list[Record]:
        """Return the trained cells with the first seed, one for each implementation."""
        return [cell for cell in self.done if cell["seed"] == self.seeds[0]]

    def array(self, cell: Record, name: str) -> np.ndarray | None:
        """Return one of a cell's arrays; None if it was recorded without."""
        return self.arrays[cell["key"]].get(name)


def trained_in(results: Record, store: Store, data: RunData) -> list[Trained]:
    """Return the experiments of a run's results, in their order."""

    def which(entry: Record) -> tuple[str, str, str]:
        return entry["experiment"], entry["dtype"], entry.get("mode", "lockstep")

    order = list(dict.fromkeys(map(which, results["cells"])))
    found, native = [], results.get("native") or []
    for key, group in groupby(
        sorted(results["cells"], key=lambda cell: order.index(which(cell))), which
    ):
        cells = list(group)
        loaded, why_not = data.of(cells[0])
        found.append(
            Trained(
                *key,
                cells=cells,
                agreement=[entry for entry in results["agreement"] if which(entry) == key],
                arrays={c["key"]: store.arrays_of(c) for c in cells if _has_arrays(c)},
                data=loaded,
                without_data=why_not,
                native=next((e for e in native if which(e | {"mode": "native"}) == key), None),
            )
        )
    return found


def _has_arrays(cell: Record) -> bool:
    return cell["status"] == "ok"
