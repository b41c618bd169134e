"""One side's call of a layer: what it was given and returned, and what it would return."""

from dataclasses import dataclass

import numpy as np

from frameworks.live.correspondence import place_of
from frameworks.live.reference import layer_output
from frameworks.masks import alpha_dropped
from frameworks.recordings.trace import NOISE, Arrays, Facts, LayerTrace, Trace

__all__ = ["LayerSide"]


@dataclass(frozen=True)
class LayerSide:
    """One side's call of the layer, in the mode in which it differs."""

    name: str
    trace: Trace
    position: int
    training: bool

    @property
    def layer(self) -> LayerTrace:
        """The call."""
        return self.trace.layers[self.position]

    @property
    def place(self) -> str:
        """The layer's own path."""
        return place_of(self.trace.layers, self.position)

    @property
    def inputs(self) -> Arrays:
        """What the layer is given."""
        return self.layer.training_inputs if self.training else self.layer.inputs

    @property
    def returns(self) -> bool:
        """Whether the call returned one array, as `output` is."""
        return (self.layer.training_output if self.training else self.layer.output) is not None

    @property
    def output(self) -> np.ndarray:
        """What it returns."""
        output = self.layer.training_output if self.training else self.layer.output
        assert output is not None
        return output

    @property
    def weights(self) -> list[np.ndarray]:
        """Its weights."""
        return [self.trace.weights[k].values for k in self.layer.weights]

    @property
    def other_holder(self) -> int | None:
        """The position of the first other call with the same weights; None if there is none."""
        layers, weights = self.trace.layers, self.layer.weights
        others = (k for k in range(len(layers)) if k != self.position)
        return next((k for k in others if layers[k].weights == weights), None)

    def computed(
        self,
        facts: Facts,
        steps: np.ndarray | None = None,
        weights: list[np.ndarray] | None = None,
        inputs: Arrays | None = None,
    ) -> np.ndarray | None:
        """Return what a layer with these facts returns, with this side's numbers or others."""
        if facts.kind in NOISE and self.training:
            return self._noisy(facts)
        return layer_output(
            facts,
            self.weights if weights is None else weights,
            [self.trace.states[k].values for k in self.layer.states],
            self.inputs if inputs is None else inputs,
            self.training,
            self.steps if steps is None else steps,
        )

    def _noisy(self, facts: Facts) -> np.ndarray | None:
        """Return noise with what this side drew, as its output tells, such as by zeros."""
        strength = _strength(facts)
        if strength is None or not self.inputs:
            return None
        x, z = self.inputs[0], self.output
        if facts.kind == "dropout":
            return np.where(z != 0, x / (1 - strength), 0.0)
        own = _strength(self.layer.facts) if self.layer.facts.kind == facts.kind else None
        if not own:
            return None
        if facts.kind == "alpha dropout":
            kept, dropped = alpha_dropped(x, 1.0, own), alpha_dropped(0.0, 0.0, own)
            nearer = np.abs(z - kept) < np.abs(z - dropped)
            return alpha_dropped(x, nearer.astype(x.dtype), strength)
        return x + (z - x) * (_deviation(facts.kind, strength) / _deviation(facts.kind, own))

    @property
    def steps(self) -> np.ndarray | None:
        """The real steps of the sequences that the layer is given, if an embedding masks some."""
        if not self.inputs or self.inputs[0].ndim != 3:
            return None
        for before in reversed(self.trace.layers[: self.position]):
            index = before.facts.values.get("masked")
            if index is not None and before.inputs:
                steps = before.inputs[0] != index
                return steps if steps.shape == self.inputs[0].shape[:2] else None
        return None


def _strength(facts: Facts) -> float | None:
    """Return the rate or standard deviation that noise states; None for one that keeps nothing."""
    found = facts.values.get("stddev" if facts.kind == "gaussian noise" else "rate")
    if not isinstance(found, float) or (found >= 1 and facts.kind != "gaussian noise"):
        return None
    return found


def _deviation(kind: str, strength: float) -> float:
    return strength if kind == "gaussian noise" else (strength / (1 - strength)) ** 0.5
