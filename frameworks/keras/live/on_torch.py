"""Training steps of a Keras model on PyTorch: eager, as Keras itself trains there."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import torch

from frameworks.keras.live.stepping import Data, Stepper

__all__ = ["TorchStepper"]


class TorchStepper(Stepper):
    """Compiles nothing."""

    compiles = False

    @staticmethod
    def to_numpy(tensor: torch.Tensor) -> np.ndarray:
        return np.array(tensor.detach().cpu().numpy())

    def untracked(self) -> AbstractContextManager[Any]:
        return torch.no_grad()

    def reset(self) -> None:
        pass

    def step(self, data: Data, masks: Sequence[Any] | None) -> float:
        loss, self._gradients = self._take(data, masks)
        return float(loss)
