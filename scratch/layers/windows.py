"""Windows on images (n, h, w, c): their size and their number."""

from typing import Literal

__all__ = ["Padding", "Pair", "pair", "positions", "same_padding"]

Pair = tuple[int, int]  # of height and width
Padding = Literal["valid", "same"]


def pair(name: str, value: int | Pair) -> Pair:
    """Return (height, width) for one number or two; ValueError unless both are at least 1.

    >>> pair("size", 2), pair("size", (1, 3))
    ((2, 2), (1, 3))
    """
    height, width = (value, value) if isinstance(value, int) else value
    if height < 1 or width < 1:
        raise ValueError(f"{name} must be at least 1, got {value}")
    return height, width


def positions(image: Pair, size: Pair, stride: Pair) -> Pair:
    """Return how many windows fit along height and width: ⌊(h − kh)/s⌋ + 1, and the same for w.

    Remaining rows at the bottom and columns on the right are in no window.
    Raises ValueError for an image that is smaller than the window.

    >>> positions((5, 6), (3, 3), (2, 2))
    (2, 2)
    """
    if image[0] < size[0] or image[1] < size[1]:
        raise ValueError(f"X: expected images of at least {size}, the window, got {image}")
    return (image[0] - size[0]) // stride[0] + 1, (image[1] - size[1]) // stride[1] + 1


def same_padding(length: int, size: int, stride: int) -> Pair:
    """Return the zeros (before, after) with which ⌈length/stride⌉ windows fit, as TensorFlow does.

    Of an odd number of zeros the larger half comes after: at stride 2, windows of size 3 on an even
    length are padded by (0, 1); PyTorch's `padding=1` gives (1, 1), and other windows.
    Source: the TensorFlow guide to `tf.nn`, "Notes on padding".

    >>> same_padding(28, 3, 1), same_padding(28, 3, 2), same_padding(27, 3, 2)
    ((1, 1), (0, 1), (1, 1))
    """
    count = -(-length // stride)
    total = max((count - 1) * stride + size - length, 0)
    return total // 2, total - total // 2
