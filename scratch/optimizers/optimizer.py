"""What every optimizer has in common, and what one looks like that works on another's behalf."""

from typing import Protocol

import numpy as np

from scratch.workspace import Workspace

__all__ = [
    "Learner",
    "Optimizer",
    "State",
    "Wrapper",
    "epsilon_root",
]

State = dict[str, np.ndarray]


class Optimizer(Protocol):
    """Anything with a step, and a state that has to be kept to go on later."""

    state: State  # empty before the first step

    def step(self, theta: np.ndarray, g: np.ndarray) -> None:
        """Change θ in place, given g = dL/dθ of the same shape."""


class Wrapper:
    """An optimizer that changes g or θ and leaves the step itself to another optimizer.

    Wrappers nest, and act from the outside in: with
    `ClipNorm(1.0, CoupledWeightDecay(1e-4, SGD(0.1)))` the gradient is clipped, then the decay is
    added, then the step is taken. Learning rate and state are those of the optimizer inside.
    """

    def __init__(self, optimizer: "Learner") -> None:
        self.optimizer = optimizer
        self.work = Workspace()

    @property
    def eta(self) -> float:
        """The learning rate η."""
        return self.optimizer.eta

    @eta.setter
    def eta(self, value: float) -> None:
        self.optimizer.eta = value

    @property
    def state(self) -> State:
        """What has to be kept to go on later."""
        return self.optimizer.state

    @state.setter
    def state(self, value: State) -> None:
        self.optimizer.state = value

    def step(self, theta: np.ndarray, g: np.ndarray) -> None:
        """Take one step."""
        raise NotImplementedError


class Learner(Optimizer, Protocol):
    """An optimizer with a learning rate, which may be changed between two steps."""

    eta: float


def epsilon_root(v: np.ndarray, epsilon: float, inside: bool, out: np.ndarray) -> np.ndarray:
    """Return √(v + ε) if ε belongs inside the root, else √v + ε.

    >>> v, out = np.array([9.0]), np.empty(1)
    >>> epsilon_root(v, 7.0, True, out).item(), epsilon_root(v, 7.0, False, out).item()
    (4.0, 10.0)
    """
    if inside:
        return np.sqrt(np.add(v, epsilon, out=out), out=out)
    return np.add(np.sqrt(v, out=out), epsilon, out=out)
