"""Training steps of a Keras model on PyTorch: eager, as Keras itself trains there."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import numpy as np
import torch

from frameworks.keras.live.stepping import Data, Run, Stepper

__all__ = ["TorchStepper"]


class TorchStepper(Stepper):
    """Compiles nothing."""

    compiles = False

    @staticmethod
    @contextmanager
    def seeded(seed: int) -> Iterator[Callable[[], bool]]:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            start = torch.get_rng_state()
            yield lambda: not torch.equal(start, torch.get_rng_state())

    @staticmethod
    def to_numpy(tensor: torch.Tensor) -> np.ndarray:
        return np.array(tensor.detach().cpu().numpy())

    def untracked(self) -> AbstractContextManager[Any]:
        return torch.no_grad()

    def gradients_of_outputs(self, run: Run, added: list[Any]) -> tuple[Any, list[Any]]:
        with torch.enable_grad():
            loss, again = run(added)
            known = {k: z for k, z in enumerate(again) if z is not None and z.requires_grad}
            found = torch.autograd.grad(loss, [*known.values()], allow_unused=True)
        by_call = dict(zip(known, found, strict=True))
        return loss, [by_call.get(k) for k in range(len(again))]

    def reset(self) -> None:
        pass

    def step(self, data: Data, masks: Sequence[Any] | None) -> float:
        loss, self._gradients = self._take(data, masks)
        return float(loss)
