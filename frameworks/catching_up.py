"""Epochs that are trained together, and what becomes of them where a training is given up."""

from typing import Any

__all__ = ["BeforeEpochs"]


class BeforeEpochs:
    """An estimator's network as it was before epochs that are trained together."""

    def __init__(self, estimator: Any) -> None:
        self._estimator = estimator
        self.forget()

    def forget(self) -> None:
        """Keep nothing: an epoch that is trained alone costs no copy."""
        self._kept: tuple[Any, ...] | None = None

    def keep(self) -> None:
        """Keep the network, its optimizer's state, and the length of the history."""
        adapter = self._estimator._adapter
        network = adapter.get_weights(), adapter.get_layer_state(), adapter.get_optimizer_state()
        self._kept = len(self._estimator.history_), *network

    def restore(self) -> None:
        """Undo those epochs, if there are any."""
        if self._kept is None:
            return
        adapter = self._estimator._adapter
        epochs, weights, layer_state, optimizer_state = self._kept
        adapter.set_weights(weights)
        adapter.set_layer_state(layer_state)
        adapter.set_optimizer_state(optimizer_state)
        del self._estimator.history_[epochs:]
