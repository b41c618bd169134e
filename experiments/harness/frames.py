"""A stored run, and two of them compared, as data frames."""

from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from experiments.harness.compare.schema import ComparedRuns
from experiments.harness.compare.views import check_html, findings, render, summary
from experiments.harness.records.arrays import Arrays, weights_in
from experiments.harness.records.models import Record
from experiments.harness.records.results import asked_for, build_results
from experiments.harness.records.store import Store
from experiments.harness.records.tables import epochs_table, set_names, set_values
from frameworks.console import counted
from frameworks.errors import choose
from frameworks.files import write_atomically
from frameworks.task import find_task

__all__ = ["Comparison", "Run"]


class Run:
    """A stored run: `experiments.run` and `experiments.load_run` return one.

    A cell is one training. Its name is its row's in `cells`, "churn-float64-seed0-keras" for
    example; where a cell is asked for, the row itself will do as well.
    """

    def __init__(self, folder: str | Path, margin: float | None = None) -> None:
        self.folder = Path(folder)
        self._store = Store(self.folder)
        self.results = build_results(self._store, margin)  # what results.json holds

    def __repr__(self) -> str:
        done = sum(cell.ok for cell in self.results.cells)
        asked = counted(asked_for(self.results), "training")
        return f"<Run {self.folder}: {done:,} of {asked} finished>"

    @cached_property
    def cells(self) -> pd.DataFrame:
        """One row for each training: what was trained, its losses and figures, the seconds.

        The columns of figures are those of the tasks: test_accuracy, or test_rmse, test_mse and
        test_r2; a training of another task, or one that failed, has NaN there. Of several that were
        trained in one pass, the seconds are each one's share. Numbers that were set instead of the
        page's own have a column each, set_hidden for example; "" is the page's own.
        """
        names = set_names(self.results.cells)
        rows = {cell.key: _row(cell, names) for cell in self.results.cells}
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis("cell")

    @cached_property
    def history(self) -> pd.DataFrame:
        """One row for each training and epoch, as in results.csv: loss and accuracy."""
        columns, rows = epochs_table(self.results.cells)
        types = {"loss": float, "accuracy": float}
        return pd.DataFrame(rows, columns=columns).astype(types)

    @cached_property
    def agreement(self) -> pd.DataFrame:
        """One row for each two implementations compared: how far apart, and the verdict."""
        return pd.DataFrame([entry.model_dump() for entry in self.results.agreement])

    @property
    def report(self) -> Path | None:
        """The run's report.html; None where none was written."""
        path = self.folder / "report.html"
        return path if path.exists() else None

    def predictions(self, cell: str | pd.Series) -> np.ndarray:
        """Return the predicted classes of the test rows (n_test,).

        For a task without classes, the network's outputs (n_test, ...).
        """
        arrays = self._arrays(cell)
        return arrays["predictions" if "predictions" in arrays else "outputs"]

    def weights(self, cell: str | pd.Series) -> list[np.ndarray]:
        """Return the weights after the training, layer by layer: W (d_in, d_out), b (d_out,)."""
        return weights_in(self._arrays(cell))

    def _arrays(self, cell: str | pd.Series) -> Arrays:
        """Raises RequestError for a cell that the run does not have, or that failed."""
        finished = {each.key: each for each in self.results.cells if each.ok}
        key = cell if isinstance(cell, str) else str(getattr(cell, "name", cell))
        return self._store.arrays_of(finished[choose("finished cell", key, finished)])


def _row(cell: Record, set_: list[str]) -> dict[str, object]:
    history, test, seconds = cell.history, cell.test, cell.seconds
    names = ("experiment", "implementation", "mode", "dtype", "seed", "epochs", "status")
    accuracies = history.accuracy if history else None
    figures = {
        f"test_{metric.name}": _number(test.metric(metric.name) if test else None)
        for metric in find_task(cell.task).metrics
    }
    return {
        **{name: getattr(cell, name) for name in names},
        **dict(zip((f"set_{name}" for name in set_), set_values(cell, set_), strict=True)),
        "training_loss": _number(history.loss[-1] if history else None),
        "training_accuracy": _number(accuracies[-1] if accuracies else None),
        "test_loss": _number(test.loss if test else None),
        **figures,
        "seconds": _number(seconds.fit if seconds else None),
        "data": cell.data.name,
        "source": cell.data.source,
        "error": cell.error,
    }


def _number(value: float | None) -> float:
    return np.nan if value is None else value


class Comparison:
    """What changed between two runs: `experiments.compare` returns one."""

    def __init__(self, results: ComparedRuns) -> None:
        self.results = results  # what `lockstep compare --json` prints

    def __repr__(self) -> str:
        return f"<Comparison: {self.verdict}; {summary(self.results)}>"

    @property
    def verdict(self) -> str:
        """Over all: "worse", "better", "changed", "not judged" or "unchanged"."""
        return self.results.verdict

    @property
    def findings(self) -> list[str]:
        """A sentence for each training that is not unchanged, or was not compared."""
        return [sentence for _, sentence in findings(self.results)]

    @cached_property
    def cells(self) -> pd.DataFrame:
        """One row for each training compared, or lost: its verdict, its reasons, the numbers.

        The figures of a task have columns of their names, rmse_before and rmse_after for example.
        """
        judged = [*self.results.trainings, *self.results.lost]
        rows = [each.model_dump(exclude_none=True) for each in judged]
        return pd.json_normalize([row | row.pop("metrics", {}) for row in rows], sep="_")

    @cached_property
    def environment(self) -> pd.DataFrame:
        """One row for each thing that changed around the trainings: its name, before and after."""
        rows = [each.model_dump() for each in self.results.environment]
        return pd.DataFrame(rows, columns=["name", "before", "after"])

    @cached_property
    def times(self) -> pd.DataFrame:
        """One row for each implementation: the ratios of its seconds, after / before."""
        return pd.DataFrame([each.model_dump() for each in self.results.times])

    def write_html(self, path: str | Path) -> Path:
        """Write the comparison as one HTML file, and return its path."""
        check_html(Path(path))
        write_atomically(Path(path), render(self.results))
        return Path(path)
