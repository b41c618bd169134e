"""Learning-rate schedules: functions k ↦ η(k), with k = 0 for the first step or epoch.

Whether k counts steps or epochs is up to the caller: see `Scheduled`, which gives η(k) to an
optimizer before each step. Keras counts steps. PyTorch's schedulers count the calls of their own
`step`, by convention one per epoch.
"""

import math
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from scratch.checks import require_positive

__all__ = [
    "ConstantRate",
    "CosineRate",
    "ExponentialRate",
    "InverseTimeRate",
    "PiecewiseConstantRate",
    "Schedule",
    "StepRate",
]

Schedule = Callable[[int], float]


@dataclass(frozen=True)
class ConstantRate:
    """η(k) = η₀.

    >>> ConstantRate(0.5)(1000)
    0.5
    """

    start: float

    def __call__(self, k: int) -> float:
        """Return η(k)."""
        return self.start


@dataclass(frozen=True)
class StepRate:
    """η(k) = η₀ γ^⌊k/size⌋: multiplied by γ after every `size` steps.

    This is PyTorch's `StepLR`, and Keras' `ExponentialDecay` with `staircase=True`.

    >>> [StepRate(1.0, factor=0.5, size=2)(k) for k in range(5)]
    [1.0, 1.0, 0.5, 0.5, 0.25]
    """

    start: float
    factor: float
    size: int

    def __post_init__(self) -> None:
        require_positive("size", self.size)

    def __call__(self, k: int) -> float:
        """Return η(k)."""
        return self.start * self.factor ** (k // self.size)


@dataclass(frozen=True)
class PiecewiseConstantRate:
    """η(k) = values[i] for the first i with k ≤ boundaries[i], the last value after all of them.

    A boundary belongs to the value before it, as in Keras' `PiecewiseConstantDecay`; in PyTorch's
    `MultiStepLR` a milestone belongs to the value after it. Raises ValueError unless there is one
    more value than boundaries, and the boundaries increase.

    >>> [PiecewiseConstantRate([1, 3], [1.0, 0.5, 0.1])(k) for k in range(5)]
    [1.0, 1.0, 0.5, 0.5, 0.1]
    """

    boundaries: Sequence[int]
    values: Sequence[float]

    def __post_init__(self) -> None:
        if len(self.values) != len(self.boundaries) + 1:
            raise ValueError(
                f"values must be {len(self.boundaries) + 1}, one more than the boundaries, "
                f"got {len(self.values)}"
            )
        if any(a >= b for a, b in zip(self.boundaries, self.boundaries[1:], strict=False)):
            raise ValueError(f"boundaries must increase, got {list(self.boundaries)}")

    def __call__(self, k: int) -> float:
        """Return η(k)."""
        return self.values[bisect_left(self.boundaries, k)]


@dataclass(frozen=True)
class ExponentialRate:
    """η(k) = η₀ γ^(k/size).

    This is Keras' `ExponentialDecay`, and PyTorch's `ExponentialLR` for size 1.

    >>> [ExponentialRate(1.0, factor=0.25, size=2)(k) for k in range(3)]
    [1.0, 0.5, 0.25]
    """

    start: float
    factor: float
    size: float = 1

    def __post_init__(self) -> None:
        require_positive("size", self.size)

    def __call__(self, k: int) -> float:
        """Return η(k)."""
        return self.start * self.factor ** (k / self.size)


@dataclass(frozen=True)
class InverseTimeRate:
    """η(k) = η₀ / (1 + r k/size).

    This is Keras' `InverseTimeDecay`, and `lr_decay` = r of PyTorch's Adagrad for size 1.

    >>> [InverseTimeRate(1.0, decay=1.0, size=2)(k) for k in (0, 2, 6)]
    [1.0, 0.5, 0.25]
    """

    start: float
    decay: float
    size: float = 1

    def __post_init__(self) -> None:
        require_positive("size", self.size)

    def __call__(self, k: int) -> float:
        """Return η(k)."""
        return self.start / (1 + self.decay * k / self.size)


@dataclass(frozen=True)
class CosineRate:
    """η(k) = η₁ + ½ (η₀ − η₁) (1 + cos(π k/size)), and η₁ from k = size on.

    Source: Loshchilov and Hutter, "SGDR: stochastic gradient descent with warm restarts", ICLR
    2017, equation 5, without the restarts. This is Keras' `CosineDecay`, whose α is η₁/η₀, and
    PyTorch's `CosineAnnealingLR` up to k = size, where that one turns and rises again.

    >>> [round(CosineRate(1.0, size=4, end=0.5)(k), 3) for k in (0, 2, 4, 9)]
    [1.0, 0.75, 0.5, 0.5]
    """

    start: float
    size: int
    end: float = 0.0

    def __post_init__(self) -> None:
        require_positive("size", self.size)

    def __call__(self, k: int) -> float:
        """Return η(k)."""
        fraction = min(k, self.size) / self.size
        return self.end + 0.5 * (self.start - self.end) * (1 + math.cos(math.pi * fraction))
