"""Convolutions, pools, resized images and branches: every layer, and what it is on the graph."""

from functools import partial

from scratch import (
    Add,
    AveragePool1D,
    AveragePool2D,
    BilinearUpsample2D,
    Concatenate,
    Conv1D,
    Conv1DTranspose,
    Conv2D,
    Conv2DTranspose,
    Dense,
    DepthwiseConv2D,
    GlobalAveragePool,
    GlobalMaxPool,
    Identity,
    LinearUpsample1D,
    MaxPool1D,
    MaxPool2D,
    NearestUpsample1D,
    NearestUpsample2D,
    Sequential,
    Tanh,
    ZeroPadding1D,
    ZeroPadding2D,
)

from .graph_windows import (
    around,
    beside,
    convolve,
    convolve_steps,
    interpolated,
    maximum,
    mean_of_pixels,
    mean_of_window,
    of_steps,
    repeated,
    rows_of,
    share_of_ties,
    transpose,
    transpose_steps,
)
from .layer_case import LayerCase, ties


def shared_branches():
    dense = Dense(3, 2)
    return Concatenate(dense, Sequential(dense, Tanh()))


IMAGES, SMALL, STEPS = (2, 6, 5, 4), (2, 3, 4, 3), (2, 7, 4)

CONV2D: dict[str, LayerCase] = {
    "dilated": LayerCase(
        lambda: Conv2D(4, 3, (2, 3), dilation=(3, 2)),
        IMAGES,
        partial(convolve, dilation=(3, 2)),
    ),
    "dilated, same size": LayerCase(
        lambda: Conv2D(4, 3, (2, 3), dilation=2, padding="same"),
        IMAGES,
        partial(convolve, dilation=(2, 2), pads=((1, 1), (2, 2))),
    ),
    "dilated and strided": LayerCase(
        lambda: Conv2D(4, 3, 2, stride=(1, 2), dilation=(2, 2)),
        IMAGES,
        partial(convolve, stride=(1, 2), dilation=(2, 2)),
    ),
    "in groups": LayerCase(
        lambda: Conv2D(4, 6, (2, 3), groups=2), IMAGES, partial(convolve, groups=2)
    ),
    "in groups, dilated, strided and padded": LayerCase(
        lambda: Conv2D(4, 4, 3, groups=4, dilation=2, stride=2, padding=((2, 1), (0, 3))),
        IMAGES,
        partial(convolve, groups=4, dilation=(2, 2), stride=(2, 2), pads=((2, 1), (0, 3))),
    ),
    "padded": LayerCase(
        lambda: Conv2D(4, 3, 3, padding=(2, 1), stride=2),
        IMAGES,
        partial(convolve, pads=((2, 2), (1, 1)), stride=(2, 2)),
    ),
}

MAX_POOL2D: dict[str, LayerCase] = {
    "padded": LayerCase(
        lambda: MaxPool2D(3, 2, padding="same"),
        IMAGES,
        partial(maximum, size=(3, 3), stride=(2, 2), pads=((0, 1), (1, 1))),
    ),
    "padded, of equal numbers": LayerCase(
        lambda: MaxPool2D((3, 2), 1, padding=((2, 1), (0, 1))),
        IMAGES,
        partial(maximum, size=(3, 2), stride=(1, 1), pads=((2, 1), (0, 1))),
        ties,
    ),
    "dilated, of equal numbers": LayerCase(
        lambda: MaxPool2D(2, (1, 2), dilation=(3, 2)),
        IMAGES,
        partial(maximum, size=(2, 2), stride=(1, 2), dilation=(3, 2)),
        ties,
    ),
}

AVERAGE_POOL2D: dict[str, LayerCase] = {
    "padded": LayerCase(
        lambda: AveragePool2D(3, 2, padding="same"),
        IMAGES,
        partial(mean_of_pixels, size=(3, 3), stride=(2, 2), pads=((0, 1), (1, 1))),
    ),
    "padded, the border counted": LayerCase(
        lambda: AveragePool2D((3, 2), 1, padding=((2, 1), (0, 1)), count_padding=True),
        IMAGES,
        partial(mean_of_window, size=(3, 2), stride=(1, 1), pads=((2, 1), (0, 1))),
    ),
}

