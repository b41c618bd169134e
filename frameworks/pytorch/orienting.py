"""The orientation of every tensor in a forward pass, from the calls that make and take it.

What enters a convolution is an image with its channels first, so everything elementwise between it
and the layer before has them first, too, up to the view that made it an image.
"""

from math import prod
from typing import Any

import numpy as np
from torch import nn

from frameworks.pytorch.calls import Call, Watched, stock_name
from frameworks.pytorch.orientation import (
    AS_IT_IS,
    CHANNELS_FIRST,
    TIME_FIRST,
    Orientation,
    channels_last_features,
    of_features,
)
from frameworks.recordings.trace import Arrays

__all__ = ["Orienter", "with_channels_first"]

_IMAGE_MODULES = (
    *("Conv", "MaxPool", "AvgPool", "AdaptiveAvgPool", "AdaptiveMaxPool", "LPPool", "BatchNorm"),
    *("InstanceNorm", "Upsample", "PixelShuffle", "ZeroPad", "ReflectionPad", "ReplicationPad"),
    *("GroupNorm", "Dropout2d", "Dropout3d", "LocalResponseNorm", "ConstantPad", "SyncBatchNorm"),
)
_WINDOWS = "Conv", "MaxPool", "AvgPool", "Adaptive"  # that are moved over their inputs
_IMAGE_FUNCTIONS = (
    *("conv1d", "conv2d", "conv3d", "max_pool", "avg_pool", "adaptive_", "interpolate"),
    *("batch_norm", "group_norm", "instance_norm", "pixel_shuffle"),
)
_PERMUTING = {"permute", "transpose", "swapaxes", "t", "movedim"}
_PACKING, _UNPACKING = "_pack_padded_sequence", "_pad_packed_sequence"
_BATCH_FIRST = "2"  # the position of their argument
_MIXING = {"linear", "matmul", "__matmul__", "mm", "addmm", "einsum"}
_VIEWING = {"view", "reshape", "flatten", "unflatten"}


class Orienter:
    """Finds the orientations of all tensors in one forward pass.

    A tensor is identified by the call that made it, or by −1 − k for the network's input k.
    """

    def __init__(self, watched: Watched) -> None:
        self.calls = watched.calls
        self.known: dict[int, Orientation] = {}
        self._keeps_features = watched.written == "features"
        self._sources, latest = _sources(watched)
        for position, call in enumerate(() if watched.written == "images" else self.calls):
            self._visit(position, call)
        self.taken = [self._of(-1 - k) for k in range(len(watched.taken))]
        self.returned = [self._of(latest.get(token)) for token in watched.returned]

    @property
    def reorders(self) -> bool:
        """Whether any tensor's features are in another order than PyTorch has them."""
        return any(each.features is not None for each in self.known.values())

    def before(self, position: int) -> list[Orientation]:
        """Return the orientations of a call's inputs."""
        return [self._of(source) for source in self._sources[position]]

    def after(self, position: int) -> Orientation:
        """Return the orientation of a call's output."""
        return self._of(position)

    def _of(self, source: int | None) -> Orientation:
        return AS_IT_IS if source is None else self.known.get(source, AS_IT_IS)

    def _visit(self, position: int, call: Call) -> None:
        wanted = _wanted(call)
        if wanted is not None and self._sources[position]:
            source = self._sources[position][0]
            if wanted is not TIME_FIRST[3] or not self._rows_first(source):
                self._assign(source, wanted)
        found = _through(call, self.before(position))
        kept = self._keeps_features and found.features is not None
        self.known[position] = AS_IT_IS if kept else found

    def _rows_first(self, source: int | None) -> bool:
        """Return whether a tensor comes from the network's input with its axes where they were.

        The rows are first then, whatever a module that wants the time there makes of it.
        """
        while source is not None and source >= 0:
            if self.calls[source].name in _PERMUTING or not self._sources[source]:
                return False
            source = self._sources[source][0]
        return source is not None

    def _is_given(self, source: int | None) -> bool:
        """Return whether rows are the network's input, whose features no layer mixes before.

        They are as they are given then, however they are viewed.
        """
        while source is not None and source >= 0:
            if _mixes_features(self.calls[source]) or not self._sources[source]:
                return False
            source = self._sources[source][0]
        return source is not None

    def _assign(self, source: int | None, wanted: Orientation) -> None:
        """Give a tensor an orientation, and with it whatever elementwise calls made it from."""
        if source is None or not self._of(source).plain:
            return
        self.known[source] = wanted
        if source < 0:
            return
        call, before = self.calls[source], self._sources[source]
        if _unflattens(call):
            if not (self._keeps_features or self._is_given(before[0])):
                self._assign(before[0], channels_last_features(call.shape[1:]))
        elif not (_mixes_features(call) or _views(call) or call.name in _PERMUTING):
            for each, x in zip(before, call.inputs, strict=True):
                padded = wanted.features is None and x.ndim == len(call.shape)
                if padded or tuple(x.shape) == call.shape:
                    self._assign(each, wanted)


def _sources(watched: Watched) -> tuple[list[list[int | None]], dict[int, int | None]]:
    """Return which call made each input of each call, and the latest maker by token."""
    latest: dict[int, int | None] = {token: -1 - k for k, token in enumerate(watched.taken)}
    sources = []
    for position, call in enumerate(watched.calls):
        sources.append([latest.get(token) for token in call.tokens])
        for number, token in enumerate(call.made):
            # The views that a function returns look alike; what else a module returns does not.
            latest[token] = position if number == 0 or call.module is None else None
    return sources, latest


