"""The loop in PyTorch."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from frameworks import Builder, Spec
from frameworks.peers import Arrays, Unavailable

__all__ = ["PyTorchLoop"]


class PyTorchLoop:
    """Autograd and `torch.optim`, step by step, over the rows of an epoch gathered at once.

    `compiled`: forward, loss and their gradients by `torch.compile`.
    `optimizer`: options such as `fused=True`, for a stock optimizer with the builder's numbers and,
    where the learning rate falls, a stock scheduler. It has none of the builder's hooks, so that
    Adam's ε is where PyTorch has it. Without options the builder's own optimizer is used, hooks
    included.
    """

    def __init__(
        self,
        build: Builder,
        X: np.ndarray,
        y: np.ndarray,
        spec: Spec,
        *,
        compiled: bool = False,
        **optimizer: bool,
    ) -> None:
        import torch

        self.X, self.y, self.batch_size = torch.from_numpy(X), torch.from_numpy(y), spec.batch_size
        self.parts = build()
        network, loss, self.optimizer = self.parts[:3]
        network.to(self.X.dtype).train()
        self.spec, self.options = spec, optimizer
        self.scheduler: torch.optim.lr_scheduler.StepLR | None = None

        def forward(X: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            output = network(X)
            return output, loss(output, y)

        if compiled:
            _require_compiler()
        self.forward = torch.compile(forward) if compiled else forward

    def train(self, weights: Arrays, orders: Arrays) -> float:
        """See `Loop.train`."""
        import torch

        with torch.no_grad():
            for own, new in zip(self.parts.network.parameters(), weights, strict=True):
                own.copy_(torch.from_numpy(new.T if new.ndim < 4 else new.transpose(3, 2, 0, 1)))
        self._start_optimizer()
        total = correct = 0.0
        for order in map(torch.from_numpy, orders):
            X, y = self.X[order], self.y[order]
            losses, outputs, sizes = zip(*self._steps(X, y), strict=True)
            total += float(torch.stack(losses) @ torch.tensor(sizes, dtype=X.dtype))
            correct += float(self._correct(torch.cat(outputs), y).sum())
        return total / (len(orders) * len(self.X))

    def _start_optimizer(self) -> None:
        """Make the stock optimizer and scheduler anew, or clear the builder's own optimizer."""
        import torch

        if not self.options:
            self.optimizer.state.clear()
            return
        options = self.optimizer.defaults | {"lr": self.spec.learning_rate} | self.options
        self.optimizer = type(self.optimizer)(self.parts.network.parameters(), **options)
        if self.spec.halve_every:
            size = self.spec.halve_every
            self.scheduler = torch.optim.lr_scheduler.StepLR(self.optimizer, size, gamma=0.5)

    def _steps(self, X: Any, y: Any) -> Iterator[tuple[Any, Any, int]]:
        """Take one step on each batch; yield its loss, outputs and number of rows."""
        batches = zip(X.split(self.batch_size), y.split(self.batch_size), strict=True)
        for batch, targets in batches:
            output, loss = self.forward(batch, targets)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            if self.scheduler:
                self.scheduler.step()
            yield loss.detach(), output.detach(), len(batch)

    def _correct(self, output: Any, y: Any) -> Any:
        if output.shape[1] == 1:
            return (output > (0.0 if self.parts.logits else 0.5)) == y
        return output.argmax(1) == y


def _require_compiler() -> None:
    """Compile something small. Raises Unavailable if that does not work here."""
    import torch

    try:
        torch.compile(lambda x: x.sin() + 1)(torch.zeros(3))
    except Exception as error:  # whatever is missing: the reason is shown, the others are timed
        reason = str(error).strip().splitlines()[0]
        raise Unavailable(f"torch.compile does not work here: {reason}") from error
