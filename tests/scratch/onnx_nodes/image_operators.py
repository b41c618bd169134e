"""Operators of images and sequences: convolutions, pooling, padding, resizing.

See `layer_operators` for what the functions are.

A layer is looked up by the number of axes that it works on, `Conv1D` or `Conv2D`.
"""

import numpy as np

import scratch
from scratch import BilinearUpsample2D, GlobalAveragePool, GlobalMaxPool, NearestUpsample2D
from scratch.layers.windows import same_padding

from .layer_operators import channels_first, channels_last
from .node_cases import NotInScratch


def layer_of(name, axes):
    """Return the class of a layer for so many axes; AttributeError if there is none."""
    return getattr(scratch, name.format(axes))


def of_axes(pairs):
    """Return what a layer wants for one axis, or for two."""
    return pairs[0] if len(pairs) == 1 else tuple(pairs)


def numbers(x, strides, dilations):
    axes = x.ndim - 2
    return strides or [1] * axes, dilations or [1] * axes


def sides(pads, axes):
    """Return (before, after) for each axis, which ONNX has as all before, then all after."""
    return list(zip(pads[:axes], pads[axes:], strict=True)) if pads else [(0, 0)] * axes


def borders(x, size, strides, dilations, *, pads=None, auto_pad="NOTSET"):
    """Return what is added before and after each axis of the image."""
    added = sides(pads, len(size))
    for i, n in enumerate(x.shape[2:]):
        extent = (size[i] - 1) * dilations[i] + 1
        if auto_pad.startswith("SAME"):
            around = same_padding(n, extent, strides[i])
            added[i] = around if auto_pad == "SAME_UPPER" else around[::-1]
    return added


def set_params(layer, W, b):
    """Set kernels (first, second, *size) and biases, if there are any."""
    layer.params[0][:] = np.moveaxis(W, (1, 0), (-2, -1))
    if b is not None:
        layer.params[1][:] = b


def conv(x, W, b=None, *, kernel_shape=None, strides=None, dilations=None, group=1, **ends):
    (strides, dilations), size = numbers(x, strides, dilations), W.shape[2:]
    layer = layer_of("Conv{}D", len(size))(
        x.shape[1],
        len(W),
        of_axes(size),
        stride=of_axes(strides),
        dilation=of_axes(dilations),
        padding=of_axes(borders(x, size, strides, dilations, **ends)),
        groups=group,
        bias=b is not None,
    )
    set_params(layer, W, b)
    return channels_first(layer.forward(channels_last(x)))


def conv_transpose(
    x,
    W,
    b=None,
    *,
    kernel_shape=None,
    strides=None,
    dilations=None,
    group=1,
    **ends,
):
    (strides, dilations), size = numbers(x, strides, dilations), W.shape[2:]
    extents = [(k - 1) * d + 1 for k, d in zip(size, dilations, strict=True)]
    cut, added = cropping(x, extents, strides, **ends)
    layer = layer_of("Conv{}DTranspose", len(size))(
        len(W),
        W.shape[1] * group,
        of_axes(size),
        stride=of_axes(strides),
        padding=of_axes(cut),
        output_padding=of_axes(added),
        dilation=of_axes(dilations),
        groups=group,
        bias=b is not None,
    )
    set_params(layer, W, b)
    return channels_first(layer.forward(channels_last(x)))


