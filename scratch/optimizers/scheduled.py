"""A learning rate that follows a schedule."""

from collections.abc import Callable

import numpy as np

from scratch.optimizers.optimizer import Learner, State, Wrapper

__all__ = ["Scheduled"]


class Scheduled(Wrapper):
    """Set η = schedule(k) before each step, then take it; k = 0, 1, 2, ...

    k counts the steps, as in Keras; with `every` = the batches per epoch it counts the epochs, as
    PyTorch's schedulers are commonly used. A schedule is any function of k (see
    `scratch.schedules`); the optimizer's own learning rate is never used.

    >>> from scratch import SGD
    >>> theta, optimizer = np.zeros(1), Scheduled(lambda k: 1 / (k + 1), SGD(1.0), every=2)
    >>> for _ in range(4):
    ...     optimizer.step(theta, np.array([1.0]))
    >>> theta
    array([-3.])
    """

    def __init__(
        self, schedule: Callable[[int], float], optimizer: Learner, *, every: int = 1
    ) -> None:
        if every < 1:
            raise ValueError(f"every must be at least 1, got {every}")
        super().__init__(optimizer)
        self.schedule, self.every, self.steps = schedule, every, 0

    @property
    def state(self) -> State:
        """The number of steps so far, and the state of the optimizer inside."""
        if not self.steps:
            return self.optimizer.state
        return {"steps": np.array(self.steps), **self.optimizer.state}

    @state.setter
    def state(self, value: State) -> None:
        self.steps = int(value.get("steps", 0))
        self.optimizer.state = {k: v for k, v in value.items() if k != "steps"}

    @property
    def eta(self) -> float:
        """The learning rate η of the next step."""
        return self.schedule(self.steps // self.every)

    @eta.setter
    def eta(self, value: float) -> None:
        raise AttributeError("eta follows the schedule: set `schedule`")

    def advance(self, g: np.ndarray) -> tuple[()]:
        """Pass η(k) on, and count the step."""
        self.optimizer.eta = self.eta
        self.steps += 1
        return ()

    def step(self, theta: np.ndarray, g: np.ndarray) -> None:
        """Take one step."""
        self.advance(g)
        self.optimizer.step(theta, g)
