"""PyTorch behind the shared interface."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from functools import partial
from typing import Any

import numpy as np
import torch
import torch._dynamo  # otherwise the first optimizer loads it, which changes the environment
from torch import nn

from frameworks.built import require_own
from frameworks.draws import Dropped
from frameworks.layout import Layouts
from frameworks.probe import LayerOutput, computing
from frameworks.program import Parts, Program, ProgramBuilder, name_of
from frameworks.pytorch.dropout import DropoutModules, nothing_else_drawn, random_numbers_kept
from frameworks.pytorch.facts import optimizer_facts
from frameworks.pytorch.kept import kept_by_layers, kept_by_training, reached_from, set_kept
from frameworks.pytorch.layer_outputs import layer_outputs
from frameworks.pytorch.layouts import canonical_states, layout_of, trained_by
from frameworks.pytorch.optimizers import require_step_alone
from frameworks.pytorch.programs import RunsPrograms
from frameworks.pytorch.row_weights import require_losses_of_rows, weighted_loss
from frameworks.pytorch.schedulers import schedulers_within
from frameworks.recordings.trace import Facts
from frameworks.spec import Spec
from scratch import Batch, EpochResult

__all__ = ["PyTorchAdapter"]


class PyTorchAdapter(RunsPrograms):
    """A `torch.nn.Module` with its loss and a `torch.optim` optimizer."""

    def __getstate__(self) -> Any:
        state = super().__getstate__()
        _, _, layers, (_, training, _) = state
        for name in layers.generators + training.generators:
            raise TypeError(
                f"build: {name_of(self._arguments[0])} keeps the generator {name!r}, which has "
                "begun and cannot be copied; use an object that counts instead"
            )
        return state

    def build(self, build: ProgramBuilder, spec: Spec) -> Parts | Program:
        shared = reached_from(build)
        parts = require_own(build, build(spec=spec), nn.Module, "torch.nn.Module")
        modules = []
        for network in parts.networks:
            modules += network.to(getattr(torch, self.dtype)).modules()
        if isinstance(loss := getattr(parts, "loss", None), nn.Module):
            loss.to(getattr(torch, self.dtype))  # it may have weights of classes
        for optimizer in parts.optimizers:
            _convert(optimizer, getattr(torch, self.dtype))
        within = schedulers_within(*parts.optimizers, getattr(parts, "step", None))
        self.stateful = [*parts.optimizers, *within]
        self.layouts = Layouts(map(layout_of, modules))
        if isinstance(parts, Parts):
            require_step_alone(build, parts.optimizer)
        trained = trained_by(parts.networks, parts.optimizers)
        self.layouts.require(trained, (p for m in modules for p in m.parameters(recurse=False)))
        self.dropout = DropoutModules(parts.networks)
        self.shared = [*shared, spec, self.dropout]  # what is no training's own
        return parts

    @contextmanager
    def drawing(self) -> Iterator[None]:
        with random_numbers_kept(), super().drawing():  # nn.Linear draws weights
            yield

    @contextmanager
    def none_drawn(self, step: Callable[[], Any], *words: str) -> Iterator[None]:
        with nothing_else_drawn(step, *words), super().none_drawn(step, *words):
            yield

    def get_weights(self) -> list[np.ndarray]:
        own = [w.detach().numpy().copy() for w in self.layouts.own]
        return self.layouts.to_canonical(own)

    def set_weights(self, weights: list[np.ndarray]) -> None:
        with torch.no_grad():
            new = self.layouts.from_canonical(weights)
            for own, values in zip(self.layouts.own, new, strict=True):
                own.copy_(torch.tensor(np.ascontiguousarray(values)))

    def get_optimizer_state(self) -> Any:
        states = deepcopy([each.state_dict() for each in self.stateful])
        gradients = [None if p.grad is None else p.grad.clone() for p in self._accumulating()]
        return states, kept_by_training(self.parts, self.shared), gradients

    def set_optimizer_state(self, state: Any) -> None:
        states, kept, gradients = state
        for each, own in zip(self.stateful, states, strict=True):
            each.load_state_dict(own)
        set_kept(self.parts, kept)
        for p, gradient in zip(self._accumulating(), gradients, strict=True):
            p.grad = None if gradient is None else gradient.clone()

    def weights_of_networks(self) -> list[int]:
        return [sum(layout_of(m).count for m in n.modules()) for n in self.parts.networks]

    def optimizer_facts(self) -> list[Facts]:
        return [
            facts for optimizer in self.parts.optimizers for facts in optimizer_facts(optimizer)
        ]

    def dropped(self, X: np.ndarray) -> list[Dropped]:
        return self.dropout.find(self.parts.network, _own(X))

    def release_dropout(self) -> None:
        self.dropout.release()
        for network in self.parts.networks:
            network.train()  # as in `train`, whatever was run last

    def compile(self, data: Batch, batch_size: int) -> None:
        if data.w is not None and not self.program:
            require_losses_of_rows(self.parts.loss)

    def train(
        self, data: Batch, orders: Iterable[np.ndarray | None], batch_size: int
    ) -> Iterator[EpochResult]:
        columns = [_shared(a) for a in data if a is not None]
        for order in orders:
            rows = [a.clone() if order is None else a[torch.from_numpy(order)] for a in columns]
            first = Batch(*(a[:batch_size].numpy() for a in rows))
            with self.none_drawn(partial(self._take_step_back, first)):
                result = self._train_epoch(*rows, batch_size=batch_size)
            yield result

    def _train_epoch(
        self, X: torch.Tensor, y: torch.Tensor, w: torch.Tensor | None = None, *, batch_size: int
    ) -> EpochResult:
        network, (optimizer,) = self.parts.network.train(), self.parts.optimizers
        losses, outputs = [], []
        for rows in zip(*(a.split(batch_size) for a in (X, y, w) if a is not None), strict=True):
            loss, output = self._step(network, optimizer, rows, self.stream(len(rows[0])).masks)
            losses.append(loss.detach() * len(output))
            outputs.append(output.detach())
        total = float(torch.stack(losses).sum())
        return EpochResult(total / len(X), self._accuracy(torch.cat(outputs), y))

    def _step(
        self,
        network: nn.Module,
        optimizer: torch.optim.Optimizer,
        rows: Sequence[torch.Tensor],
        masks: Sequence[np.ndarray],
    ) -> tuple[torch.Tensor, torch.Tensor]:
        optimizer.zero_grad()
        with self.dropout.handed(masks):
            try:
                output = network(rows[0])
            except ValueError as error:
                if len(rows[0]) > 1 or "more than 1 value per channel" not in str(error):
                    raise
                raise ValueError(
                    "batch_size: an epoch's last batch has a single row, which PyTorch's batch "
                    "normalization cannot train on; choose a batch_size that leaves no row alone"
                ) from error
        loss = self._loss(output, *rows[1:])
        loss.backward()
        optimizer.step()
        return loss, output

    def _take_step_back(self, batch: Batch) -> None:
        """Take a step of a network, and undo it."""
        weights, layers = self.get_weights(), self.get_layer_state()
        optimizer_state = self.get_optimizer_state()
        rows = [_own(a) for a in batch if a is not None]
        masks = self.stream.peek(len(batch.X)).masks
        try:
            self._step(self.parts.network.train(), self.parts.optimizers[0], rows, masks)
        finally:
            self.set_weights(weights)
            self.set_layer_state(layers)
            self.set_optimizer_state(optimizer_state)

    def stop(self, epoch: int, loss: float) -> bool:
        return self.parts.stopping.stop(loss, self.parts.network)

    def restore_best(self) -> None:
        self.parts.stopping.restore(self.parts.network)

    def _loss(
        self, output: torch.Tensor, y: torch.Tensor, w: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Return the stock loss; with row weights, its sum or mean over wᵢ ℓᵢ."""
        stock = self.parts.loss
        return stock(output, y) if w is None else weighted_loss(stock, output, y, w)

    def _accuracy(self, output: torch.Tensor, y: torch.Tensor) -> float | None:
        if self.threshold is None:
            return None
        right = (output > self.threshold) == y if output.shape[1] == 1 else output.argmax(1) == y
        return float(right.sum()) / len(y)

    def outputs(self, X: np.ndarray, network: int = 0) -> np.ndarray:
        with torch.inference_mode():
            return self.parts.networks[network].eval()(_own(X)).numpy()

    def layer_outputs(
        self, X: np.ndarray, training: bool = False, network: int = 0
    ) -> list[LayerOutput]:
        module = self.parts.networks[network].train(training)
        masks = self.stream.peek(len(X)).masks if training else ()
        with torch.no_grad(), nothing_else_drawn(), self.dropout.handed(masks):
            return computing(X, layer_outputs(module, _own(X)))

    def loss_and_gradients(self, batch: Batch) -> tuple[float, list[np.ndarray]]:
        if isinstance(self.parts, Program):
            return self.gradients_of_step(batch)
        trained = [p for p in self.layouts.own if p.requires_grad]
        columns = [_own(a) for a in batch if a is not None]
        masks = self.stream.peek(len(batch.X)).masks
        kept = kept_by_training(self.parts, self.shared)  # the loss may count its calls
        with nothing_else_drawn(), self.dropout.handed(masks):
            loss = self._loss(self.parts.network.train()(columns[0]), *columns[1:])
        found = torch.autograd.grad(loss, trained, allow_unused=True)
        set_kept(self.parts, kept)
        gradients = {id(p): g for p, g in zip(trained, found, strict=True) if g is not None}
        own = [gradients.get(id(p), torch.zeros_like(p)).numpy() for p in self.layouts.own]
        return float(loss.detach()), self.layouts.to_canonical(own)

    @property
    def states(self) -> list[torch.Tensor]:
        """What modules learn without a gradient: a step may put other tensors in their place."""
        kept = self.parts.states if isinstance(self.parts, Program) else ()
        modules = [module for network in self.parts.networks for module in network.modules()]
        return [a for module in modules for a in canonical_states(module, kept)]

    def has_state(self, name: str) -> bool:
        buffers = (key for network in self.parts.networks for key, _ in network.named_buffers())
        return name in {key.rpartition(".")[2] for key in buffers}

    def get_states(self) -> list[np.ndarray]:
        return [a.numpy().copy() for a in self.states]

    def set_states(self, states: list[np.ndarray]) -> None:
        for own, new in zip(self.states, states, strict=True):
            own.copy_(torch.tensor(new))

    def get_layer_state(self) -> Any:
        return kept_by_layers(self.parts, self.shared)

    def set_layer_state(self, state: Any) -> None:
        set_kept(self.parts, state)

    def probabilities(self, outputs: np.ndarray) -> np.ndarray:
        z = torch.from_numpy(outputs)
        return (torch.sigmoid(z) if z.shape[1] == 1 else torch.softmax(z, 1)).numpy()

    def loss(self, outputs: np.ndarray, y: np.ndarray) -> float:
        with torch.inference_mode():
            return float(self.parts.loss(torch.from_numpy(outputs), _shared(y)))


def _own(array: np.ndarray) -> torch.Tensor:
    """Return a tensor with memory of its own: a module may write into what it is given."""
    return torch.tensor(array)


def _shared(array: np.ndarray) -> torch.Tensor:
    """Return a tensor in the array's memory, or in its own if the array is read-only."""
    return torch.from_numpy(array) if array.flags.writeable else torch.tensor(array)


def _convert(optimizer: torch.optim.Optimizer, dtype: torch.dtype) -> None:
    """Give an optimizer's state the dtype of the network, which it was made before: Adagrad's."""
    for state in optimizer.state.values():
        for name, value in state.items():
            if torch.is_tensor(value) and value.is_floating_point() and name != "step":
                state[name] = value.to(dtype)
