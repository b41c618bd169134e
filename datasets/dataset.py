"""The one form in which every experiment receives its data."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Literal

import numpy as np

from datasets.errors import DataError

if TYPE_CHECKING:
    from sklearn.preprocessing import StandardScaler

Source = Literal["real", "stand-in"]


@dataclass(frozen=True, eq=False)
class Dataset:
    """A data set, split into training and test rows, with its provenance.

    Shapes: ``X_train (n, d)`` and ``X_test (m, d)``, float64 and C-contiguous; ``y_train (n,)``
    and ``y_test (m,)``, int64, indices into ``class_names``.

    ``sha256`` identifies the content, so that results on different data are never compared as if
    they were the same. It is taken of

    - the truth table and the circle: the four arrays (see `digest_arrays`);
    - one file (churn): the file's canonical content, that is with CRLF folded to LF;
    - several files (MNIST): the text of the files' hex digests in the order training images,
      training labels, test images, test labels, each followed by a line feed; each is taken of
      the decompressed IDX content.

    ``canonical`` says that the content is the published one; ``note`` is the line to show a
    reader: which data was used, and why. ``scaler`` was fitted on the training rows and has been
    applied to both parts; it is None where features are used as they come.

    Raises DataError when the arrays do not have this form.
    """

    name: str
    source: Source
    sha256: str
    canonical: bool
    origin: str
    note: str
    X_train: np.ndarray
    y_train: np.ndarray
    X_test: np.ndarray
    y_test: np.ndarray
    feature_names: tuple[str, ...]
    class_names: tuple[str, ...]
    scaler: StandardScaler | None = None

    def __post_init__(self) -> None:
        for part, X, y in [
            ("training", self.X_train, self.y_train),
            ("test", self.X_test, self.y_test),
        ]:
            problem = _problem(X, y, len(self.feature_names), len(self.class_names))
            if problem:
                raise DataError(f"{self.name}, {part} rows: {problem}")


def _problem(X: np.ndarray, y: np.ndarray, n_features: int, n_classes: int) -> str:
    """Say what is wrong with X (n, d) and y (n,), or return an empty string."""
    if X.dtype != np.float64 or not X.flags.c_contiguous:
        return f"expected C-contiguous float64 features, found {X.dtype}"
    if y.dtype != np.int64:
        return f"expected int64 labels, found {y.dtype}"
    if X.shape != (len(y), n_features) or y.ndim != 1 or len(y) == 0:
        return f"expected features (n, {n_features}) and labels (n,), found {X.shape} and {y.shape}"
    if not np.isfinite(X).all():
        return "a feature is NaN or infinite"
    if y.min() < 0 or y.max() >= n_classes:
        return f"expected labels 0 to {n_classes - 1}, found {y.min()} to {y.max()}"
    return ""


def digest_arrays(*arrays: np.ndarray) -> str:
    """SHA-256 over the type, shape and bytes (C order) of each array in turn.

    Two arrays that only share their bytes differ:

    >>> digest_arrays(np.zeros(2)) == digest_arrays(np.zeros((1, 2)))
    False
    """
    digest = sha256()
    for array in arrays:
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()
