"""Handwritten digits as small pictures: samples, and those that are read wrongly."""

import base64
import io
from dataclasses import dataclass
from math import isqrt

import numpy as np

from datasets import Dataset
from experiments.harness.report.trained import Trained

__all__ = ["Digit", "Mistakes", "disagreements", "has_images", "mistakes", "samples"]

_MOST = 32  # of one kind; all of them would be megabytes


@dataclass(frozen=True)
class Digit:
    """One picture, with the words that describe it."""

    src: str
    words: str
    below: str


@dataclass(frozen=True)
class Mistakes:
    """What implementations with the same predictions read wrongly."""

    implementations: list[str]
    count: int
    of: int
    digits: list[Digit]


def has_images(data: Dataset | None) -> bool:
    """Say whether a row of the data is a square picture."""
    return data is not None and data.feature_names[0].startswith("pixel")


def samples(data: Dataset) -> list[Digit]:
    """Return the first test picture of each class."""
    rows = [int(np.argmax(data.y_test == label)) for label in range(len(data.class_names))]
    names = [data.class_names[data.y_test[row]] for row in rows]
    return [
        Digit(_png(data.X_test[row]), f"a {name}", name)
        for row, name in zip(rows, names, strict=True)
    ]


def mistakes(trained: Trained, data: Dataset) -> list[Mistakes]:
    """Return the wrong answers, once for all implementations whose predictions are equal."""
    groups: dict[bytes, Mistakes] = {}
    for cell in trained.first_seed():
        predictions = trained.arrays[cell["key"]]["predictions"]
        group = groups.get(predictions.tobytes())
        if group is not None:
            group.implementations.append(cell["implementation"])
            continue
        wrong = np.flatnonzero(predictions != data.y_test)
        digits = [_read_as(data, row, [predictions[row]]) for row in wrong[:_MOST]]
        groups[predictions.tobytes()] = Mistakes(
            [cell["implementation"]], len(wrong), len(predictions), digits
        )
    return list(groups.values())


def disagreements(trained: Trained, data: Dataset) -> tuple[int, list[Digit]]:
    """Return on how many pictures any two implementations differ, and the first of them."""
    cells = trained.first_seed()
    predictions = np.array([trained.arrays[cell["key"]]["predictions"] for cell in cells])
    rows = np.flatnonzero((predictions != predictions[0]).any(axis=0))
    return len(rows), [_read_as(data, row, list(predictions[:, row])) for row in rows[:_MOST]]


def _read_as(data: Dataset, row: int, answers: list[int]) -> Digit:
    true = data.class_names[data.y_test[row]]
    read = [data.class_names[answer] for answer in answers]
    return Digit(
        _png(data.X_test[row]), f"a {true}, read as {', '.join(read)}", f"{true} → {' '.join(read)}"
    )


def _png(row: np.ndarray) -> str:
    """Return a row of pixels from 0 to 1 as the address of a picture, dark on white."""
    from PIL import Image

    side = isqrt(len(row))
    grey = (255 - np.rint(row * 255)).astype(np.uint8).reshape(side, side)
    out = io.BytesIO()
    Image.fromarray(grey).save(out, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()
