"""What Keras' convolutions and pooling layers say of themselves."""

from typing import Any

from frameworks.live.stating import Entry, given, window

__all__ = ["convolution", "pooling", "separable_convolution", "transposed_convolution"]

Entries = dict[str, Entry]
Shape = tuple[int, ...] | None


def convolution(layer: Any, input_shape: Shape) -> Entries:
    """Return a convolution's entries; depthwise is one group for each channel."""
    entries = given(
        layer, kernel="kernel_size", stride="strides", dilation="dilation_rate", bias="use_bias"
    )
    if hasattr(layer, "depth_multiplier"):
        channels = int(layer.kernel.shape[-2]) if layer.built else (input_shape or (0,))[-1]
        m = layer.depth_multiplier
        entries["filters"] = channels * m, f"depth_multiplier={m}"
        entries["groups"] = channels, "depthwise"
    else:
        entries |= given(layer, filters="filters", groups="groups")
    return entries | _padding(layer, layer.kernel_size, layer.dilation_rate, input_shape)


def separable_convolution(layer: Any, input_shape: Shape) -> Entries:
    """Return the entries of a depthwise convolution with a 1×1 convolution behind it."""
    entries = given(
        layer,
        kernel="kernel_size",
        stride="strides",
        dilation="dilation_rate",
        filters="filters",
        multiplier="depth_multiplier",
        bias="use_bias",
    )
    return entries | _padding(layer, layer.kernel_size, layer.dilation_rate, input_shape)


def transposed_convolution(layer: Any, input_shape: Shape) -> Entries:
    """Return a transposed convolution's entries.

    `crop` is how much of the full result, (n − 1) s + k long, is left out on each side; a negative
    number is of zeros that are added.
    """
    entries = given(
        layer,
        filters="filters",
        kernel="kernel_size",
        stride="strides",
        dilation="dilation_rate",
        bias="use_bias",
    ) | {"groups": (1, "one group")}
    said = f"padding={layer.padding!r}"
    if layer.output_padding is not None:
        said += f", output_padding={layer.output_padding}"
    if input_shape is None:
        return entries | {"crop": (layer.padding, said)}
    channels_first = layer.data_format == "channels_first"
    own = (input_shape[-1], *input_shape[:-1]) if channels_first else input_shape
    out = layer.compute_output_shape((None, *own))[2 if channels_first else 1 :]
    axes = zip(
        input_shape, layer.kernel_size, layer.strides, layer.dilation_rate, out, strict=False
    )
    crop = tuple(_crop(*axis) for axis in axes)
    return entries | {"crop": (crop, said)}


def _crop(n: int, k: int, stride: int, dilation: int, out: int) -> tuple[int, int]:
    """Return what the gradient of TensorFlow's 'same' convolution leaves out, before and after."""
    left = (n - 1) * stride + (k - 1) * dilation + 1 - out
    before = max(left, 0) // 2
    return before, left - before


def pooling(layer: Any, input_shape: Shape) -> Entries:
    """Return a pooling layer's entries; a global one has one window, of the whole image."""
    if not hasattr(layer, "pool_size"):
        return _adaptive(layer, input_shape)
    entries = given(layer, size="pool_size", stride="strides")
    ones = (1,) * len(layer.pool_size)
    padding = _padding(layer, layer.pool_size, ones, input_shape)
    return entries | padding


def _adaptive(layer: Any, input_shape: Shape) -> Entries:
    """Windows that divide the image; one window has any stride, and is said to have its size."""
    name = type(layer).__name__
    if input_shape is None:
        return {"size": ("all" if "Global" in name else "adaptive", name)}
    sides = input_shape[:-1]
    counts = getattr(layer, "output_size", (1,) * len(sides))
    if any(n % count for n, count in zip(sides, counts, strict=True)):
        return {"size": ("adaptive", f"output_size={counts}"), "counts": (tuple(counts), name)}
    size = tuple(n // count for n, count in zip(sides, counts, strict=True))
    padding = ((0, 0),) * len(sides)
    return {"size": (size, name), "stride": (size, name), "padding": (padding, name)}


def _padding(layer: Any, size: Any, dilation: Any, input_shape: Shape) -> Entries:
    numbers = window(size, layer.strides, layer.padding, dilation, input_shape)
    return {"padding": (numbers, f"padding={layer.padding!r}")}