POOLS = {MaxPool2D: MAX_POOL2D, AveragePool2D: AVERAGE_POOL2D}

CASES: dict[type, dict[str, LayerCase]] = {
    DepthwiseConv2D: {
        "": LayerCase(lambda: DepthwiseConv2D(4, 3), IMAGES, partial(convolve, groups=4)),
        "of two kernels, strided": LayerCase(
            lambda: DepthwiseConv2D(4, (3, 2), multiplier=2, stride=2, padding="same", bias=False),
            IMAGES,
            partial(convolve, groups=4, stride=(2, 2), pads=((0, 1), (0, 1))),
        ),
    },
    Conv1D: {
        "": LayerCase(lambda: Conv1D(4, 3, 3), STEPS, convolve_steps),
        "same size, strided": LayerCase(
            lambda: Conv1D(4, 3, 4, stride=2, padding="same", bias=False),
            STEPS,
            partial(convolve_steps, stride=2, pads=(1, 2)),
        ),
        "causal, dilated, in groups": LayerCase(
            lambda: Conv1D(4, 6, 3, padding="causal", dilation=2, groups=2),
            STEPS,
            partial(convolve_steps, dilation=2, pads=(4, 0), groups=2),
        ),
        "padded": LayerCase(
            lambda: Conv1D(4, 1, 2, padding=(0, 2)), STEPS, partial(convolve_steps, pads=(0, 2))
        ),
    },
    Conv2DTranspose: {
        "": LayerCase(
            lambda: Conv2DTranspose(3, 2, (3, 2)),
            SMALL,
            partial(transpose, stride=(1, 1), first=(0, 0), shape=(5, 5)),
        ),
        "strided, without bias": LayerCase(
            lambda: Conv2DTranspose(3, 2, 2, stride=(2, 3), bias=False),
            SMALL,
            partial(transpose, stride=(2, 3), first=(0, 0), shape=(6, 11)),
        ),
        "of Keras, valid, the stride larger than the kernel": LayerCase(
            lambda: Conv2DTranspose.keras(3, 2, (2, 1), stride=3),
            SMALL,
            partial(transpose, stride=(3, 3), first=(0, 0), shape=(9, 12)),
        ),
        "of Keras, same": LayerCase(
            lambda: Conv2DTranspose.keras(3, 2, (3, 4), stride=2, padding="same"),
            SMALL,
            partial(transpose, stride=(2, 2), first=(0, 1), shape=(6, 8)),
        ),
        "of PyTorch, padded": LayerCase(
            lambda: Conv2DTranspose.pytorch(3, 2, 3, stride=2, padding=1, output_padding=1),
            SMALL,
            partial(transpose, stride=(2, 2), first=(1, 1), shape=(6, 8)),
        ),
        "dilated, in groups": LayerCase(
            lambda: Conv2DTranspose(3, 6, 2, stride=2, dilation=(1, 3), groups=3),
            SMALL,
            partial(
                transpose, stride=(2, 2), first=(0, 0), shape=(6, 10), dilation=(1, 3), groups=3
            ),
        ),
    },
    Conv1DTranspose: {
        "of Keras": LayerCase(
            lambda: Conv1DTranspose.keras(4, 2, 5, stride=2, padding="same"),
            STEPS,
            partial(transpose_steps, stride=2, first=1, length=14),
        ),
        "of PyTorch": LayerCase(
            lambda: Conv1DTranspose.pytorch(4, 2, 2, stride=3, output_padding=2),
            STEPS,
            partial(transpose_steps, stride=3, first=0, length=22),
        ),
    },
    ZeroPadding2D: {
        "": LayerCase(
            lambda: ZeroPadding2D(((0, 1), (2, 3))), IMAGES, lambda x: around(x, ((0, 1), (2, 3)))
        ),
    },
    ZeroPadding1D: {
        "": LayerCase(
            lambda: ZeroPadding1D((2, 1)), STEPS, lambda x: x.pad([(0, 0), (2, 1), (0, 0)])
        ),
    },
    MaxPool1D: {
        "": LayerCase(MaxPool1D, STEPS, of_steps(maximum, (2, 1), (2, 1))),
        "padded, dilated": LayerCase(
            lambda: MaxPool1D(2, 1, padding=1, dilation=2),
            STEPS,
            of_steps(maximum, (2, 1), (1, 1), ((1, 1), (0, 0)), (2, 1)),
            ties,
        ),
        "the last window beyond the end": LayerCase(
            lambda: MaxPool1D(4, 2, ceil_mode=True),
            STEPS,
            of_steps(maximum, (4, 1), (2, 1), ((0, 1), (0, 0))),
        ),
    },
    AveragePool1D: {
        "": LayerCase(AveragePool1D, STEPS, of_steps(mean_of_window, (2, 1), (2, 1))),
        "padded": LayerCase(
            lambda: AveragePool1D(3, 2, padding="same"),
            STEPS,
            of_steps(mean_of_pixels, (3, 1), (2, 1), ((1, 1), (0, 0))),
        ),
        "the last window beyond the end": LayerCase(
            lambda: AveragePool1D(4, 2, ceil_mode=True),
            STEPS,
            of_steps(mean_of_pixels, (4, 1), (2, 1), ((0, 1), (0, 0))),
        ),
    },
    GlobalAveragePool: {
        "of images": LayerCase(GlobalAveragePool, IMAGES, lambda x: rows_of(x).mean(1)),
        "of sequences": LayerCase(GlobalAveragePool, STEPS, lambda x: x.mean(1)),
    },
    GlobalMaxPool: {
        "": LayerCase(GlobalMaxPool, IMAGES, lambda x: rows_of(x).max(1)),
        "of PyTorch, of equal numbers": LayerCase(
            GlobalMaxPool.pytorch, STEPS, lambda x: x.max(1), ties
        ),
        "of Keras, of equal numbers": LayerCase(GlobalMaxPool.keras, IMAGES, share_of_ties, ties),
    },
    NearestUpsample2D: {
        "": LayerCase(lambda: NearestUpsample2D((2, 3)), SMALL, lambda x: repeated(x, 2, 3)),
    },
    NearestUpsample1D: {
        "": LayerCase(lambda: NearestUpsample1D(3), STEPS, of_steps(repeated, 3, 1)),
    },
    LinearUpsample1D: {
        "": LayerCase(lambda: LinearUpsample1D(3), STEPS, of_steps(interpolated, 3, 1, False)),
        "ends aligned": LayerCase(
            lambda: LinearUpsample1D(align_corners=True),
            STEPS,
            of_steps(interpolated, 2, 1, True),
        ),
    },
    BilinearUpsample2D: {
        "": LayerCase(
            lambda: BilinearUpsample2D((2, 3)), SMALL, lambda x: interpolated(x, 2, 3, False)
        ),
        "corners aligned": LayerCase(
            lambda: BilinearUpsample2D((2, 3), align_corners=True),
            SMALL,
            lambda x: interpolated(x, 2, 3, True),
        ),
    },
    Identity: {"": LayerCase(Identity, (5, 3), lambda x: x + 0)},
    Concatenate: {
        "": LayerCase(
            lambda: Concatenate(Identity(), Sequential(Dense(3, 4), Tanh())),
            (5, 3),
            lambda x, W, b: beside(x, (x @ W + b).tanh()),
        ),
        "of images": LayerCase(
            lambda: Concatenate(Conv2D(3, 2, 1), MaxPool2D(3, 1, padding="same")),
            SMALL,
            lambda x, W, b: beside(convolve(x, W, b), maximum(x, (3, 3), (1, 1), ((1, 1), (1, 1)))),
        ),
        "one layer in both branches": LayerCase(
            shared_branches,
            (5, 3),
            lambda x, W, b: beside(x @ W + b, (x @ W + b).tanh()),
        ),
    },
    Add: {
        "": LayerCase(
            lambda: Add(Dense(3, 2), Sequential(Dense(3, 4), Tanh(), Dense(4, 2)), Dense(3, 2)),
            (5, 3),
            lambda x, W, b, V, c, U, d, S, e: x @ W + b + (x @ V + c).tanh() @ U + d + x @ S + e,
        ),
    },
}
