"""What PyTorch's convolutions and pooling modules say of themselves."""

from collections.abc import Sequence
from typing import Any

from frameworks.live.stating import Entry, given, of_window, window
from frameworks.pytorch.calls import stock_name

__all__ = ["convolution", "pooling", "transposed_convolution"]

Entries = dict[str, Entry]
Shape = tuple[int, ...] | None


def convolution(layer: Any, input_shape: Shape) -> Entries:
    """Return a convolution's entries."""
    entries = _kernel(layer)
    said = f"padding={layer.padding!r}"
    if isinstance(layer.padding, str):
        asked: Any = layer.padding
        if asked == "same":  # at stride 1 only, where TensorFlow pads alike
            spans = zip(layer.kernel_size, layer.dilation, strict=True)
            asked = [((k - 1) * d // 2, (k - 1) * d - (k - 1) * d // 2) for k, d in spans]
    else:
        asked = [(p, p) for p in layer.padding]
    numbers = window(layer.kernel_size, layer.stride, asked, layer.dilation, input_shape)
    if layer.padding_mode != "zeros":
        entries |= given(layer, padded_with="padding_mode")
    return entries | {"padding": (numbers, said)}


def transposed_convolution(layer: Any, input_shape: Shape) -> Entries:
    """Return a transposed convolution's entries.

    `crop` is how much of the full result, (n − 1) s + k long, is left out on each side; a negative
    number is of zeros that are added.
    """
    crop = tuple((p, p - more) for p, more in zip(layer.padding, layer.output_padding, strict=True))
    said = f"padding={layer.padding}, output_padding={layer.output_padding}"
    return _kernel(layer) | {"crop": (crop, said)}


def _kernel(layer: Any) -> Entries:
    bias = layer.bias is not None
    return {
        **given(layer, kernel="kernel_size", stride="stride", dilation="dilation"),
        **given(layer, filters="out_channels", groups="groups"),
        "bias": (bias, f"bias={bias}"),
    }


def pooling(layer: Any, input_shape: Shape) -> Entries:
    """Return a pooling module's entries.

    With `ceil_mode` there is a last window that begins inside the image and ends outside; what it
    reads there is padding that never counts. `counted` is the padding that average pooling divides
    by, where it has any.
    """
    if hasattr(layer, "output_size"):
        return _adaptive(layer, input_shape)
    rank = _rank(layer)
    size, padding = _each(layer.kernel_size, rank), _each(layer.padding, rank)
    stride = _each(layer.stride, rank)
    dilation = _each(getattr(layer, "dilation", 1), rank)
    entries: Entries = {
        "size": (size, f"kernel_size={layer.kernel_size}"),
        "stride": (stride, f"stride={layer.stride}"),
        "padding": (
            _pooling_padding(size, stride, padding, dilation, layer.ceil_mode, input_shape),
            f"padding={layer.padding}" + (", ceil_mode=True" if layer.ceil_mode else ""),
        ),
    }
    if set(dilation) != {1}:
        entries["dilation"] = dilation, f"dilation={layer.dilation}"
    if getattr(layer, "count_include_pad", False) and any(padding):
        numbers = window(size, stride, [(p, p) for p in padding], dilation, input_shape)
        entries["counted"] = numbers, "count_include_pad=True"
    if getattr(layer, "divisor_override", None):
        entries |= given(layer, divisor="divisor_override")
    return entries


def _pooling_padding(
    size: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    ceil: bool,
    input_shape: Shape,
) -> Any:
    """Return the padding that is read; with `ceil`, by as many windows as PyTorch rounds up to."""
    if not ceil or input_shape is None:
        return window(size, stride, [(p, p) for p in padding], dilation, input_shape)
    found = []
    for n, k, s, p, d in zip(input_shape, size, stride, padding, dilation, strict=False):
        span = (k - 1) * d + 1
        count = -(-(n + 2 * p - span) // s) + 1
        if (count - 1) * s >= n + p:  # the last window must begin inside the image
            count -= 1
        found.append(of_window(n, span, s, p, (count - 1) * s + span - n - p))
    return tuple(found)


def _adaptive(layer: Any, input_shape: Shape) -> Entries:
    """Windows that divide the image; one window is said to have the image's size."""
    said = f"output_size={layer.output_size}"
    if input_shape is None:
        return {"size": ("adaptive", said)}
    sides = input_shape[:-1]
    asked = _each(layer.output_size, len(sides))
    counts = [n if count is None else count for n, count in zip(sides, asked, strict=True)]
    if any(n % count for n, count in zip(sides, counts, strict=True)):
        return {"size": ("adaptive", said), "counts": (tuple(counts), said)}
    size = tuple(n // count for n, count in zip(sides, counts, strict=True))
    padding = ((0, 0),) * len(sides)
    return {"size": (size, said), "stride": (size, said), "padding": (padding, said)}


def _rank(layer: Any) -> int:
    """Return the number of axes that are pooled, from the class's name."""
    return int(stock_name(layer)[-2])


def _each(value: Any, rank: int) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, tuple | list) else (value,) * rank
