"""A network in NumPy with everything in its training nudged (see `nudge`)."""

from collections.abc import Sequence
from functools import wraps

import numpy as np

from frameworks.agreement.nudge import Nudge, NudgedNumber
from frameworks.agreement.nudged_epochs import NudgedEpochs
from frameworks.program import Builder, Parts
from frameworks.spec import Spec
from scratch import Dropout, Layer, Loss, Sequential
from scratch.optimizers.optimizer import Learner, Wrapper

__all__ = ["nudged"]


class NudgedNetwork(Sequential):
    """Nudged layers."""

    stack = NudgedEpochs  # trains several of them at once


class NudgedLayer(Sequential):
    """A layer whose output is nudged, and the gradient that it passes back."""

    def __init__(self, layer: Layer, nudge: Nudge) -> None:
        super().__init__(layer)
        self.nudge = nudge

    def forward(self, X: np.ndarray, training: bool = False) -> np.ndarray:
        """Return the layer's output, nudged."""
        a = super().forward(X, training)
        return self.nudge(a.copy("C"))  # it may be a view of what must not move

    def backward(self, da: np.ndarray) -> np.ndarray:
        """Set the gradients of the parameters; return dX, nudged."""
        return self.nudge(super().backward(da).copy("C"))


class NudgedLoss(Loss):
    """A loss that is nudged, with its gradient."""

    def __init__(self, loss: Loss, nudge: Nudge) -> None:
        self.loss, self.nudge, self.threshold = loss, nudge, loss.threshold

    def forward(self, z: np.ndarray, y: np.ndarray, w: np.ndarray | None = None) -> float:
        """Return L, nudged; sums of it are nudged, too.

        Where the keys are handed over, L is left to `NudgedEpochs`, and its key is passed over.
        """
        value = self.loss.forward(z, y, w)
        if self.nudge.handed is None:
            return NudgedNumber(value, z.dtype, self.nudge)
        self.place, self.nudge.taken = self.nudge.taken, self.nudge.taken + 1
        return value

    def require(self, z: np.ndarray, y: np.ndarray) -> None:
        """Raise ValueError where the loss does."""
        self.loss.require(z, y)

    def backward(self) -> np.ndarray:
        """Return dz, nudged."""
        return self.nudge(self.loss.backward().copy("C"))


class NudgedOptimizer(Wrapper):
    """An optimizer that is given nudged gradients, and whose new parameters are nudged."""

    def __init__(self, optimizer: Learner, nudge: Nudge) -> None:
        super().__init__(optimizer)
        self.nudge = nudge

    def step(self, theta: np.ndarray, g: np.ndarray) -> None:
        """Take one step."""
        self.optimizer.step(theta, self.nudge(g))
        self.nudge(theta)


def nudged(build: Builder, seed: int | Sequence[int]) -> Builder:
    """Return a builder of the same network in NumPy, with everything in its training nudged."""

    @wraps(build)
    def build_nudged(spec: Spec) -> Parts:
        nudge, parts = Nudge(seed), build(spec)
        layers = [  # masks are handed to a Dropout itself, and the next layer nudges
            layer if isinstance(layer, Dropout) else NudgedLayer(layer, nudge)
            for layer in parts.network.layers
        ]
        return parts._replace(
            network=NudgedNetwork(*layers),
            loss=NudgedLoss(parts.loss, nudge),
            optimizer=NudgedOptimizer(parts.optimizer, nudge),
        )

    return build_nudged
