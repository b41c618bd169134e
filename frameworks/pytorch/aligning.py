"""Adam of PyTorch on a copy, made to step as another implementation's does, to try a remedy.

PyTorch takes η/c₁ m / (√v/√c₂ + ε) with cᵢ = 1 − βᵢᵗ. With ε before the bias correction, and betas
β′ in the corrections kᵢ = 1 − β′ᵢᵗ that are rounded otherwise than those of the moments, a step is
η √k₂/k₁ m / (√v + ε): the same for PyTorch's η′ = η √k₂/k₁ c₁/√c₂ and ε′ = ε/√c₂, which are set
before each step and taken back after it.
"""

import math
from typing import Any

from torch.optim import Adam, Optimizer

from frameworks.recordings.trace import Facts

__all__ = ["Alignment"]

_NAMES = ("place", "correction_beta_1", "correction_beta_2")
_BEFORE = "before the bias correction"


class Alignment:
    """Settings of Adam that PyTorch's has not, kept by hooks of the optimizer."""

    def __init__(self, optimizer: Optimizer) -> None:
        self.optimizer, self.settings = optimizer, dict[str, Any]()
        self._own: list[tuple[float, float]] = []

    def set(self, name: str, value: Any) -> bool:
        """Set a fact; return whether that is possible."""
        if name not in _NAMES or not isinstance(self.optimizer, Adam):
            return False
        if not self.settings:
            self.optimizer.register_step_pre_hook(self._before)
            self.optimizer.register_step_post_hook(self._after)
        self.settings[name] = value
        return True

    def stated(self, facts: Facts) -> Facts:
        """Return what the optimizer says of itself, with these settings."""
        words = {name: f"{name}={value}" for name, value in self.settings.items()}
        return Facts(facts.kind, {**facts.values, **self.settings}, {**facts.said, **words})

    def _before(self, optimizer: Optimizer, *_: Any) -> None:
        self._own = [(group["lr"], group["eps"]) for group in optimizer.param_groups]
        for group in optimizer.param_groups:
            state = optimizer.state.get(group["params"][0])
            t = 1 + int(state["step"]) if state else 1
            first, second = group["betas"]
            c_1, c_2 = 1 - first**t, math.sqrt(1 - second**t)
            k_1 = 1 - self.settings.get("correction_beta_1", first) ** t
            k_2 = math.sqrt(1 - self.settings.get("correction_beta_2", second) ** t)
            group["lr"] *= (k_2 / c_2) * (c_1 / k_1)
            own = c_2 if self.settings.get("place") == _BEFORE else c_2 / k_2
            group["eps"] /= own

    def _after(self, optimizer: Optimizer, *_: Any) -> None:
        for group, (lr, eps) in zip(optimizer.param_groups, self._own, strict=True):
            group["lr"], group["eps"] = lr, eps
