"""Data augmentation: images moved by whole pixels, drawn again for every batch."""

import numpy as np

from scratch.checks import require_not_negative

__all__ = ["random_shift", "shift"]


def shift(images: np.ndarray, down: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return the images, each moved down and right by its own number of pixels, padded with zeros.

    Shapes: images (n, h, w) or (n, h, w, c); down, right (n,) integers, negative for up and left.

    >>> shift(np.array([[[1, 2], [3, 4]]]), down=np.array([1]), right=np.array([-1]))
    array([[[0, 0],
            [2, 0]]])
    """
    n, h, w = images.shape[:3]
    moved = np.zeros_like(images)
    for i, (y, x) in enumerate(zip(down.tolist(), right.tolist(), strict=True)):
        y, x = max(-h, min(y, h)), max(-w, min(x, w))
        moved[i, max(y, 0) : h + min(y, 0), max(x, 0) : w + min(x, 0)] = images[
            i, max(-y, 0) : h + min(-y, 0), max(-x, 0) : w + min(-x, 0)
        ]
    return moved


def random_shift(rng: np.random.Generator, images: np.ndarray, pixels: int) -> np.ndarray:
    """Return the images, each moved by −pixels to +pixels along each axis, drawn uniformly.

    Shapes: images (n, h, w) or (n, h, w, c). Pass it to `train` as
    `augment=lambda images: random_shift(rng, images, 2)`. Raises ValueError for negative pixels.

    >>> random_shift(np.random.default_rng(0), np.array([[[1, 2], [3, 4]]]), pixels=1)
    array([[[0, 0],
            [1, 2]]])
    """
    require_not_negative("pixels", pixels)
    down, right = rng.integers(-pixels, pixels, size=(2, len(images)), endpoint=True)
    return shift(images, down, right)
