"""Programs in PyTorch: their steps, as they are run and watched."""

from typing import Any

import torch

from frameworks.draws import StepDraws
from frameworks.program import Step, StepBatch, Watched, numbers_of, updated_in
from frameworks.program_adapter import ProgramAdapter
from frameworks.pytorch.dropout import nothing_else_drawn
from frameworks.pytorch.hooks import noting_gradients

__all__ = ["RunsPrograms"]


class RunsPrograms(ProgramAdapter):
    """What an adapter needs in order to run programs."""

    dropout: Any
    layouts: Any

    def run_step(self, batch: StepBatch, draws: StepDraws) -> dict[str, float]:
        """Run a program's step on a batch of arrays and return its values."""
        for network in self.parts.networks:
            network.train()
        tensors, named = _tensors(batch, draws)
        with self.dropout.handed(draws.masks):
            values = self.step(tensors, named)
        return numbers_of(values)

    def watch_step(self, batch: StepBatch, draws: StepDraws) -> Watched:
        """Run a program's step; return what is seen of it."""
        given: dict[int, torch.Tensor] = {}

        def note(optimizer: torch.optim.Optimizer) -> None:
            if optimizer not in self.parts.optimizers:
                return  # one that another holds
            for p in (p for group in optimizer.param_groups for p in group["params"]):
                given[id(p)] = torch.zeros_like(p) if p.grad is None else p.grad.clone()

        left = [p.grad for p in self.layouts.own]  # a step may rely on what the last one leaves
        for p in self.layouts.own:
            p.grad = None if p.grad is None else p.grad.clone()
        try:
            with nothing_else_drawn(), noting_gradients(note):
                values = self.run_step(batch, draws)
        finally:
            for p, gradient in zip(self.layouts.own, left, strict=True):
                p.grad = gradient
        own = [given.get(id(p), torch.zeros_like(p)).detach().numpy() for p in self.layouts.own]
        order = updated_in(given, [network.parameters() for network in self.parts.networks])
        return Watched(values, self.layouts.to_canonical(own), order)

    def run_evaluation(
        self, evaluate: Step, batch: StepBatch, draws: StepDraws
    ) -> dict[str, float]:
        """Call a program's `evaluate` with arrays and return its values."""
        for network in self.parts.networks:
            network.eval()
        tensors, named = _tensors(batch, draws)
        with torch.no_grad():
            values = evaluate(tensors, named)
        return numbers_of(values)

    def _accumulating(self) -> list[torch.Tensor]:
        """Return the parameters whose gradients a later step may go on with: a program's."""
        networks = self.parts.networks if self.program else ()
        return [p for network in networks for p in network.parameters()]


def _tensors(batch: StepBatch, draws: StepDraws) -> tuple[StepBatch, dict[str, torch.Tensor]]:
    """Return rows and named draws as tensors."""
    rows = StepBatch(*(None if a is None else torch.from_numpy(a) for a in batch))
    return rows, {name: torch.from_numpy(a) for name, a in draws.named.items()}
