"""A learning rate that follows a schedule, for PyTorch, through a stock hook."""

from collections.abc import Callable

from torch.optim import Adam, Optimizer

__all__ = ["step_rate", "use_rate"]


def step_rate(start: float, factor: float, size: int) -> Callable[[int], float]:
    """Return η(k) = start · factor^⌊k/size⌋, as Keras' `ExponentialDecay(staircase=True)`."""
    return lambda k: start * factor ** (k // size)


def use_rate(optimizer: Adam, rate: Callable[[int], float]) -> Adam:
    """Set η = rate(k) before step k = 0, 1, 2, ... of PyTorch's Adam, and return it.

    k is the optimizer's own count of steps, as in Keras, and so it goes on where training goes on.
    PyTorch's schedulers count the calls of their own `step`, and keep that count apart.
    """

    def set_rate(optimizer: Optimizer, args: object, kwargs: object) -> None:
        for group in optimizer.param_groups:
            state = optimizer.state.get(group["params"][0])
            group["lr"] = rate(int(state["step"]) if state else 0)

    optimizer.register_step_pre_hook(set_rate)
    return optimizer
