"""Images as small pictures: samples, misclassified images, reconstructions and features."""

import base64
import io
from dataclasses import dataclass
from functools import lru_cache
from math import isqrt

import numpy as np

from datasets import Dataset, Inputs
from experiments.harness.report.trained import Trained
from frameworks.task import FEATURES

__all__ = [
    "Picture",
    "Pictures",
    "features",
    "has_images",
    "mistakes",
    "reconstructions",
    "samples",
    "unscaled",
]

_MOST = 32  # pictures of a kind; all of them would take megabytes
_RECONSTRUCTED = 10
_FEATURES = 100


@dataclass(frozen=True)
class Picture:
    """One picture, with its text alternative."""

    src: str
    words: str
    below: str = ""


@dataclass(frozen=True)
class Pictures:
    """Some pictures with a common title."""

    title: str
    pictures: list[Picture]


def has_images(data: Dataset | None) -> bool:
    """Return whether a row of the data is a square picture."""
    if data is None or not data.feature_names[0].startswith("pixel"):
        return False
    return isqrt(len(data.feature_names)) ** 2 == len(data.feature_names)


def unscaled(data: Dataset, X: np.ndarray) -> np.ndarray:
    """Return features (n, d) as they were before scaling."""
    return X if data.scaler is None else data.scaler.inverse_transform(X)


def samples(trained: Trained) -> list[Picture]:
    """Return the first test picture of each class; nothing for other data."""
    data = trained.data
    if data is None or not has_images(data):
        return []
    rows = [int(np.argmax(data.y_test == label)) for label in range(len(trained.classes))]
    names = [trained.classes[data.y_test[row]] for row in rows]
    return [
        Picture(_png(data, data.X_test[row]), f"a {n}", n)
        for row, n in zip(rows, names, strict=True)
    ]


def mistakes(trained: Trained) -> list[Pictures]:
    """Return the misclassified images, equal predictions once, and those classified differently."""
    data, found = trained.data, trained.found("predictions")
    if data is None or not has_images(data):
        return []
    groups: dict[bytes, list[str]] = {}
    for name, predictions in found.items():
        groups.setdefault(predictions.tobytes(), []).append(name)
    shown = [
        _read(data, f"Misclassified by {', '.join(names)}", [found[names[0]]], data.y_test)
        for names in groups.values()
    ]
    if len(found) > 1:
        answers = list(found.values())
        shown.append(_read(data, "Classified differently", answers, answers[0]))
    return shown


def _read(data: Dataset, what: str, answers: list[np.ndarray], beside: np.ndarray) -> Pictures:
    """Return the pictures whose answers differ from those in `beside`."""
    rows = np.flatnonzero((np.array(answers) != beside).any(axis=0))
    names = data.class_names
    shown = []
    for row in rows[:_MOST]:
        true, read = names[data.y_test[row]], [names[each[row]] for each in answers]
        words = f"a {true}, classified as {', '.join(read)}"
        shown.append(Picture(_png(data, data.X_test[row]), words, f"{true} → {' '.join(read)}"))
    which = f"; the first {_MOST}" if len(rows) > _MOST else ""
    return Pictures(f"{what}: {len(rows):,} of {len(beside):,}{which}", shown)


def reconstructions(trained: Trained) -> list[Pictures]:
    """Return the first test pictures, and each implementation's reconstructions of them."""
    data = trained.data
    if data is None or not has_images(data) or not isinstance(data.targets, Inputs):
        return []
    shown = min(_RECONSTRUCTED, len(data.X_test))
    rows = {"input": data.X_test} | {
        name: trained.task.restored(outputs)
        for name, outputs in trained.found("outputs").items()
        if outputs.shape == data.X_test.shape and np.isfinite(outputs).all()
    }
    return [
        Pictures(name, [Picture(_png(data, X[i]), f"row {i}, {name}") for i in range(shown)])
        for name, X in rows.items()
    ]


def features(trained: Trained) -> list[Pictures]:
    """Return what each feature learned without labels looks for, and what the chains dream of.

    The weights of a feature are drawn about zero: the largest in either direction is white if it is
    negative, black if it is positive. Dreams are states that are as wide as the rows of the data.
    """
    data, shown = trained.data, []
    weights = trained.found("weights.0")
    if data is None or trained.task is not FEATURES or not has_images(data) or not weights:
        return []
    name, W = next(iter(weights.items()))
    if np.isfinite(W).all() and W.shape[0] == data.X_test.shape[1]:
        drawn = [Picture(_about_zero(w), f"feature {j}") for j, w in enumerate(W.T[:_FEATURES])]
        shown.append(Pictures(f"What each feature looks for: its weights ({name})", drawn))
    states = {key for each in trained.first_seed() for key in each.arrays if "states." in key}
    for state in sorted(states):
        for name, rows in trained.found(state).items():
            if rows.shape[1:] == data.X_test.shape[1:] and np.isfinite(rows).all():
                drawn = [Picture(_png(data, row), f"dream {i}") for i, row in enumerate(rows)]
                shown.append(Pictures(f"What the chains dreamt of last ({name})", drawn[:_MOST]))
    return shown


@lru_cache(maxsize=1)
def _ends(data: Dataset) -> tuple[float, float]:
    X = unscaled(data, data.X_test)
    return float(X.min()), float(X.max())


def _png(data: Dataset, row: np.ndarray) -> str:
    """Return a row of pixels as a data URL: the smallest value is white, the largest black.

    Pixels outside the range of the data, as a network may output them, are white or black.
    """
    (pixels,) = unscaled(data, row[None])
    return _grey(pixels, *_ends(data))


def _about_zero(weights: np.ndarray) -> str:
    most = float(np.abs(weights).max())
    return _grey(weights, -most, most)


def _grey(pixels: np.ndarray, low: float, high: float) -> str:
    """Return pixels as a data URL, from `low` in white to `high` in black."""
    from PIL import Image

    side = isqrt(len(pixels))
    share = np.clip((pixels - low) / ((high - low) or 1), 0, 1)
    grey = (255 - np.rint(share * 255)).astype(np.uint8).reshape(side, side)
    out = io.BytesIO()
    Image.fromarray(grey).save(out, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()
