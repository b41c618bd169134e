"""The tables that come with scikit-learn: diabetes, and digits as they are and shifted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from datasets.dataset import Dataset, digest_arrays
from datasets.targets import Classes, Inputs, Quantity, Targets

if TYPE_CHECKING:
    from sklearn.preprocessing import StandardScaler

Part = tuple[np.ndarray, np.ndarray]  # X, y

_SHIFTS = ((0, 0), (1, 0), (0, 1), (0, -1), (-1, 0))  # none, up, left, right, down

# Features and targets as scikit-learn 1.9 has them.
SHA256 = {
    "diabetes": "43a28c7d3cf1c4cbb9cb67486e89ac06e370b76abd43210371b235e2ee2bc3b9",
    "digits": "0b3e4ee14f82503950f2fd8375b2e78056c1dd5ef2cb04e4cd0cc4827c0e6bb6",
}


def load_diabetes() -> Dataset:
    """Diabetes: ten measurements of 442 patients, and how far the disease went within a year.

    ``X_train (353, 10)`` and ``X_test (89, 10)``; the target is a score from 25 to 346. The split
    is scikit-learn's ``train_test_split(test_size=0.2, random_state=0)`` on the order of the table.
    Then every column and the target are standardised: shifted to mean 0 and divided by their
    standard deviation, both of the training rows only.
    Source: Efron, Hastie, Johnstone and Tibshirani, "Least angle regression", The Annals of
    Statistics 32, 2004.

    >>> data = load_diabetes()
    >>> data.targets.restore(data.y_test[:3]).round().tolist()
    [321.0, 215.0, 127.0]
    """
    from sklearn import datasets
    from sklearn.model_selection import train_test_split
    from sklearn.preprocessing import StandardScaler

    table = datasets.load_diabetes(scaled=False)
    X_train, X_test, y_train, y_test = train_test_split(
        table.data, table.target, test_size=0.2, random_state=0
    )
    scaler = StandardScaler().fit(X_train)
    score = Quantity("disease progression", "", float(y_train.mean()), float(y_train.std()))
    return _bundled(
        "diabetes",
        table,
        train=(np.ascontiguousarray(scaler.transform(X_train)), score.standardise(y_train)),
        test=(np.ascontiguousarray(scaler.transform(X_test)), score.standardise(y_test)),
        targets=score,
        scaler=scaler,
    )


def load_digits() -> Dataset:
    """Digits: 1,797 handwritten digits of 8 x 8 pixels; the targets are the images themselves.

    ``X (1797, 64)``: grey levels 0 to 16, divided by 16, with the mean of each pixel subtracted;
    ``scaler`` adds it again. The test set is the training set: the question is how much of these
    images passes through a narrow layer, and the best possible answer is known exactly.
    Source: Alpaydin and Kaynak, "Optical recognition of handwritten digits", UCI Machine Learning
    Repository, 1998; scikit-learn includes its test part.

    >>> data = load_digits()
    >>> data.X_train.shape, data.y_train is data.X_train
    ((1797, 64), True)
    """
    from sklearn import datasets
    from sklearn.preprocessing import StandardScaler

    table = datasets.load_digits()
    grey = np.ascontiguousarray(table.data / 16)
    scaler = StandardScaler(with_std=False).fit(grey)
    X = scaler.transform(grey)
    again = X.copy()
    return _bundled(
        "digits", table, train=(X, X), test=(again, again), targets=Inputs(), scaler=scaler
    )


def load_shifted_digits() -> Dataset:
    """Shifted digits: 1,797 handwritten digits of 8 x 8 pixels, each in five places.

    Every image as it is, and shifted by one pixel up, left, right and down; what enters is 0.
    ``X_train (7188, 64)`` and ``X_test (1797, 64)``: grey levels 0 to 16, divided by 16. The split
    is scikit-learn's ``train_test_split(test_size=0.2, random_state=0)``, so an image may be in one
    part and its shifted copies in the other. A linear classifier of pixels gets worse by the
    shifts, one of good features hardly.
    Source: as of `load_digits`; the shifts are those of scikit-learn's example "Restricted
    Boltzmann Machine features for digit classification".

    >>> data = load_shifted_digits()
    >>> data.X_train.shape, data.X_test.shape, len(data.class_names)
    ((7188, 64), (1797, 64), 10)
    """
    from sklearn import datasets
    from sklearn.model_selection import train_test_split

    table = datasets.load_digits()
    n, around = len(table.data), np.pad(table.images / 16, ((0, 0), (1, 1), (1, 1)))
    moved = [around[:, 1 + down : 9 + down, 1 + right : 9 + right] for down, right in _SHIFTS]
    X, y = np.concatenate(moved).reshape(len(_SHIFTS) * n, 64), np.tile(table.target, len(_SHIFTS))
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=0)
    return _bundled(
        "shifted_digits",
        table,
        train=(X_train, y_train),
        test=(X_test, y_test),
        targets=Classes(tuple("0123456789")),
        original="digits",
    )


def _bundled(
    name: str,
    table: Any,
    *,
    train: Part,
    test: Part,
    targets: Targets,
    scaler: StandardScaler | None = None,
    original: str = "",
) -> Dataset:
    """Wrap a scaled table from scikit-learn; `table` is the original one, named `original`."""
    sha256 = digest_arrays(np.ascontiguousarray(table.data), table.target)
    canonical = sha256 == SHA256[original or name]
    changed = "" if canonical else f", but not the canonical content: it has SHA-256 {sha256}"
    return Dataset(
        name=name,
        source="real",
        sha256=sha256,
        canonical=canonical,
        origin="scikit-learn",
        note=f"{name}: the real data, which come with scikit-learn{changed}",
        X_train=train[0],
        y_train=train[1],
        X_test=test[0],
        y_test=test[1],
        feature_names=tuple(table.feature_names),
        targets=targets,
        scaler=scaler,
    )
