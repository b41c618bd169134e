"""A stored run as data frames."""

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from experiments.harness.records.native import MARGIN
from experiments.harness.records.results import build_results
from experiments.harness.records.store import EPOCH_COLUMNS, Store, epoch_rows
from frameworks.errors import choose

__all__ = ["Run"]


class Run:
    """A stored run: `experiments.run` and `experiments.load_run` return one.

    A cell is one training. Its name is its row's in `cells`, "churn-float64-seed0-keras" for
    example; where a cell is asked for, the row itself will do as well.
    """

    def __init__(self, folder: str | Path, margin: float = MARGIN) -> None:
        self.folder = Path(folder)
        self._store = Store(self.folder)
        self.results: dict[str, Any] = build_results(self._store, margin)  # as results.json

    def __repr__(self) -> str:
        done = sum(cell["status"] == "ok" for cell in self.results["cells"])
        return f"<Run {self.folder}: {done} of {len(self.results['cells'])} trainings finished>"

    @cached_property
    def cells(self) -> pd.DataFrame:
        """One row for each training: what was trained, the losses and accuracies, the seconds."""
        rows = {cell["key"]: _row(cell) for cell in self.results["cells"]}
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis("cell")

    @cached_property
    def history(self) -> pd.DataFrame:
        """One row for each training and epoch, as in results.csv: loss and accuracy."""
        rows = epoch_rows(self.results["cells"])
        return pd.DataFrame(rows, columns=[*EPOCH_COLUMNS]).astype({"loss": float})

    @cached_property
    def agreement(self) -> pd.DataFrame:
        """One row for each two implementations compared: how far apart, and the verdict."""
        return pd.DataFrame(self.results["agreement"])

    @property
    def report(self) -> Path | None:
        """The run's report.html; None where none was written."""
        path = self.folder / "report.html"
        return path if path.exists() else None

    def predictions(self, cell: str | pd.Series) -> np.ndarray:
        """Return the predicted classes of the test rows (n_test,)."""
        return self._arrays(cell)["predictions"]

    def weights(self, cell: str | pd.Series) -> list[np.ndarray]:
        """Return the weights after the training, layer by layer: W (d_in, d_out), b (d_out,)."""
        arrays = self._arrays(cell)
        count = sum(name.startswith("weights.") for name in arrays)
        return [arrays[f"weights.{i}"] for i in range(count)]

    def _arrays(self, cell: str | pd.Series) -> dict[str, np.ndarray]:
        """Raises RequestError for a cell that the run does not have, or that failed."""
        finished = {each["key"]: each for each in self.results["cells"] if each["status"] == "ok"}
        key = cell if isinstance(cell, str) else str(cell.name)
        return self._store.arrays_of(finished[choose("finished cell", key, finished)])


def _row(cell: dict[str, Any]) -> dict[str, Any]:
    history = cell["history"] or {"loss": [None], "accuracy": [None]}
    test, seconds = cell["test"] or {}, cell["seconds"] or {}
    names = ("experiment", "implementation", "mode", "dtype", "seed", "epochs", "status")
    return {name: cell[name] for name in names} | {
        "training_loss": _number(history["loss"][-1]),
        "training_accuracy": _number(history["accuracy"][-1]),
        "test_loss": _number(test.get("loss")),
        "test_accuracy": _number(test.get("accuracy")),
        "seconds": _number(seconds.get("fit")),
        "data": cell["data"]["name"],
        "source": cell["data"]["source"],
        "error": cell["error"],
    }


def _number(value: float | None) -> float:
    return np.nan if value is None else value
