"""Adam's ε̂ for PyTorch, through a stock hook."""

import math

from torch.optim import Adam, Optimizer

__all__ = ["use_epsilon_hat"]


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
