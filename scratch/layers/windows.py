"""Windows on images (n, h, w, c): their size, where they lie, and how many there are."""

from dataclasses import dataclass
from typing import Literal

__all__ = ["Borders", "Padding", "Pair", "Windows", "borders", "on_images", "pair", "same_padding"]

Pair = tuple[int, int]  # of height and width
Borders = tuple[Pair, Pair]  # (above, below), (left, right)
Padding = Literal["valid", "same"] | int | Pair | Borders


@dataclass(frozen=True)
class Windows:
    """Windows of a size (kh, kw), whose neighbours lie a stride apart.

    The places of one window lie `dilation` apart, so that it extends over (k − 1)·dilation + 1
    pixels along each axis. `padding` says what is added around the image before they are laid:

    - "valid": nothing;
    - "same": as much as ⌈h/s⌉ windows need along each axis, see `same_padding`;
    - "causal": k − 1 places before and none after, so that no window reaches beyond its step;
    - ((above, below), (left, right)): so much, whatever the image.

    With `ceil_mode`, PyTorch's name for it, one more window may reach beyond the border on the
    bottom and on the right, see `beyond`.
    """

    size: Pair
    stride: Pair
    dilation: Pair = (1, 1)
    padding: Literal["valid", "same", "causal"] | Borders = "valid"
    ceil_mode: bool = False

    @property
    def extent(self) -> Pair:
        """The pixels that one window extends over: (k − 1)·dilation + 1 along each axis."""
        (kh, kw), (dh, dw) = self.size, self.dilation
        return (kh - 1) * dh + 1, (kw - 1) * dw + 1

    @property
    def is_inside(self) -> bool:
        """Whether no window reaches beyond the image."""
        return self.padding in ("valid", ((0, 0), (0, 0))) and not self.ceil_mode

    def borders(self, image: Pair) -> Borders:
        """Return what is added around an image (h, w).

        Raises ValueError if the window is larger than the image with its borders.

        >>> Windows((3, 3), (2, 2), padding="same").borders((28, 27))
        ((0, 1), (1, 1))
        """
        (kh, kw), (h, w) = self.extent, image
        added: Borders = (0, 0), (0, 0)
        if self.padding == "same":
            added = same_padding(h, kh, self.stride[0]), same_padding(w, kw, self.stride[1])
        elif self.padding == "causal":
            added = (kh - 1, 0), (kw - 1, 0)
        elif self.padding != "valid":
            added = self.padding
        padded = h + sum(added[0]), w + sum(added[1])
        if padded[0] < kh or padded[1] < kw:
            raise ValueError(_too_small(self.extent, padded, added))
        return added

    def beyond(self, image: Pair) -> Borders:
        """Return what follows the border of an image (h, w) for a last window: none above or left.

        Nothing unless `ceil_mode` is set, and nothing if that window would begin in the border.

        >>> Windows((2, 2), (2, 2), ceil_mode=True).beyond((5, 4))
        ((0, 1), (0, 0))
        """
        if not self.ceil_mode:
            return (0, 0), (0, 0)
        rows, columns = self.borders(image)
        return (0, self._reach(0, image[0], rows)), (0, self._reach(1, image[1], columns))

    def _reach(self, axis: int, length: int, added: Pair) -> int:
        """Return how far a last window reaches beyond the border along an axis."""
        stride = self.stride[axis]
        room = length + sum(added) - self.extent[axis]
        last = -(-room // stride) * stride
        return last - room if last < added[0] + length else 0

    def positions(self, image: Pair) -> Pair:
        """Return how many windows fit along height and width of an image with its borders.

        ⌊(h − kh)/s⌋ + 1 for a height h and windows that extend over kh, and the same for the
        width. Remaining rows at the bottom and columns on the right are in no window.

        >>> Windows((3, 3), (2, 2)).positions((5, 6))
        (2, 2)
        """
        (kh, kw), (h, w) = self.extent, image
        return (h - kh) // self.stride[0] + 1, (w - kw) // self.stride[1] + 1

    def reach(self, count: Pair) -> Pair:
        """Return the pixels (h, w) over which so many windows extend, along each axis.

        >>> Windows((3, 3), (2, 2)).reach((2, 2))
        (5, 5)
        """
        (h, w), (dh, dw), (oh, ow) = self.extent, self.stride, count
        return h + (oh - 1) * dh, w + (ow - 1) * dw

    def places(self, axis: int, u: int, count: int) -> slice:
        """Return where the u-th place of each of `count` windows lies; axis 0 is the height.

        >>> numbers = [0, 1, 2, 3, 4, 5]
        >>> numbers[Windows((3, 1), (2, 1)).places(axis=0, u=1, count=2)]
        [1, 3]
        """
        start, stride = u * self.dilation[axis], self.stride[axis]
        return slice(start, start + stride * (count - 1) + 1, stride)


def on_images(
    size: Pair,
    stride: int | Pair,
    padding: Padding,
    dilation: int | Pair,
    *,
    ceil_mode: bool = False,
) -> Windows:
    """Return the windows that a layer of images is asked for; ValueError names what is wrong.

    >>> on_images((3, 3), 2, padding=1, dilation=1).borders((5, 5))
    ((1, 1), (1, 1))
    """
    if not isinstance(padding, str):
        padding = borders("padding", padding)
    elif padding not in ("valid", "same"):
        raise ValueError(f"padding must be 'valid' or 'same', got {padding!r}")
    return Windows(size, pair("stride", stride), pair("dilation", dilation), padding, ceil_mode)


def pair(name: str, value: int | Pair) -> Pair:
    """Return (height, width) for one number or two; ValueError unless both are at least 1.

    >>> pair("size", 2), pair("size", (1, 3))
    ((2, 2), (1, 3))
    """
    height, width = (value, value) if isinstance(value, int) else value
    if height < 1 or width < 1:
        raise ValueError(f"{name} must be at least 1, got {value}")
    return height, width


def borders(name: str, value: int | Pair | Borders) -> Borders:
    """Return ((above, below), (left, right)) for one number, (height, width), or all four.

    Raises ValueError if one of them is negative.

    >>> borders("padding", 1), borders("padding", (1, 2)), borders("padding", ((0, 1), (2, 3)))
    (((1, 1), (1, 1)), ((1, 1), (2, 2)), ((0, 1), (2, 3)))
    """
    height, width = (value, value) if isinstance(value, int) else value
    above, below = (height, height) if isinstance(height, int) else height
    left, right = (width, width) if isinstance(width, int) else width
    if min(above, below, left, right) < 0:
        raise ValueError(f"{name} must be at least 0, got {value}")
    return (above, below), (left, right)


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


def _too_small(extent: Pair, padded: Pair, added: Borders) -> str:
    """Return the sentence for an image that is smaller than the window, or a sequence."""
    note = ", padding included" if any(map(any, added)) else ""
    if extent[1] == padded[1] == 1:
        return f"X: expected at least {extent[0]} steps, the window, got {padded[0]}{note}"
    return f"X: expected images of at least {extent}, the window, got {padded}{note}"
