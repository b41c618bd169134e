"""The interface of all optimizers, and the base class of those that wrap another."""

from typing import Protocol

import numpy as np

__all__ = ["Learner", "Optimizer", "State", "Wrapper", "count", "epsilon_root", "start"]

State = dict[str, np.ndarray]


class Optimizer(Protocol):
    """Anything with a step, and a state that must be saved in order to continue later."""

    state: State  # empty before the first step

    def step(self, theta: np.ndarray, g: np.ndarray) -> None:
        """Change θ in place, given g = dL/dθ of the same shape."""


class Learner(Optimizer, Protocol):
    """An optimizer with a learning rate, which may be changed between steps."""

    eta: float

    def advance(self, g: np.ndarray) -> tuple[float, ...]:
        """Count a step, and return its numbers, such as its learning rate."""


class Wrapper:
    """An optimizer that changes g or θ and leaves the step itself to another optimizer.

    Wrappers nest, and act from the outside in: with
    `ClipNorm(1.0, CoupledWeightDecay(1e-4, SGD(0.1)))` the gradient is clipped, then the decay is
    added, then the step is taken. Learning rate and state are those of the optimizer inside.
    ValueError for one inside that must be the outermost.
    """

    outermost = False  # whether no other wrapper may be around it

    def __init__(self, optimizer: Learner) -> None:
        if getattr(optimizer, "outermost", False):
            inside, around = type(optimizer).__name__, type(self).__name__
            raise ValueError(f"{inside} must be outermost: put it around {around}, not inside")
        self.optimizer = optimizer

    @property
    def eta(self) -> float:
        """The learning rate η of the next step."""
        return self.optimizer.eta

    @eta.setter
    def eta(self, value: float) -> None:
        self.optimizer.eta = value

    @property
    def state(self) -> State:
        """What must be saved in order to continue later."""
        return self.optimizer.state

    @state.setter
    def state(self, value: State) -> None:
        self.optimizer.state = value

    def advance(self, g: np.ndarray) -> tuple[float, ...]:
        """Count a step, and return the wrapper's own numbers: here none."""
        return ()

    def select(self, a: np.ndarray) -> np.ndarray:
        """Return what the optimizer inside sees of an array (p,): all of it."""
        return a

    def step(self, theta: np.ndarray, g: np.ndarray) -> None:
        """Take one step."""
        raise NotImplementedError


def start(state: State, g: np.ndarray, *names: str) -> None:
    """Fill an empty state with zeros, shaped as g, under the given names.

    >>> state: State = {}
    >>> start(state, np.array([1.0, 2.0]), "m", "v")
    >>> state
    {'m': array([0., 0.]), 'v': array([0., 0.])}
    """
    if not state:
        state.update({name: np.zeros_like(g) for name in names})


def count(state: State, g: np.ndarray, *moments: str) -> int:
    """Count a step in a state of zero moments, and return its number t = 1, 2, ...

    Every 128 steps, moments are set to zero whose gradients have long been zero. They would decay
    to subnormal numbers, which have fewer digits and slow every operation down, by up to a hundred
    times.

    >>> state: State = {}
    >>> [count(state, np.array([1.0]), "m") for _ in range(2)], state
    ([1, 2], {'t': array(2), 'm': array([0.])})
    """
    if not state:
        state["t"] = np.zeros((), int)
        state.update({name: np.zeros_like(g) for name in moments})
    t = state["t"].item() + 1
    state["t"][...] = t
    if t % 128 == 0:
        for a in (state[name] for name in moments):
            a[np.abs(a) < 1e8 * np.finfo(a.dtype).tiny] = 0
    return t


def epsilon_root(v: np.ndarray, epsilon: float, inside: bool) -> np.ndarray:
    """Return √(v + ε) if ε belongs inside the root, else √v + ε.

    >>> v = np.array([9.0])
    >>> epsilon_root(v, 7.0, True).item(), epsilon_root(v, 7.0, False).item()
    (4.0, 10.0)
    """
    return np.sqrt(v + epsilon) if inside else np.sqrt(v) + epsilon
