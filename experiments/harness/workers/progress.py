"""How far the training is: bars on a terminal, elsewhere a line for each training that ends."""

import time
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from experiments.harness.cell import Cell

__all__ = ["LineProgress", "TerminalProgress", "make_progress"]


class LineProgress:
    """One line for each training that ends; nothing on a quiet console."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._started: dict[Cell, float] = {}

    def __enter__(self) -> "LineProgress":
        return self

    def __exit__(self, *exc: object) -> None:
        pass

    def started(self, cell: Cell) -> None:
        """Note when a cell's training began."""
        self._started[cell] = time.monotonic()

    def at(self, cell: Cell, epoch: int, loss: float) -> None:
        """Nothing: what is over a second later is no news in a file."""

    def ended(self, cell: Cell, error: str | None) -> None:
        """Print how a training ended."""
        seconds = time.monotonic() - self._started.pop(cell)
        how = f"failed: {error}" if error else f"{cell.epochs} epochs"
        self._console.print(Text(f"{_name(cell)}: {how}, {seconds:.1f} s"), soft_wrap=True)


class TerminalProgress(LineProgress):
    """One bar for each cell in training, with its loss and the time left, gone when it ends."""

    def __init__(self, console: Console) -> None:
        super().__init__(console)
        self._bars = Progress(
            TextColumn("{task.description:<26}"),
            BarColumn(bar_width=10),
            TextColumn("{task.fields[state]}"),
            TimeRemainingColumn(),
            console=console,
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
        self._tasks[cell] = self._bars.add_task(_name(cell), total=cell.epochs, state="starting")

    def at(self, cell: Cell, epoch: int, loss: float) -> None:
        """Move a cell's bar."""
        state = f"{epoch}/{cell.epochs} loss {loss:.4f}"
        self._bars.update(self._tasks[cell], completed=epoch, state=state)

    def ended(self, cell: Cell, error: str | None) -> None:
        """Take a cell's bar away."""
        self._bars.remove_task(self._tasks.pop(cell))


def make_progress(quiet: bool) -> LineProgress:
    """Return what suits standard error; a quiet one shows nothing."""
    console = Console(stderr=True, quiet=quiet, highlight=False, force_jupyter=False)
    return TerminalProgress(console) if console.is_terminal and not quiet else LineProgress(console)


def _name(cell: Cell) -> str:
    how = "" if cell.mode == "lockstep" else f" {cell.mode}"
    return f"{cell.experiment} {cell.implementation}{how} {cell.seed}"
