"""The rows that a training holds out: measured after every epoch, and where it stops by them."""

from hashlib import sha256
from typing import Any

import numpy as np

from scratch import Batch

__all__ = ["HeldOut"]


class HeldOut:
    """What one training measures on rows that it is not trained on, and the end that this puts."""

    def __init__(self, estimator: Any, rows: Batch | None) -> None:
        self.estimator, self.rows = estimator, rows
        self.stopping = estimator._stops_early(rows)
        self.losses: list[float] = []  # of every epoch so far
        self._learned: list[str] = []  # a digest of what the network had learned by each of them

    def end(self) -> bool:
        """Measure the rows after an epoch; return whether the training stops here."""
        if self.rows is None:
            return False
        self.losses.append(self.estimator._measure(self.rows)["loss"])
        if not self.stopping:
            return False
        self._learned.append(self._digest())
        return bool(self.estimator._adapter.stop(len(self.losses) - 1, self.losses[-1]))

    def restore_best(self) -> None:
        """Go back to the epoch that the training takes for the best, if it stops early."""
        if self.stopping:
            self.estimator._adapter.restore_best()

    @property
    def kept(self) -> int:
        """The latest epoch, from 1 on, whose weights and states the network has; 0 if none."""
        if not self.stopping:
            return len(self.losses)
        epochs = {learned: number for number, learned in enumerate(self._learned, 1)}
        return epochs.get(self._digest(), 0)

    def _digest(self) -> str:
        """Return a digest of the weights and states."""
        adapter, found = self.estimator._adapter, sha256()
        for array in (*adapter.get_weights(), *adapter.get_states()):
            found.update(np.ascontiguousarray(array).tobytes())
        return found.hexdigest()
