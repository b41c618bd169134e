"""Where cells are trained: what a runner asks of this machine's processes, or of a cluster."""

from concurrent.futures import Future
from typing import Protocol, Self

from experiments.harness.cell import Cell, Group
from experiments.harness.records.models import Head

__all__ = ["Heads", "Place", "Progress"]

Heads = dict[Cell, Head]  # cells, and what their records say before training


class Progress(Protocol):
    """Whoever shows how far the training is; called from several threads."""

    def started(self, group: Group) -> None:
        """Note that cells begin to be trained together, their libraries' import included."""

    def at(self, group: Group, epoch: int, loss: float) -> None:
        """Note the latest epoch and its loss, the mean of all."""

    def ended(self, group: Group, done: Group, error: str | None) -> None:
        """Note which cells of a group are trained, or why they failed; others follow alone."""

    def remark(self, text: str) -> None:
        """Show what there is to know besides, in a line."""


class Place(Protocol):
    """Trains cells, several at a time, from `with` on and until it is left.

    Left early, it ends what is being trained, and leaves what has not begun. The progress is told
    what begins and how far it is; the runner tells it what has ended.
    """

    @property
    def parts(self) -> int:
        """How many trainings run at a time: seeds of one cell are divided among them."""

    def missing(self, implementation: str) -> str | None:
        """Return a message if a package is not installed there, else None."""

    def submit(self, heads: Heads) -> Future[str | None]:
        """Train cells together, and write the records of those that are finished.

        The future returns why it failed, or None; it raises RequestError where it makes no sense to
        train anything else, as on a full disk.
        """

    def __enter__(self) -> Self: ...

    def __exit__(self, *exc: object) -> None: ...
