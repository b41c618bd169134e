"""The plain loop in PyTorch."""

from collections.abc import Iterator
from typing import Any

import torch

from frameworks.layout import Layouts
from frameworks.peers import Arrays, Unavailable
from frameworks.program import Builder
from frameworks.pytorch.layouts import layout_of
from frameworks.pytorch.optimizers import stock_optimizer
from frameworks.spec import Spec
from frameworks.task import Task
from scratch import Batch

__all__ = ["PyTorchLoop"]


class PyTorchLoop:
    """Autograd and `torch.optim`, step by step, with an epoch's rows gathered at once.

    `compiled`: forward, loss and gradients by `torch.compile`.
    `optimizer`: options such as `fused=True`, for a stock optimizer with the builder's numbers and,
    if the learning rate decays, a stock scheduler. It has none of the builder's hooks, so Adam's ε
    is where PyTorch puts it. Without options the builder's own optimizer is used, with its hooks.
    """

    def __init__(
        self,
        build: Builder,
        data: Batch,
        spec: Spec,
        task: Task,
        *,
        compiled: bool = False,
        **optimizer: bool,
    ) -> None:
        self.X, self.y, self.batch_size = *map(torch.from_numpy, data[:2]), spec.batch_size
        self.parts, self.options = build(spec=spec), optimizer
        self.threshold = task.threshold(self.parts.logits)
        network, loss, self.optimizer = self.parts[:3]
        network.to(self.X.dtype).train()
        self.layouts = Layouts(map(layout_of, network.modules()))

        def forward(X: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            output = network(X)
            return output, loss(output, y)

        if compiled:
            _require_compiler()
        self.forward = torch.compile(forward) if compiled else forward

    def train(self, weights: Arrays, orders: Arrays) -> float:
        """See `Loop.train`."""
        with torch.no_grad():
            for own, new in zip(
                self.layouts.own, self.layouts.from_canonical(weights), strict=True
            ):
                own.copy_(torch.tensor(new))
        self._start_optimizer()
        total = correct = 0.0
        for order in map(torch.from_numpy, orders):
            X, y = self.X[order], self.y[order]
            losses, outputs, sizes = zip(*self._steps(X, y), strict=True)
            total += float(torch.stack(losses) @ torch.tensor(sizes, dtype=X.dtype))
            if self.threshold is not None:
                correct += float(self._correct(torch.cat(outputs), y, self.threshold).sum())
        return total / (len(orders) * len(self.X))

    def _start_optimizer(self) -> None:
        """Create the stock optimizer and scheduler, or clear the builder's own optimizer."""
        own, self.scheduler = self.parts.optimizer, None
        if self.options:
            self.optimizer, self.scheduler = stock_optimizer(own, **own.defaults | self.options)
        else:
            own.state.clear()

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

    def _correct(self, output: Any, y: Any, threshold: float) -> Any:
        return (output > threshold) == y if output.shape[1] == 1 else output.argmax(1) == y


def _require_compiler() -> None:
    """Raise Unavailable if `torch.compile` does not work here."""
    try:
        torch.compile(lambda x: x.sin() + 1)(torch.zeros(3))
    except Exception as error:  # whatever fails: the reason is shown, other peers are timed
        reason = str(error).strip().splitlines()[0]
        raise Unavailable(f"torch.compile does not work here: {reason}") from error
