"""PyTorch as its users write it (see `frameworks.native`)."""

from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, TensorDataset

from frameworks.native import Report, Trained, require_outputs
from frameworks.program import Builder, Parts
from frameworks.pytorch.optimizers import is_own, require_step_alone, without_options
from frameworks.spec import Spec
from frameworks.task import Task
from scratch import Batch, EpochResult, count_correct

__all__ = ["train"]


def train(
    build: Builder, spec: Spec, seed: int, data: Batch, task: Task, report: Report
) -> Trained:
    """Train with a `DataLoader` and the loop of every introduction."""
    torch.manual_seed(seed)
    parts = build(spec=spec)
    X, y, threshold = *map(torch.from_numpy, data[:2]), task.threshold(parts.logits)
    network = parts.network.to(X.dtype)
    if isinstance(parts.loss, torch.nn.Module):
        parts.loss.to(X.dtype)  # it may have weights of classes
    with torch.no_grad():
        first = network.eval()(X[: spec.batch_size])
    require_outputs(build, first, task.outputs_of_row(spec.outputs, data.X.shape[1:]))
    require_step_alone(build, parts.optimizer)
    initial_weights = [w.copy() for w in _weights(network)]
    optimizer = without_options(parts.optimizer)
    loader = DataLoader(TensorDataset(X, y), spec.batch_size, shuffle=spec.shuffle)
    history: list[EpochResult] = []
    for _ in range(spec.epochs):
        history.append(_train_epoch(parts, loader, optimizer, threshold))
        report(len(history), history[-1].loss)
    network.eval()

    def outputs(X: np.ndarray) -> np.ndarray:
        return network(torch.from_numpy(X)).detach().numpy()

    def loss(outputs: np.ndarray, targets: np.ndarray) -> float:
        found, wanted = torch.from_numpy(outputs).to(X.dtype), torch.from_numpy(targets)
        return float(parts.loss(found, wanted.to(y.dtype)))  # as it was moved, to train

    own = is_own(optimizer)
    return Trained(history, initial_weights, _weights(network), threshold, outputs, loss, own)


def _weights(network: torch.nn.Module) -> list[np.ndarray]:
    """Return views of the weights; a step may put other arrays in their places."""
    return [w.detach().numpy() for w in network.parameters()]


def _train_epoch(parts: Parts, loader: Any, optimizer: Any, threshold: float | None) -> EpochResult:
    """Train for one epoch; return the mean loss and the accuracy."""
    network, total, correct, rows = parts.network.train(), 0.0, 0, len(loader.dataset)
    for X, y in loader:
        optimizer.zero_grad()
        outputs = network(X)
        loss = parts.loss(outputs, y)
        loss.backward()
        optimizer.step()
        total += loss.item() * len(X)
        if threshold is not None:
            correct += count_correct(outputs.detach().numpy(), y.numpy(), threshold)
    return EpochResult(total / rows, None if threshold is None else correct / rows)
