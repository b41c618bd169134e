"""A live `nn.Module` with its loss, optimizer and schedule, as comparisons see it."""

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import nn

from frameworks.draws import Dropped
from frameworks.errors import RequestError
from frameworks.live.model import LiveModel, Rows, Training
from frameworks.live.targets import fit_target
from frameworks.pytorch.copying import copy_training, unwrapped
from frameworks.pytorch.facts import loss_facts, optimizer_facts, schedule_facts, set_fact
from frameworks.pytorch.handing import Handed, handing
from frameworks.pytorch.live_weights import LiveWeights
from frameworks.pytorch.orienting import Orienter
from frameworks.pytorch.stepping import loss_of, take_step
from frameworks.pytorch.tracing import trace_calls
from frameworks.pytorch.watching import Watched, tensors_in, watch
from frameworks.recordings.trace import Arrays, LayerTrace, Weight

__all__ = ["PyTorchLive"]


class PyTorchLive(LiveModel):
    """A copy of an `nn.Module` of any shape, on the CPU."""

    framework = "pytorch"

    def __init__(self, training: Training, rows: Rows, dtype: str) -> None:
        self.dtype, self._dtype = dtype, getattr(torch, dtype)
        self.training, self.notes = copy_training(training, self._dtype)
        self.network: nn.Module = self.training.model
        self.handed = Handed(self._dtype)
        watched = self._discover(rows)
        self._orienter = Orienter(watched)
        self.handed.orientations = [
            self._orienter.before(i)[0] for i, call in enumerate(watched.calls) if _drops(call)
        ]
        self._weights = LiveWeights(self.network, watched.calls, self._orienter, self._groups())
        self.notes += [f"no layer uses {name}" for name in self._weights.unused]
        self.versions = {"torch": torch.__version__, "device": "cpu"}
        self._read_facts()

    def _read_facts(self) -> None:
        own = self.training
        self.loss_facts = loss_facts(own.loss, None)
        self.optimizer_facts = optimizer_facts(own.optimizer)
        self.schedule_facts = schedule_facts(own.scheduler)

    def _groups(self) -> dict[int, int]:
        groups = self.training.optimizer.param_groups
        return {id(p): k for k, group in enumerate(groups) for p in group["params"]}

    def _discover(self, rows: Rows) -> Watched:
        """Run the rows once, in evaluation mode; RequestError if the model does not take them."""
        shapes = " and ".join(str(tuple(x.shape[1:])) for x in rows.X)
        try:
            with self._forward(training=False, masks=None), watch(self.network) as watched:
                self._run(watched, self._tensors(rows.X))
        except Exception as error:  # of whatever kind a user's module raises
            why = str(error).partition("\n")[0]
            raise RequestError(f"the PyTorch model fails on rows of shape {shapes}: {why}") from error
        if not watched.returned:
            raise RequestError("the PyTorch model returns no tensor")
        return watched

    @classmethod
    def adapt(cls, training: Training, X: Arrays) -> Arrays:
        convolutions = [m for m in unwrapped(training.model).modules() if isinstance(m, nn.Conv1d
                        | nn.Conv2d | nn.Conv3d)]  # fmt: skip
        if not convolutions:
            return X
        first = convolutions[0]
        channels, ndim = first.in_channels, 2 + len(first.kernel_size)
        return tuple(_channels_first(x, channels) if x.ndim == ndim else x for x in X)

    def adapt_targets(self, y: Arrays) -> Arrays:
        pairs = zip(y, self._shapes, strict=False)
        fitted = [fit_target(a, shape, self.loss_facts, self.notes) for a, shape in pairs]
        return (*fitted, *y[len(fitted) :])

    def weights(self) -> list[Weight]:
        return self._weights.read()

    def set_weights(self, arrays: Sequence[np.ndarray]) -> None:
        self._weights.write(arrays)

    def states(self) -> list[Weight]:
        return self._weights.read_states()

    def set_states(self, arrays: Sequence[np.ndarray]) -> None:
        self._weights.write_states(arrays)
