"""Changes of a live copy's settings, to try a remedy: also those that no argument makes.

PyTorch's Adam takes η/c₁ m / (√v/√c₂ + ε) with cᵢ = 1 − βᵢᵗ. With ε before the bias correction, and
with betas β′ in the corrections kᵢ = 1 − β′ᵢᵗ that are rounded otherwise than those of the moments,
a step is η √k₂/k₁ m / (√v + ε): the same for PyTorch's η′ = η √k₂/k₁ c₁/√c₂ and ε′ = ε/√c₂, which
are set before each step and taken back after it.
"""

import math
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.optim import Adam, Optimizer

from frameworks.live.model import Training
from frameworks.pytorch.facts import set_fact, set_of_group
from frameworks.pytorch.hooks import use_biased_running_variance
from frameworks.pytorch.layouts import BatchNorm
from frameworks.recordings.trace import Facts

__all__ = ["Remedies"]

_OF_ADAM = ("place", "correction_beta_1", "correction_beta_2")
_BEFORE = "before the bias correction"


class Remedies:
    """The settings that were changed on a copy, and what it says of itself since."""

    def __init__(self, training: Training) -> None:
        self.training = training
        self._hooked: dict[str, dict[str, Any]] = {}  # by place: what the object does not know of
        self._own: list[tuple[float, float]] = []

    def change(self, place: str, name: str, value: Any) -> bool:
        """Change a setting by its name in the facts; return whether that was possible."""
        own = self.training
        for k, group in enumerate(own.optimizer.param_groups):
            if place == f"optimizer, group {k + 1}":
                return set_of_group(own.optimizer, group, name, value)
        parts = {"loss": own.loss, "optimizer": own.optimizer, "schedule": own.scheduler}
        thing = parts.get(place) or dict(own.model.named_modules()).get(place)
        if thing is None:
            return False
        return set_fact(thing, name, value) or self._hook(thing, place, name, value)

    def stated(self, place: str, facts: Facts) -> Facts:
        """Return what an object says of itself, with the settings that it does not know of."""
        settings = self._hooked.get(place, {})
        words = {name: f"{name}={value}" for name, value in settings.items()}
        return Facts(facts.kind, {**facts.values, **settings}, {**facts.said, **words})

    def _hook(self, thing: Any, place: str, name: str, value: Any) -> bool:
        """Change a setting through stock hooks, where there are any for it."""
        if isinstance(thing, Adam) and name in _OF_ADAM:
            if place not in self._hooked:
                thing.register_step_pre_hook(self._before)
                thing.register_step_post_hook(self._after)
        elif isinstance(thing, BatchNorm) and (name, value) == ("unbiased", False):
            use_biased_running_variance(thing)
        elif isinstance(thing, nn.GELU) and name == "constant":
            thing.forward = partial(_gelu, value, thing.approximate == "tanh")  # type: ignore[method-assign]
        else:
            return False
        self._hooked.setdefault(place, {})[name] = value
        return True

    def _before(self, optimizer: Optimizer, *_: Any) -> None:
        settings = self._hooked["optimizer"]
        self._own = [(group["lr"], group["eps"]) for group in optimizer.param_groups]
        for group in optimizer.param_groups:
            state = optimizer.state.get(group["params"][0])
            t = 1 + int(state["step"]) if state else 1
            first, second = group["betas"]
            c_1, c_2 = 1 - first**t, math.sqrt(1 - second**t)
            k_1 = 1 - settings.get("correction_beta_1", first) ** t
            k_2 = math.sqrt(1 - settings.get("correction_beta_2", second) ** t)
            group["lr"] *= (k_2 / c_2) * (c_1 / k_1)
            own = c_2 if settings.get("place") == _BEFORE else c_2 / k_2
            group["eps"] /= own

    def _after(self, optimizer: Optimizer, *_: Any) -> None:
        for group, (lr, eps) in zip(optimizer.param_groups, self._own, strict=True):
            group["lr"], group["eps"] = lr, eps


def _gelu(constant: float, approximate: bool, z: torch.Tensor) -> torch.Tensor:
    """Return GELU with √½, or with 0.044715 in its approximation, rounded as elsewhere."""
    if approximate:
        return 0.5 * z * (1 + torch.tanh(math.sqrt(2 / math.pi) * (z + constant * z**3)))
    return 0.5 * z * (1 + torch.erf(constant * z))
