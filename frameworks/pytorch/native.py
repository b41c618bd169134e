"""PyTorch as its users write it (see `frameworks.native`)."""

from typing import Any

from frameworks.native import Report, Trained
from frameworks.program import Builder, Parts
from frameworks.spec import Spec
from scratch import Batch, count_correct

__all__ = ["train"]


def train(build: Builder, spec: Spec, seed: int, data: Batch, report: Report) -> Trained:
    """Train with a `DataLoader` and the loop that every introduction shows."""
    import torch
    from torch.optim.lr_scheduler import StepLR
    from torch.utils.data import DataLoader, TensorDataset

    torch.manual_seed(seed)
    parts = build(spec)
    X, y = torch.from_numpy(data.X), torch.from_numpy(data.y)
    network = parts.network.to(X.dtype)
    weights = [w.detach().numpy() for w in network.parameters()]  # views: they follow the training
    initial_weights = [w.copy() for w in weights]
    optimizer = type(parts.optimizer)(network.parameters(), lr=spec.learning_rate)
    schedule = StepLR(optimizer, spec.halve_every, 0.5) if spec.halve_every else None
    loader = DataLoader(TensorDataset(X, y), spec.batch_size, shuffle=spec.shuffle)
    history: list[tuple[float, float]] = []
    for _ in range(spec.epochs):
        history.append(_train_epoch(parts, loader, optimizer, schedule))
        report(len(history), history[-1][0])
    network.eval()
    return Trained(
        history, initial_weights, weights, lambda X: network(torch.from_numpy(X)).detach().numpy()
    )


def _train_epoch(parts: Parts, loader: Any, optimizer: Any, schedule: Any) -> tuple[float, float]:
    """Train PyTorch for an epoch; return the mean loss and the accuracy."""
    total, correct, rows = 0.0, 0, len(loader.dataset)
    for X, y in loader:
        optimizer.zero_grad()
        outputs = parts.network(X)
        loss = parts.loss(outputs, y)
        loss.backward()
        optimizer.step()
        if schedule:
            schedule.step()
        total += loss.item() * len(X)
        threshold = 0.0 if parts.logits else 0.5
        correct += count_correct(outputs.detach().numpy(), y.numpy(), threshold)
    return total / rows, correct / rows
