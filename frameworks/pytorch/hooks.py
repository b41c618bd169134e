"""What Keras does and PyTorch does otherwise, aligned through PyTorch's stock hooks."""

import math
from collections.abc import Callable

from torch.optim import Adam, Optimizer

__all__ = ["step_rate", "use_epsilon_hat", "use_rate"]


def use_epsilon_hat(optimizer: Adam) -> Adam:
    """Make PyTorch's Adam read its `eps` as ε̂, as Keras does, and return it.

    PyTorch divides by √v̂ + ε with v̂ = v/(1−β₂ᵗ); Keras by √v + ε̂, before the correction. The two
    are equal at step t for ε = ε̂ / √(1−β₂ᵗ), which is set here before each step.
    Source: Kingma and Ba, ICLR 2015, the end of section 2.
    """
    epsilon_hat = [group["eps"] for group in optimizer.param_groups]

    def rescale(optimizer: Optimizer, args: object, kwargs: object) -> None:
        for group, eps in zip(optimizer.param_groups, epsilon_hat, strict=True):
            state = optimizer.state.get(group["params"][0])
            t = 1 + int(state["step"]) if state else 1
            group["eps"] = eps / math.sqrt(1 - group["betas"][1] ** t)

    optimizer.register_step_pre_hook(rescale)
    return optimizer


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
