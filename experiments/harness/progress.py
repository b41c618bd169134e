"""How far the training is: shown on a terminal, silent elsewhere."""

from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from experiments.harness.cell import Cell

__all__ = ["TerminalProgress"]


class TerminalProgress:
    """One bar for each cell in training, gone when it ends; nothing unless on a terminal."""

    def __init__(self, console: Console) -> None:
        self._bars = Progress(
            TextColumn("{task.description:<28}"),
            BarColumn(bar_width=18),
            TextColumn("{task.fields[state]}"),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
            transient=True,
        )
        self._tasks: dict[Cell, Any] = {}

    def __enter__(self) -> "TerminalProgress":
        self._bars.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._bars.stop()

    def started(self, cell: Cell) -> None:
        """Show a cell's bar."""
        how = "" if cell.mode == "lockstep" else f" {cell.mode}"
        name = f"{cell.experiment} {cell.implementation}{how} {cell.seed}"
        self._tasks[cell] = self._bars.add_task(name, total=cell.epochs, state="starting")

    def at(self, cell: Cell, epoch: int, loss: float) -> None:
        """Move a cell's bar."""
        state = f"epoch {epoch}/{cell.epochs} loss {loss:.4f}"
        self._bars.update(self._tasks[cell], completed=epoch, state=state)

    def ended(self, cell: Cell, error: str | None) -> None:
        """Take a cell's bar away."""
        self._bars.remove_task(self._tasks.pop(cell))
