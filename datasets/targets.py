"""The targets of a data set: classes, a quantity, the inputs, samples to imitate, or sequences."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from datasets.errors import DataError

__all__ = ["Classes", "Inputs", "Quantity", "Samples", "Sequences", "Targets"]


@dataclass(frozen=True)
class Classes:
    """Labels: y (n,), int64, indices into ``names``."""

    names: tuple[str, ...]

    def problem(self, X: np.ndarray, y: np.ndarray) -> str:
        """Return what is wrong with y as the targets of X (n, d), or an empty string."""
        if y.dtype != np.int64:
            return f"expected int64 labels, found {y.dtype}"
        if y.shape != (len(X),):
            return f"expected labels ({len(X)},), found {y.shape}"
        if y.min() < 0 or y.max() >= len(self.names):
            return f"expected labels 0 to {len(self.names) - 1}, found {y.min()} to {y.max()}"
        return ""


@dataclass(frozen=True)
class Quantity:
    """One measured quantity, standardised: y (n,), float64.

    The quantity itself is ``mean + scale * y``, in ``unit``; mean and scale are its mean and
    standard deviation over the training rows. The root mean squared error of y, times ``scale``, is
    therefore in ``unit``. ``unit`` is empty for a score, which has none.

    Raises DataError for a mean or a scale that no quantity can have.
    """

    name: str
    unit: str
    mean: float
    scale: float

    def __post_init__(self) -> None:
        if not (np.isfinite(self.mean) and 0 < self.scale < np.inf):
            raise DataError(
                f"{self.name}: expected a finite mean and a scale above 0, "
                f"found {self.mean} and {self.scale}"
            )

    def standardise(self, quantity: np.ndarray) -> np.ndarray:
        """Return (quantity - mean) / scale.

        >>> Quantity("height", "cm", mean=170.0, scale=10.0).standardise(np.array([160.0, 175.0]))
        array([-1. ,  0.5])
        """
        return (quantity - self.mean) / self.scale

    def restore(self, y: np.ndarray) -> np.ndarray:
        """Return the quantity, in ``unit``, of standardised targets or outputs of any shape.

        >>> Quantity("height", "cm", mean=170.0, scale=10.0).restore(np.array([-1.0, 0.5]))
        array([160., 175.])
        """
        return self.mean + self.scale * y

    def problem(self, X: np.ndarray, y: np.ndarray) -> str:
        """Return what is wrong with y as the targets of X (n, d), or an empty string."""
        if y.dtype != np.float64 or not y.flags.c_contiguous:
            return f"expected C-contiguous float64 targets, found {y.dtype}"
        if y.shape != (len(X),):
            return f"expected targets ({len(X)},), found {y.shape}"
        if not np.isfinite(y).all():
            return "a target is NaN or infinite"
        return ""


@dataclass(frozen=True)
class Inputs:
    """The inputs themselves, to be reconstructed: y is X (n, d), not a copy of it."""

    def problem(self, X: np.ndarray, y: np.ndarray) -> str:
        """Return what is wrong with y as the targets of X (n, d), or an empty string."""
        return "" if y is X else "expected the inputs themselves as targets, found another array"


@dataclass(frozen=True)
class Samples:
    """Samples of a distribution that a generator is to imitate: y (n, d), float64.

    The distribution: normal distributions around ``centres``, all with the same ``deviation`` in
    every direction, and equally likely. In training X is y itself. In a test X is the noise from
    which the generator makes samples, as many numbers as a sample has, and y are true ones.
    """

    centres: tuple[tuple[float, ...], ...]
    deviation: float

    def draw(self, rng: np.random.Generator, n: int) -> np.ndarray:
        """Return n samples (n, d)."""
        around = np.array(self.centres)[rng.integers(len(self.centres), size=n)]
        return around + self.deviation * rng.normal(size=around.shape)

    def density(self, X: np.ndarray) -> np.ndarray:
        """Return the probability density (n,) at X (n, d).

        >>> Samples(((0.0,),), deviation=1.0).density(np.zeros((1, 1))).round(6)
        array([0.398942])
        """
        centres, d = np.array(self.centres), X.shape[1]
        squares = np.square(X[:, None] - centres).sum(axis=2) / self.deviation**2
        return np.exp(-squares / 2).mean(axis=1) / (self.deviation * np.sqrt(2 * np.pi)) ** d

    def covered(self, X: np.ndarray) -> int:
        """Return how many centres have a sample of X (n, d) within three deviations.

        >>> Samples(((0.0,), (9.0,)), deviation=1.0).covered(np.array([[0.5], [5.0]]))
        1
        """
        return int(self._is_near(X).any(axis=0).sum())

    def near(self, X: np.ndarray) -> float:
        """Return the share of X (n, d) that is within three deviations of a centre.

        >>> Samples(((0.0,), (9.0,)), deviation=1.0).near(np.array([[0.5], [5.0]]))
        0.5
        """
        return float(self._is_near(X).any(axis=1).mean())

    def _is_near(self, X: np.ndarray) -> np.ndarray:
        """Return for X (n, d) and each centre, as booleans (n, centres), whether it is near."""
        distances = np.linalg.norm(X[:, None] - np.array(self.centres), axis=2)
        return distances < 3 * self.deviation

    def problem(self, X: np.ndarray, y: np.ndarray) -> str:
        """Return what is wrong with y as samples beside X (n, d), or an empty string."""
        if y.dtype != np.float64 or y.shape != X.shape:
            return f"expected float64 samples {X.shape}, found {y.dtype} {y.shape}"
        return "" if np.isfinite(y).all() else "a sample is NaN or infinite"


@dataclass(frozen=True)
class Sequences:
    """The next token at each step of a sequence: y (n, t), int64, indices into ``tokens``.

    Tokens of the question have no target, -1; the last ``answer`` steps have one.
    """

    tokens: tuple[str, ...]
    answer: int

    def problem(self, X: np.ndarray, y: np.ndarray) -> str:
        """Return what is wrong with y as the targets of X (n, t), or an empty string."""
        if y.dtype != np.int64 or y.shape != X.shape:
            return f"expected int64 tokens {X.shape}, found {y.dtype} {y.shape}"
        asked, answered = y[:, : -self.answer], y[:, -self.answer :]
        if (asked != -1).any():
            return f"expected -1 before the last {self.answer} steps, found {asked.max()}"
        if answered.min() < 0 or answered.max() >= len(self.tokens):
            found = f"{answered.min()} to {answered.max()}"
            return f"expected tokens 0 to {len(self.tokens) - 1}, found {found}"
        return ""


Targets = Classes | Quantity | Inputs | Samples | Sequences
