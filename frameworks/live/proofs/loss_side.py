"""One side's loss of the first batch: what it was, and what it would be."""

from dataclasses import dataclass

import numpy as np

from frameworks.live.reference import loss_value
from frameworks.recordings.trace import Facts, Trace

__all__ = ["LossSide"]

_OF_ELEMENTS = ("mean squared error", "mean absolute error", "huber")  # they broadcast


@dataclass(frozen=True)
class LossSide:
    """One side's loss of the first batch."""

    name: str
    trace: Trace

    @property
    def seen(self) -> float:
        """The loss that the side had."""
        return self.trace.first_loss

    @property
    def facts(self) -> Facts:
        """What it says of its loss."""
        return self.trace.loss

    @property
    def outputs(self) -> np.ndarray | None:
        """The outputs in training mode: those of the last layer, if they are the model's.

        None also where rows have weights, which a trace does not hold.
        """
        if len(self.trace.outputs) != 1 or "sample weights" in self.trace.digests:
            return None
        last = next((x for x in reversed(self.trace.layers) if not x.rearranges), None)
        plain = self.trace.outputs[0]
        if last is None or last.output is None or last.training_output is None:
            return plain
        if last.output.size != plain.size or not np.array_equal(last.output.ravel(), plain.ravel()):
            return None
        return last.training_output.reshape(plain.shape)

    def value(self, facts: Facts, outputs: np.ndarray | None = None) -> float | None:
        """Return the loss by these facts, without penalties."""
        z = self.outputs if outputs is None else outputs
        targets = self.trace.targets or self.trace.inputs  # the inputs are to be reconstructed
        return None if z is None else loss_value(facts, z, targets[0])

    def without_last_row(self) -> float | None:
        """Return the loss of all rows but the last, without penalties, if no row acts on others."""
        z, targets = self.outputs, self.trace.targets or self.trace.inputs
        return None if z is None else loss_value(self.facts, z[:-1], targets[0][:-1])

    def of_all_pairs(self) -> float | None:
        """Return the loss of every output with every target, as outputs (n, 1) give with (n,)."""
        z, n = self.outputs, len(self.trace.outputs[0])
        targets = self.trace.targets[:1]
        if z is None or n < 2 or not targets or not z.size == targets[0].size == n:
            return None
        if self.facts.kind not in _OF_ELEMENTS:
            return None
        return loss_value(self.facts, np.repeat(z, n, axis=0), np.tile(targets[0].ravel(), n))

    @property
    def penalty(self) -> float | None:
        """The penalties that the layers state; None if one is of an unknown form."""
        total = 0.0
        for layer in self.trace.layers:
            for position in layer.weights:
                weight, values = self.trace.weights[position], layer.facts.values
                part = weight.name.rsplit(".", 1)[-1]
                if f"{part}_penalty" in values or "activity_penalty" in values:
                    return None
                decay, l1 = values.get(f"{part}_decay", 0.0), values.get(f"{part}_l1", 0.0)
                assert isinstance(decay, float | int)
                assert isinstance(l1, float | int)
                total += decay / 2 * float((weight.values**2).sum())
                total += l1 * float(np.abs(weight.values).sum())
        return total