def _wanted(call: Call) -> Orientation | None:
    """Return how a call needs its first input; None if it takes any."""
    if not call.inputs:
        return None
    ndim = call.inputs[0].ndim
    if isinstance(call.module, nn.RNNBase | nn.MultiheadAttention):
        return None if call.module.batch_first or ndim < 3 else TIME_FIRST[3]
    if call.name == _PACKING:
        return None if call.arguments.get(_BATCH_FIRST) else TIME_FIRST[3]
    name = stock_name(call.module) if call.module is not None else call.name
    images = _IMAGE_MODULES if call.module is not None else _IMAGE_FUNCTIONS
    return CHANNELS_FIRST.get(ndim) if name.startswith(images) else None


def _through(call: Call, before: list[Orientation]) -> Orientation:
    """Return the orientation of a call's output."""
    first = next((each for each in before if not each.plain), AS_IT_IS)
    if not call.inputs or call.output is None or first.plain:
        return AS_IT_IS
    shape = tuple(call.inputs[0].shape)
    if call.packed or call.name in (_PACKING, _UNPACKING):
        changes = call.name == _UNPACKING and call.arguments.get(_BATCH_FIRST)
        return AS_IT_IS if changes else first
    if call.name in _PERMUTING:
        return first.permuted(_order(call, len(shape)))
    if _flattens(call, shape):
        return first.flattened(shape)
    if call.shape[:2] == shape[:2] and 2 < len(call.shape) != len(shape):
        return _of_windows(call, first, len(shape))
    if call.name in ("cat", "concat") and len(shape) == 2:
        return _joined(call, before)
    if _mixes_features(call):
        return Orientation(first.axes) if len(call.shape) == len(shape) else AS_IT_IS
    kept = len(call.shape) == len(shape) and (first.features is None or call.shape == shape)
    return first if kept and not _views(call) else AS_IT_IS


def _of_windows(call: Call, before: Orientation, ndim: int) -> Orientation:
    """Return that of images (n, c, ...) whose other axes are split, or a part of them reduced."""
    first = CHANNELS_FIRST.get(ndim, AS_IT_IS).axes == before.axes != ()
    known = first and not _mixes_features(call)
    return CHANNELS_FIRST.get(len(call.shape), AS_IT_IS) if known else AS_IT_IS


def _order(call: Call, ndim: int) -> list[int]:
    """Return which axes of its input are those of a permuting call's output."""
    numbers = [n for value in call.arguments.values() for n in _integers(value)]
    if call.name == "permute":
        return [n % ndim for n in numbers]
    first, second = numbers if len(numbers) == 2 else (0, min(1, ndim - 1))
    if call.name == "movedim":
        order = [axis for axis in range(ndim) if axis != first % ndim]
        order.insert(second % ndim, first % ndim)
        return order
    order = list(range(ndim))
    order[first % ndim], order[second % ndim] = order[second % ndim], order[first % ndim]
    return order


def _integers(value: Any) -> list[int]:
    if isinstance(value, int) and not isinstance(value, bool):
        return [value]
    return (
        [each for each in value if isinstance(each, int)] if isinstance(value, tuple | list) else []
    )


def _views(call: Call) -> bool:
    return call.name in _VIEWING or isinstance(call.module, nn.Flatten | nn.Unflatten)


def _flattens(call: Call, shape: tuple[int, ...]) -> bool:
    rows = (shape[0], prod(shape[1:]))
    return len(shape) > 2 and call.shape == rows and (_views(call) or call.name == "squeeze")


def _unflattens(call: Call) -> bool:
    """Return whether a call views rows (n, d) as images (n, c, h, w)."""
    shape = tuple(call.inputs[0].shape) if call.inputs else ()
    return _views(call) and len(shape) == 2 and len(call.shape) == 4 and shape[0] == call.shape[0]


def _mixes_features(call: Call) -> bool:
    mixing = nn.Linear | nn.RNNBase | nn.MultiheadAttention | nn.Embedding | nn.Bilinear
    return isinstance(call.module, mixing) or call.name in _MIXING


def _joined(call: Call, before: list[Orientation]) -> Orientation:
    """Return the orientation of rows that are joined side by side."""
    start, parts = 0, []
    for each, x in zip(before, call.inputs, strict=True):
        width = x.shape[-1]
        parts.append(start + (np.arange(width) if each.features is None else each.features))
        start += width
    turned = any(each.turned for each in before)
    return of_features(np.concatenate(parts), turned) if call.shape[1] == start else AS_IT_IS


def with_channels_first(network: nn.Module, X: Arrays) -> Arrays:
    """Return inputs with the last axis in the place of the channels, where layers take images."""
    names = [
        name for module in network.modules() for name in (type(module).__name__, stock_name(module))
    ]
    numbers = {
        2 + int(name[-2])
        for name in names
        if name.startswith(_WINDOWS) and name.endswith(("1d", "2d", "3d"))
    }
    return tuple(
        np.ascontiguousarray(np.moveaxis(x, -1, 1)) if x.ndim > 2 and x.ndim in numbers else x
        for x in X
    )
