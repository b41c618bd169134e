"""How far the training is: bars on a terminal, elsewhere a line for each training that ends."""

import time
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from experiments.harness.cell import Cell, Group
from frameworks.console import counted

__all__ = ["LineProgress", "TerminalProgress", "make_progress"]


class LineProgress:
    """One line for each training that ends; nothing on a quiet console."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._started: dict[Group, float] = {}

    def __enter__(self) -> "LineProgress":
        return self

    def __exit__(self, *exc: object) -> None:
        pass

    def started(self, group: Group) -> None:
        """Note when trainings began."""
        self._started[group] = time.monotonic()

    def at(self, group: Group, epoch: int, loss: float) -> None:
        """Nothing: what is over a second later is no news in a file."""

    def ended(self, group: Group, done: Group, error: str | None) -> None:
        """Print how trainings ended."""
        seconds = time.monotonic() - self._started.pop(group)
        together = f" for {len(done)} together" if len(done) > 1 else ""
        for cell in done:
            how = f"failed: {error}" if error else counted(cell.epochs, "epoch")
            line = f"{_name(cell)}: {how}, {seconds:.1f} s{together}"
            self._console.print(Text(line), soft_wrap=True)

    def remark(self, text: str) -> None:
        """Print a line of its own."""
        self._console.print(Text(text), soft_wrap=True)


class TerminalProgress(LineProgress):
    """One bar for what is trained together, with its loss and the time left, gone when it ends."""

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
        self._tasks: dict[Group, Any] = {}

    def __enter__(self) -> "TerminalProgress":
        self._bars.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._bars.stop()

    def started(self, group: Group) -> None:
        """Show a bar."""
        name = _name(group[0]) + (f" and {len(group) - 1} more" if len(group) > 1 else "")
        self._tasks[group] = self._bars.add_task(name, total=group[0].epochs, state="starting")

    def at(self, group: Group, epoch: int, loss: float) -> None:
        """Move a bar."""
        state = f"{epoch:,}/{group[0].epochs:,} loss {loss:.4f}"
        self._bars.update(self._tasks[group], completed=epoch, state=state)

    def ended(self, group: Group, done: Group, error: str | None) -> None:
        """Take a bar away."""
        self._bars.remove_task(self._tasks.pop(group))


def make_progress(quiet: bool) -> LineProgress:
    """Return what suits standard error; a quiet one shows nothing."""
    console = Console(stderr=True, quiet=quiet, highlight=False, force_jupyter=False)
    return TerminalProgress(console) if console.is_terminal and not quiet else LineProgress(console)


def _name(cell: Cell) -> str:
    how = "" if cell.mode == "lockstep" else f" {cell.mode}"
    return " ".join(
        filter(None, [f"{cell.experiment} {cell.implementation}{how}", cell.label, f"{cell.seed}"])
    )
