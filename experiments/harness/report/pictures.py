"""Images as small pictures: samples, those that are read wrongly, and reconstructions."""

import base64
import io
from dataclasses import dataclass
from functools import lru_cache
from math import isqrt

import numpy as np

from datasets import Dataset
from experiments.harness.report.trained import Trained

__all__ = [
    *("Disagreements", "Mistakes", "Picture", "disagreements", "has_images", "mistakes"),
    *("reconstructions", "samples", "unscaled"),
]

_MOST = 32  # of one kind; all of them would be megabytes
_RECONSTRUCTED = 10


@dataclass(frozen=True)
class Picture:
    """One picture, with the words that describe it."""

    src: str
    words: str
    below: str = ""


@dataclass(frozen=True)
class Mistakes:
    """What implementations with the same predictions read wrongly."""

    implementations: list[str]
    count: int
    of: int
    pictures: list[Picture]


@dataclass(frozen=True)
class Disagreements:
    """On how many pictures any two implementations differ, and the first of them."""

    count: int
    pictures: list[Picture]


def has_images(data: Dataset | None) -> bool:
    """Say whether a row of the data is a square picture."""
    if data is None or not data.feature_names[0].startswith("pixel"):
        return False
    return isqrt(len(data.feature_names)) ** 2 == len(data.feature_names)


def unscaled(data: Dataset, X: np.ndarray) -> np.ndarray:
    """Return features (n, d) as they were before they were scaled."""
    return X if data.scaler is None else data.scaler.inverse_transform(X)


def samples(trained: Trained) -> list[Picture]:
    """Return the first test picture of each class; nothing for other data."""
    data = trained.data
    if data is None or not has_images(data):
        return []
    names = trained.classes
    rows = [int(np.argmax(data.y_test == label)) for label in range(len(names))]
    return [
        Picture(_png(data, data.X_test[row]), f"a {name}", name)
        for row in rows
        for name in [names[data.y_test[row]]]
    ]


def mistakes(trained: Trained) -> list[Mistakes]:
    """Return the wrong answers, once for all implementations whose predictions are equal."""
    data = trained.data
    if data is None or not has_images(data):
        return []
    groups: dict[bytes, tuple[np.ndarray, list[str]]] = {}
    for name, predictions in trained.found("predictions").items():
        groups.setdefault(predictions.tobytes(), (predictions, []))[1].append(name)
    return [_mistakes(data, names, predictions) for predictions, names in groups.values()]


def _mistakes(data: Dataset, names: list[str], predictions: np.ndarray) -> Mistakes:
    wrong = np.flatnonzero(predictions != data.y_test)
    pictures = [_read_as(data, row, [predictions[row]]) for row in wrong[:_MOST]]
    return Mistakes(names, len(wrong), len(predictions), pictures)


def disagreements(trained: Trained) -> Disagreements | None:
    """Return on which pictures any two implementations differ; None for other data."""
    data, found = trained.data, [*trained.found("predictions").values()]
    if data is None or not has_images(data) or len(found) < 2:
        return None
    answers = np.array(found)
    rows = np.flatnonzero((answers != answers[0]).any(axis=0))
    return Disagreements(len(rows), [_read_as(data, r, list(answers[:, r])) for r in rows[:_MOST]])


def reconstructions(trained: Trained) -> dict[str, list[Picture]]:
    """Return the first test pictures, and below them what each implementation makes of them."""
    data = trained.data
    if data is None or not has_images(data) or trained.task.name != "reconstruction":
        return {}
    rows = {"input": data.X_test} | {
        name: outputs
        for name, outputs in trained.found("outputs").items()
        if outputs.shape == data.X_test.shape and np.isfinite(outputs).all()
    }
    return {
        name: [
            Picture(_png(data, row), f"row {i}, {name}")
            for i, row in enumerate(pictures[:_RECONSTRUCTED])
        ]
        for name, pictures in rows.items()
    }


def _read_as(data: Dataset, row: int, answers: list[int]) -> Picture:
    true = data.class_names[data.y_test[row]]
    read = [data.class_names[answer] for answer in answers]
    words = f"a {true}, read as {', '.join(read)}"
    return Picture(_png(data, data.X_test[row]), words, f"{true} → {' '.join(read)}")


@lru_cache(maxsize=1)
def _ends(data: Dataset) -> tuple[float, float]:
    X = unscaled(data, data.X_test)
    return float(X.min()), float(X.max())


def _png(data: Dataset, row: np.ndarray) -> str:
    """Return a row of pixels as the address of a picture: white is the least, black the largest.

    Pixels beyond the data's, as a network may make them, are white or black.
    """
    from PIL import Image

    low, high = _ends(data)
    side, (pixels,) = isqrt(len(row)), unscaled(data, row[None])
    share = np.clip((pixels - low) / ((high - low) or 1), 0, 1)
    grey = (255 - np.rint(share * 255)).astype(np.uint8).reshape(side, side)
    out = io.BytesIO()
    Image.fromarray(grey).save(out, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()
