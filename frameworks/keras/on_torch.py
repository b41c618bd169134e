"""Keras on PyTorch: step by step, as Keras itself trains on this backend."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from frameworks.global_numbers import drawn_by
from frameworks.keras.adapter import KerasAdapter, Tensors
from frameworks.keras.dropout import DRAWN

__all__ = ["TorchKeras"]


class TorchKeras(KerasAdapter):
    """Trains eagerly; nothing is compiled."""

    def _compile(self, columns: Tensors, batch_size: int) -> None:
        pass

    def _train_epochs(
        self, columns: Tensors, masks: Tensors, orders: np.ndarray, batch_size: int
    ) -> tuple[np.ndarray, np.ndarray]:
        model, losses, right = self.parts.network, [], []
        for epoch, order in enumerate(orders):
            model.reset_metrics()
            of_epoch = [mask[epoch].split(batch_size) for mask in masks]
            for step, rows in enumerate(torch.from_numpy(order).split(batch_size)):
                with self.dropout.handed([of_steps[step] for of_steps in of_epoch]):
                    logs = model.train_step(tuple(column[rows] for column in columns))
            losses.append(float(logs["loss"]))
            right.append(0.0 if self.accuracy is None else float(self.accuracy.total))
        return np.array(losses), np.array(right)

    @contextmanager
    def none_drawn(self, step: Callable[[], Any], *words: str) -> Iterator[None]:
        with torch.random.fork_rng(devices=[]), super().none_drawn(step, *words):
            before = _state()
            yield
            if _state() != before and drawn_by(step, _state):
                raise RuntimeError(DRAWN)

    def _to_numpy(self, tensor: torch.Tensor) -> np.ndarray:
        return np.array(tensor.detach().cpu().numpy())

    def _loss_and_gradients(self, columns: Tensors) -> tuple[torch.Tensor, Tensors]:
        model, (X, y, *w) = self.parts.network, columns
        loss = model.compute_loss(X, y, model(X, training=True), *w)
        variables = [v.value for v in model.trainable_variables]
        return loss, list(torch.autograd.grad(loss, variables, allow_unused=True))


def _state() -> bytes:
    return torch.get_rng_state().numpy().tobytes()
