"""The tables that come with scikit-learn: diabetes, to predict, and digits, to reconstruct."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from datasets.dataset import Dataset, digest_arrays
from datasets.targets import Inputs, Quantity, Targets

if TYPE_CHECKING:
    from sklearn.preprocessing import StandardScaler

Part = tuple[np.ndarray, np.ndarray]  # X, y

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


def _bundled(
    name: str, table: Any, *, train: Part, test: Part, targets: Targets, scaler: StandardScaler
) -> Dataset:
    """Wrap a scaled table from scikit-learn; `table` is the original one."""
    sha256 = digest_arrays(np.ascontiguousarray(table.data), table.target)
    canonical = sha256 == SHA256[name]
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
