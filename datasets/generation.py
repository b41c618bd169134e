"""Samples of known distributions, for networks that are to draw more of them."""

from statistics import NormalDist

import numpy as np

from datasets.dataset import Dataset, digest_arrays
from datasets.targets import Samples

__all__ = ["load_gaussian", "load_ring"]

_ROWS, _TEST_ROWS = 25_600, 1_000
_RING = tuple((2 * np.cos(k * np.pi / 4), 2 * np.sin(k * np.pi / 4)) for k in range(8))


def load_gaussian() -> Dataset:
    """Samples of N(4, 1.25²), drawn with seed 0: 25,600 to learn from.

    ``X_train (25600, 1)`` holds them. ``X_test (1000, 1)`` is the noise that a trained generator is
    given: not drawn, but z = Φ⁻¹((i + ½)/1000), the quantiles of N(0, 1), so that what a generator
    makes of it has no sampling error; ``y_test`` are the same quantiles of N(4, 1.25²), 4 + 1.25 z.

    >>> data = load_gaussian()
    >>> f"{data.X_train.mean():.3f}, {data.y_test.mean():.9f}, {data.y_test[0, 0]:.3f}"
    '4.006, 4.000000000, -0.113'
    """
    rng = np.random.default_rng(0)
    X = rng.normal(4, 1.25, size=(_ROWS, 1))
    levels = (np.arange(_TEST_ROWS) + 0.5) / _TEST_ROWS
    z = np.array([[NormalDist().inv_cdf(p)] for p in levels])
    return _samples("gaussian", X, z, 4 + 1.25 * z, Samples(((4.0,),), 1.25))


def load_ring() -> Dataset:
    """Samples of eight normal distributions around a ring, drawn with seed 0: 25,600 to learn from.

    Their centres are evenly spaced on a circle of radius 2, their standard deviation is 0.05, and
    all are equally likely. ``X_test (1000, 2)``: noise from N(0, 1)², ``y_test`` other samples.
    Source: Metz, Poole, Pfau and Sohl-Dickstein, "Unrolled generative adversarial networks", ICLR
    2017, here with a larger standard deviation.

    >>> load_ring().X_train.shape
    (25600, 2)
    """
    rng, targets = np.random.default_rng(0), Samples(_RING, 0.05)
    X, y = (targets.draw(rng, rows) for rows in (_ROWS, _TEST_ROWS))
    return _samples("ring", X, rng.normal(size=(_TEST_ROWS, 2)), y, targets)


def _samples(
    name: str, X: np.ndarray, noise: np.ndarray, others: np.ndarray, targets: Samples
) -> Dataset:
    return Dataset(
        name=name,
        source="real",
        sha256=digest_arrays(X, noise, others),
        canonical=True,
        origin="drawn by its definition",
        note=f"{name}: samples of a distribution, drawn by its definition",
        X_train=X,
        y_train=X,
        X_test=noise,
        y_test=others,
        feature_names=("x", "y")[: X.shape[1]],
        targets=targets,
    )
