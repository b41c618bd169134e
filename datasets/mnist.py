"""MNIST: 70,000 handwritten digits of 28 x 28 pixels.

Source: Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits".
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from datasets.dataset import Dataset
from datasets.errors import DataError, naming
from datasets.idx import encode_idx, gunzip_idx, parse_idx
from datasets.mnist_stand_in import draw_digits
from datasets.npz import read_npz
from datasets.policy import Policy, obtain
from datasets.recipe import Content, Contents, DataFile, Mirror, Recipe
from datasets.targets import Classes


def load_mnist(policy: Policy = "auto", data_dir: str | Path | None = None) -> Dataset:
    """MNIST, flattened: ``X_train (60000, 784)`` and ``X_test (10000, 784)``, pixels / 255.

    Rows are in file order; column 28 i + j is the pixel in row i and column j. A data folder holds
    ``mnist/*-ubyte.gz``, the same files decompressed, or Keras' ``mnist.npz``. The stand-in has
    1,500 training and 297 test images (see `draw_digits`).

    Raises DataError: see `datasets.policy.obtain`.
    """
    found = obtain(MNIST, policy, data_dir)
    images = _parse(found.contents)
    return Dataset(
        name=MNIST.name,
        source=found.source,
        sha256=found.sha256,
        canonical=found.canonical,
        origin=found.origin,
        note=found.note,
        X_train=_scale(images.X_train),
        y_train=images.y_train.astype(np.int64),
        X_test=_scale(images.X_test),
        y_test=images.y_test.astype(np.int64),
        feature_names=tuple(f"pixel_{i}_{j}" for i in range(28) for j in range(28)),
        targets=Classes(tuple("0123456789")),
    )


class _Images(NamedTuple):
    """The four arrays of uint8, in the order of `MNIST.files`: (n, 28, 28) and (n,)."""

    X_train: np.ndarray
    y_train: np.ndarray
    X_test: np.ndarray
    y_test: np.ndarray


def _scale(images: np.ndarray) -> np.ndarray:
    """Map images (n, 28, 28) of uint8 to rows (n, 784) of float64 from 0 to 1."""
    return images.reshape(len(images), -1) / 255.0


def _unwrap(raw: bytes, file: DataFile) -> bytes:
    """Return the IDX content of a plain file, a gzip file or a member of ``mnist.npz``.

    The first bytes decide, not the name: browsers decompress a .gz but keep its name.
    """
    if raw.startswith(b"\x1f\x8b"):
        return gunzip_idx(raw)
    if raw.startswith(b"PK"):
        return _from_npz(raw, _MEMBERS[file.path])
    return raw


def _from_npz(raw: bytes, member: str) -> bytes:
    """Return one array of Keras' archive as the IDX content that it was made from."""
    try:
        return encode_idx(read_npz(raw, member))
    except DataError as error:
        raise DataError(f"{member}: {error}") from error


def _check(content: bytes, file: DataFile) -> np.ndarray:
    """The array in one file: images (n, 28, 28), or labels (n,) from 0 to 9."""
    array = parse_idx(content)
    expected = (28, 28) if "images" in file.path else ()
    if array.shape[1:] != expected or len(array) == 0:
        raise DataError(f"expected shape {('n', *expected)}, found {array.shape}")
    if not expected and array.max() > 9:
        raise DataError(f"expected labels 0 to 9, found {array.max()} at {array.argmax()}")
    return array


def _parse(contents: Contents) -> _Images:
    """The four arrays; DataError when images and labels are not equally many."""
    arrays = []
    for file in MNIST.files:
        with naming(file.path):
            arrays.append(_check(contents[file.path].data, file))
    images = _Images(*arrays)
    for X, y, part in [
        (images.X_train, images.y_train, "training"),
        (images.X_test, images.y_test, "test"),
    ]:
        if len(X) != len(y):
            raise DataError(f"{len(X)} {part} images, but {len(y)} labels")
    return images


def _stand_in() -> Contents:
    return {
        path: Content(encode_idx(array))
        for path, array in zip(_MEMBERS, draw_digits(), strict=True)
    }


def _file(name: str, digest: str, size: int) -> DataFile:
    stem, kind = name.rsplit("-", 2)[0], name.split("-")[-2]
    plain = (f"mnist/{name}", f"mnist/{stem}.{kind}-ubyte")
    spellings = tuple(path + suffix for path in plain for suffix in (".gz", ""))
    return DataFile(f"mnist/{name}", digest, size, spellings)


_MEMBERS = {
    "mnist/train-images-idx3-ubyte": "x_train",
    "mnist/train-labels-idx1-ubyte": "y_train",
    "mnist/t10k-images-idx3-ubyte": "x_test",
    "mnist/t10k-labels-idx1-ubyte": "y_test",
}

MNIST = Recipe(
    name="mnist",
    files=(
        _file(
            "train-images-idx3-ubyte",
            "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            47_040_016,
        ),
        _file(
            "train-labels-idx1-ubyte",
            "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            60_008,
        ),
        _file(
            "t10k-images-idx3-ubyte",
            "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            7_840_016,
        ),
        _file(
            "t10k-labels-idx1-ubyte",
            "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
            10_008,
        ),
    ),
    archives=("mnist/mnist.npz", "mnist.npz"),
    mirrors=(
        Mirror("https://storage.googleapis.com/cvdf-datasets"),
        Mirror("https://ossci-datasets.s3.amazonaws.com"),
    ),
    unwrap=_unwrap,
    check=_check,
    parse=_parse,
    stand_in=_stand_in,
    stand_in_is="scikit-learn's 8x8 digits, enlarged to 28x28",
    remedy=(
        "Put the four *-ubyte.gz files of MNIST, or Keras' mnist.npz, into the mnist/ folder of "
        "a data folder, and name that folder with --data-dir or LOCKSTEP_DATA."
    ),
)