def cropping(
    x, size, strides, *, pads=None, output_padding=None, output_shape=None, auto_pad="NOTSET"
):
    """Return what is cut off before and after each axis, and what is added after."""
    if auto_pad == "SAME_UPPER":
        output_shape = [s * n for s, n in zip(strides, x.shape[2:], strict=True)]
    if output_shape is None:
        return sides(pads, len(size)), output_padding or [0] * len(size)
    lengths = zip(size, strides, x.shape[2:], output_shape, strict=True)
    excess = [(n - 1) * s + k - wanted for k, s, n, wanted in lengths]
    cut = [(max(each, 0) // 2, -(-max(each, 0) // 2)) for each in excess]
    return cut, [max(-each, 0) for each in excess]


def pool(name):
    def forward(
        x, *, kernel_shape, strides=None, dilations=None, count_include_pad=0, ceil_mode=0, **ends
    ):
        strides, dilations = numbers(x, strides, dilations)
        added = borders(x, kernel_shape, strides, dilations, **ends)
        own = {"dilation": of_axes(dilations)} if max(dilations) > 1 else {}
        own |= {"count_padding": True} if count_include_pad else {}
        own["ceil_mode"] = bool(ceil_mode)
        layer = layer_of(name, len(kernel_shape))(
            of_axes(kernel_shape), of_axes(strides), of_axes(added), **own
        )
        return channels_first(layer.forward(channels_last(x.astype(float))))

    return forward


def global_pool(layer):
    def forward(x):
        z = layer().forward(channels_last(x))
        return z.reshape(*z.shape, *[1] * (x.ndim - 2))

    return forward


def pad(x, pads, value=0.0, axes=None, *, mode="constant"):
    """Another constant than 0 is the 0 of other numbers."""
    if mode != "constant":
        raise NotInScratch(f"padding by {mode}")
    axes = list(range(x.ndim)) if axes is None else [int(axis) % x.ndim for axis in axes]
    added = [(0, 0)] * x.ndim
    for i, axis in enumerate(axes):
        added[axis] = int(pads[i]), int(pads[i + len(axes)])
    if any(map(any, added[:2])):
        raise NotInScratch("padding of images or channels")
    layer = layer_of("ZeroPadding{}D", x.ndim - 2)(of_axes(added[2:]))
    return channels_first(layer.forward(channels_last(x - value))) + value


def resize(
    x,
    roi=None,
    scales=None,
    sizes=None,
    *,
    mode="nearest",
    coordinate_transformation_mode="half_pixel",
    nearest_mode="round_prefer_floor",
    keep_aspect_ratio_policy="stretch",
    axes=None,
):
    whole = factors(x, scales, sizes, axes, keep_aspect_ratio_policy)
    corners = coordinate_transformation_mode == "align_corners"
    if not corners and coordinate_transformation_mode != "half_pixel":
        raise NotInScratch(coordinate_transformation_mode)
    if mode == "linear":
        layer = BilinearUpsample2D(whole, align_corners=corners)
    elif mode == "nearest" and not corners and nearest_mode == "round_prefer_floor":
        layer = NearestUpsample2D(whole)
    else:
        raise NotInScratch(f"{mode}, {nearest_mode}")
    return channels_first(layer.forward(channels_last(x)))


def factors(x, scales, sizes, axes, policy):
    """Return the whole factor of height and width."""
    axes = range(x.ndim) if axes is None else axes
    factor = dict.fromkeys(range(x.ndim), 1.0)
    for i, axis in enumerate(axes):
        factor[axis] = scales[i] if scales is not None else sizes[i] / x.shape[axis]
    if policy != "stretch":
        choose = min if policy == "not_larger" else max
        factor |= dict.fromkeys(axes, choose(factor[axis] for axis in axes))
    whole = [int(each) for each in factor.values()]
    if whole != list(factor.values()) or whole[:2] != [1, 1] or x.ndim != 4:
        raise NotInScratch(f"resizing by {list(factor.values())}")
    return tuple(whole[2:])


def upsample(x, scales, *, mode="nearest"):
    return resize(x, scales=scales, mode=mode)


OPERATORS = {
    "AveragePool": pool("AveragePool{}D"),
    "Conv": conv,
    "ConvTranspose": conv_transpose,
    "GlobalAveragePool": global_pool(GlobalAveragePool),
    "GlobalMaxPool": global_pool(GlobalMaxPool),
    "MaxPool": pool("MaxPool{}D"),
    "Pad": pad,
    "Resize": resize,
    "Upsample": upsample,
}
