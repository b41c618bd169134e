"""The form in which every experiment receives its data."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from datasets.errors import DataError
from datasets.targets import Classes, Quantity, Targets

if TYPE_CHECKING:
    from sklearn.preprocessing import StandardScaler

Source = Literal["real", "stand-in"]


@dataclass(frozen=True, eq=False)
class Dataset:
    """A data set, split into training and test rows, with its provenance.

    Shapes: ``X_train (n, d)`` and ``X_test (m, d)``, float64 and C-contiguous. ``targets`` says
    what ``y_train`` and ``y_test`` are: labels (n,), a standardised quantity (n,), the inputs
    (n, d) themselves, samples (n, d) or tokens (n, d) (see `datasets.targets`).

    ``sha256`` identifies the content, so that results on different data are never compared as if
    they were the same. It is the digest of

    - the truth tables and the circle: the four arrays (see `digest_arrays`);
    - the tables that come with scikit-learn: its two arrays, features and targets, before any
      scaling;
    - one file (churn): the file's canonical content, that is with CRLF converted to LF;
    - several files (MNIST): the text of the files' hex digests in the order training images,
      training labels, test images, test labels, each followed by a line feed; each is the digest
      of the decompressed IDX content.

    ``canonical``: the content is the published one; ``note`` is a line for the reader: which data
    were used, and why. ``scaler`` was fitted on the training rows and has been applied to both
    parts; it is None if features are not scaled by one.

    Raises DataError if the arrays do not have this form.
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
    targets: Targets
    scaler: StandardScaler | None = None

    def __post_init__(self) -> None:
        self._check_texts()
        for part, X, y in [
            ("training", self.X_train, self.y_train),
            ("test", self.X_test, self.y_test),
        ]:
            problem = _problem(X, len(self.feature_names)) or self.targets.problem(X, y)
            if problem:
                raise DataError(f"{self.name}, {part} rows: {problem}")

    def _check_texts(self) -> None:
        for field in ("name", "source", "sha256", "origin", "note"):
            if not isinstance(value := getattr(self, field), str):
                raise DataError(f"{field} of a data set: expected text, found {value!r}")
        if len(self.name.splitlines()) > 1:  # a log would show it as lines of its own
            raise DataError(f"name of a data set: expected a line, found {self.name!r}")
        if self.source not in get_args(Source):
            raise DataError(
                f"{self.name}: expected the source real or stand-in, found {self.source!r}"
            )
        names = self.feature_names
        if not isinstance(names, tuple) or not all(isinstance(each, str) for each in names):
            raise DataError(f"{self.name}: expected a tuple of feature names, found {names!r}")

    def in_units(self, y: np.ndarray) -> np.ndarray:
        """Return targets or outputs in the unit of a measured quantity; others unchanged."""
        return self.targets.restore(y) if isinstance(self.targets, Quantity) else y

    @property
    def class_names(self) -> tuple[str, ...]:
        """The names of the classes; DataError if the targets are not classes."""
        if not isinstance(self.targets, Classes):
            raise DataError(f"{self.name}: its targets are {self.targets}, not classes")
        return self.targets.names


def _problem(X: np.ndarray, n_features: int) -> str:
    """Return what is wrong with features X (n, d), or an empty string."""
    if X.dtype != np.float64 or not X.flags.c_contiguous:
        return f"expected C-contiguous float64 features, found {X.dtype}"
    if X.ndim != 2 or X.shape[1] != n_features or len(X) == 0:
        return f"expected features (n, {n_features}), found {X.shape}"
    if not np.isfinite(X).all():
        return "a feature is NaN or infinite"
    return ""


def digest_arrays(*arrays: np.ndarray) -> str:
    """SHA-256 over the dtype, shape and bytes (C order) of each array in turn.

    Arrays with equal bytes but different shapes differ:

    >>> digest_arrays(np.zeros(2)) == digest_arrays(np.zeros((1, 2)))
    False
    """
    digest = sha256()
    for array in arrays:
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()
