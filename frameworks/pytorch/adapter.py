"""PyTorch behind the shared interface."""

from collections.abc import Iterable, Iterator
from copy import copy
from typing import Any

import numpy as np
import torch
import torch._dynamo  # otherwise the first optimizer loads it, which changes the environment
from torch import nn

from frameworks.adapter import Adapter, require_own
from frameworks.classifier import LockstepClassifier
from frameworks.default_network import build_pytorch
from frameworks.draws import Dropped, StepDraws
from frameworks.probe import LayerOutput, computing, kind_of
from frameworks.program import Parts, Program, ProgramBuilder, StepBatch
from frameworks.pytorch.dropout import DropoutModules, channels_first, nothing_else_drawn
from frameworks.regressor import LockstepRegressor
from frameworks.spec import Spec
from frameworks.trainer import LockstepTrainer
from scratch import Batch, EpochResult

__all__ = ["PyTorchAdapter", "PyTorchClassifier", "PyTorchRegressor", "PyTorchTrainer"]


class PyTorchAdapter(Adapter):
    """A `torch.nn.Module` with its loss and a `torch.optim` optimizer."""

    def build(self, build: ProgramBuilder, spec: Spec) -> Parts | Program:
        with torch.random.fork_rng(devices=[]):  # nn.Linear draws weights, which are replaced
            parts = require_own(build, build(spec=spec), nn.Module, "torch.nn.Module")
        modules = []
        for network in parts.networks:
            modules += network.to(getattr(torch, self.dtype)).modules()
        self.weights = [w for module in modules for w in _canonical(module)]
        self.states = [a for module in modules for a in _canonical_states(module)]
        self.dropout = DropoutModules(parts.networks)
        return parts

    def get_weights(self) -> list[np.ndarray]:
        return [w.detach().numpy().copy(order="C") for w in self.weights]

    def set_weights(self, weights: list[np.ndarray]) -> None:
        with torch.no_grad():
            for own, new in zip(self.weights, weights, strict=True):
                own.copy_(torch.tensor(new))

    def get_optimizer_state(self) -> Any:
        return [optimizer.state_dict() for optimizer in self.parts.optimizers]

    def set_optimizer_state(self, state: Any) -> None:
        for optimizer, own in zip(self.parts.optimizers, state, strict=True):
            optimizer.load_state_dict(own)

    def dropped(self, X: np.ndarray) -> list[Dropped]:
        return self.dropout.find(self.parts.network, torch.from_numpy(X))

    def train(
        self, data: Batch, orders: Iterable[np.ndarray | None], batch_size: int
    ) -> Iterator[EpochResult]:
        columns = [torch.from_numpy(a) for a in data if a is not None]
        for order in orders:
            rows = columns if order is None else [a[torch.from_numpy(order)] for a in columns]
            with nothing_else_drawn():
                result = self._train_epoch(*rows, batch_size=batch_size)
            yield result

    def _train_epoch(
        self, X: torch.Tensor, y: torch.Tensor, w: torch.Tensor | None = None, *, batch_size: int
    ) -> EpochResult:
        network, (optimizer,) = self.parts.network.train(), self.parts.optimizers
        losses, outputs = [], []
        for rows in zip(*(a.split(batch_size) for a in (X, y, w) if a is not None), strict=True):
            optimizer.zero_grad()
            with self.dropout.handed(self.stream(len(rows[0])).masks):
                output = network(rows[0])
            loss = self._loss(output, *rows[1:])
            loss.backward()
            optimizer.step()
            losses.append(loss.detach() * len(output))
            outputs.append(output.detach())
        total = float(torch.stack(losses).sum())
        return EpochResult(total / len(X), self._accuracy(torch.cat(outputs), y))

    def run(
        self, data: Batch, orders: Iterable[np.ndarray | None], batch_size: int
    ) -> Iterator[dict[str, float]]:
        for order in orders:
            with nothing_else_drawn():
                means = [*super().run(data, [order], batch_size)]
            yield from means

    def run_step(self, batch: StepBatch, draws: StepDraws) -> dict[str, float]:
        for network in self.parts.networks:
            network.train()
        tensors = StepBatch(*(None if a is None else torch.from_numpy(a) for a in batch))
        named = {name: torch.from_numpy(a) for name, a in draws.named.items()}
        with self.dropout.handed(draws.masks):
            values = self.step(tensors, named)
        return {name: value.item() for name, value in values.items()}

    def _loss(
        self, output: torch.Tensor, y: torch.Tensor, w: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Return the stock loss; with row weights, its sum or mean over wᵢ ℓᵢ."""
        stock = self.parts.loss
        if w is None:
            return stock(output, y)
        rows = copy(stock)
        rows.reduction = "none"
        weighted = rows(output, y) * w.reshape(-1, *[1] * (y.ndim - 1))
        return weighted.mean() if stock.reduction == "mean" else weighted.sum()

    def _accuracy(self, output: torch.Tensor, y: torch.Tensor) -> float | None:
        if self.threshold is None:
            return None
        right = (output > self.threshold) == y if output.shape[1] == 1 else output.argmax(1) == y
        return float(right.sum()) / len(y)

    def outputs(self, X: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return self.parts.network.eval()(torch.from_numpy(X)).numpy()

    def layer_outputs(self, X: np.ndarray, training: bool = False) -> list[LayerOutput]:
        network, found = self.parts.network.train(training), []
        first = False

        def note(module: nn.Module, inputs: Any, output: torch.Tensor) -> None:
            nonlocal first
            first = channels_first(module, first)
            if first and output.ndim == 4:
                output = output.permute(0, 2, 3, 1)
            own, name = len(_canonical(module)), type(module).__name__
            found.append(LayerOutput(kind_of(module), name, output.numpy().copy(order="C"), own))

        masks = self.stream.peek(len(X)).masks if training else ()
        leaves = [m for m in network.modules() if not list(m.children())]
        hooks = [module.register_forward_hook(note) for module in leaves]
        try:
            with torch.no_grad(), nothing_else_drawn(), self.dropout.handed(masks):
                network(torch.from_numpy(X))
        finally:
            for hook in hooks:
                hook.remove()
        return computing(X, found)

    def loss_and_gradients(self, batch: Batch) -> tuple[float, list[np.ndarray]]:
        owners = [w if w._base is None else w._base for w in self.weights]
        trained = [p for p in owners if p.requires_grad]
        columns = [torch.from_numpy(a) for a in batch if a is not None]
        masks = self.stream.peek(len(batch.X)).masks
        with nothing_else_drawn(), self.dropout.handed(masks):
            loss = self._loss(self.parts.network.train()(columns[0]), *columns[1:])
        found = torch.autograd.grad(loss, trained, allow_unused=True)
        by_owner = {id(p): g for p, g in zip(trained, found, strict=True) if g is not None}
        gradients = []
        for w, owner in zip(self.weights, owners, strict=True):
            g = by_owner.get(id(owner), torch.zeros_like(owner)).contiguous()
            gradients.append(g.as_strided(w.shape, w.stride()).numpy().copy(order="C"))
        return float(loss.detach()), gradients

    def get_states(self) -> list[np.ndarray]:
        return [a.numpy().copy() for a in self.states]

    def set_states(self, states: list[np.ndarray]) -> None:
        for own, new in zip(self.states, states, strict=True):
            own.copy_(torch.tensor(new))

    def get_layer_state(self) -> Any:
        return [buffer.clone() for buffer in self._buffers()]

    def set_layer_state(self, state: Any) -> None:
        for own, kept in zip(self._buffers(), state, strict=True):
            own.copy_(kept)

    def _buffers(self) -> list[torch.Tensor]:
        return [buffer for network in self.parts.networks for buffer in network.buffers()]

    def probabilities(self, outputs: np.ndarray) -> np.ndarray:
        z = torch.from_numpy(outputs)
        return (torch.sigmoid(z) if z.shape[1] == 1 else torch.softmax(z, 1)).numpy()

    def loss(self, outputs: np.ndarray, y: np.ndarray) -> float:
        return float(self.parts.loss(torch.from_numpy(outputs), torch.from_numpy(y)))


class PyTorchRegressor(LockstepRegressor):
    """PyTorch as a scikit-learn regressor; parameters as in `LockstepEstimator`."""

    _adapter_class = PyTorchAdapter
    _default_build = staticmethod(build_pytorch)


class PyTorchClassifier(LockstepClassifier):
    """PyTorch as a scikit-learn classifier; parameters as in `LockstepEstimator`."""

    _adapter_class = PyTorchAdapter
    _default_build = staticmethod(build_pytorch)


class PyTorchTrainer(LockstepTrainer):
    """Programs in PyTorch; parameters as in `LockstepTrainer`."""

    _adapter_class = PyTorchAdapter


def _canonical(module: nn.Module) -> list[torch.Tensor]:
    """Return views of a module's own parameters in the canonical layout."""
    if isinstance(module, nn.Linear):
        return [module.weight.T, *([] if module.bias is None else [module.bias])]
    if isinstance(module, nn.Conv2d):  # (c_out, c_in, kh, kw) to (kh, kw, c_in, c_out)
        bias = [] if module.bias is None else [module.bias]
        return [module.weight.permute(2, 3, 1, 0), *bias]
    if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
        return [*module.parameters(recurse=False)]
    if list(module.parameters(recurse=False)):
        raise TypeError(f"the canonical layout of {type(module).__name__} is not known")
    return []


def _canonical_states(module: nn.Module) -> list[torch.Tensor]:
    """Return what a module learns without a gradient; TypeError if that has no counterpart."""
    if not isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
        return []
    mean, variance = module.running_mean, module.running_var
    if mean is None or variance is None or module.momentum is None:
        raise TypeError("BatchNorm needs a momentum and running statistics")
    return [mean, variance]
