"""The transposed convolution: the adjoint of a convolution, as a layer of its own."""

from typing import Literal, Self

import numpy as np

from scratch.initializers import zeros
from scratch.layers.convolution import WithKernels, require_groups
from scratch.layers.correlation import correlate, correlate_inputs, gather_columns
from scratch.layers.padding import inside, pad
from scratch.layers.sequences import OfSequences, around_steps, of_steps
from scratch.layers.windows import Borders, Pair, Windows, borders, pair

__all__ = ["Conv1DTranspose", "Conv2DTranspose"]


class _Transposed(WithKernels):
    """The adjoint of a convolution with kernels W (*size, c_out/g, c_in), cropped; and biases b.

    `crop` is cut off on each side of what the kernels cover; `added` rows and columns follow below
    and on the right, which hold what was cut off there, or else zeros.
    """

    def __init__(
        self,
        channels: Pair,
        size: tuple[int, ...],
        windows: Windows,
        crop: Borders,
        added: Pair,
        *,
        groups: int,
        bias: bool,
    ) -> None:
        c_in, c_out = require_groups(channels, groups)
        for more, stride in zip(added, windows.stride, strict=True):
            if not 0 <= more < stride:
                raise ValueError(
                    f"output_padding must be at least 0 and below the stride {stride}, got {more}"
                )
        super().__init__(zeros(*size, c_out // groups, c_in), c_out, windows, bias=bias)
        self.crop, self.added, self.groups = crop, added, groups

    def forward(self, X: np.ndarray, training: bool = False) -> np.ndarray:
        """Return z: the kernels of all pixels, added where they overlap, cropped, plus b."""
        self.X, self.image = X, X.shape[1:3]
        (h, whole_h), (w, whole_w) = self._lengths(0), self._lengths(1)
        (top, _), (left, _) = self.crop
        self.around = (top, whole_h - top - h), (left, whole_w - left - w)
        z = correlate_inputs(X, self.kernels, self.windows, (whole_h, whole_w), self.groups)
        return self.plus_bias(z[inside((h, w), self.around)])

    def backward(self, dz: np.ndarray) -> np.ndarray:
        """Set dW and db; return dX, the correlation of dz with W."""
        n, h = self.X.shape[:2]
        return correlate(self._backward_params(dz), self.kernels, h, n)

    def _backward_params(self, dz: np.ndarray) -> np.ndarray:
        """Set dW and db; return the columns of dz."""
        columns = gather_columns(pad(dz, self.around), self.windows, self.groups)
        self.set_grads(columns, self.X, dz)
        return columns

    def _lengths(self, axis: int) -> Pair:
        """Return the length of z along an axis, and that of which it is a part."""
        steps, (before, after) = self.image[axis] - 1, self.crop[axis]
        covered = steps * self.windows.stride[axis] + self.windows.extent[axis]
        length = covered - before - after + self.added[axis]
        if length < 1:
            raise ValueError(
                f"padding {before, after} leaves nothing of the {covered} pixels that the kernels "
                f"cover for X {self.image}"
            )
        return length, max(covered, before + length)


class Conv2DTranspose(_Transposed):
    """z[i, s·y + d·u − p, s·x + d·v − p, o] = b[o] + Σ X[i, y, x, c] W[u, v, o, c].

    The sum is over all y, u, x, v and c that lead to the same place: each pixel of X lays its
    kernel on the output. That is what the gradient of a `Conv2D` with this W, stride and padding
    does; here it is the layer, and a convolution is its gradient.

    Shapes: X (n, h, w, c_in), W (kh, kw, c_out, c_in), b (c_out,), z (n, oh, ow, c_out) with
    oh = (h − 1)·s + kh − (p above) − (p below) + output_padding, where kh stands for the
    (kh − 1)·d + 1 pixels that the kernel extends over. `padding` p is cut off: one number
    for all sides, (height, width), or ((above, below), (left, right)); `output_padding` is added
    below and on the right. ValueError unless it is below the stride, and if z would be empty.
    Dilation d and `groups` are those of `Conv2D`: in g groups W is (kh, kw, c_out/g, c_in).
    PyTorch has W as (c_in, c_out/g, kh, kw).

    The dialects differ where the stride and the kernel do not fit: see `keras` and `pytorch`.

    Gradients: dX[y, x] = Σ dz[s·y + d·u − p, s·x + d·v − p] W[u, v]; dW[u, v] likewise, with X for
    W; db = Σ dz.
    Source: Zeiler, Krishnan, Taylor and Fergus, "Deconvolutional networks", CVPR 2010; as the
    adjoint, Dumoulin and Visin, "A guide to convolution arithmetic for deep learning",
    arXiv:1603.07285, 2016, chapter 4.

    >>> layer = Conv2DTranspose(1, 1, (1, 3), stride=(1, 2), bias=False)
    >>> layer.W[0, :, 0, 0] = 1, 2, 3
    >>> layer.forward(np.array([[1.0, 10.0]]).reshape(1, 1, 2, 1)).ravel()
    array([ 1.,  2., 13., 20., 30.])
    >>> layer.backward(np.ones((1, 1, 5, 1))).ravel()
    array([6., 6.])
    """

    def __init__(
        self,
        c_in: int,
        c_out: int,
        kernel: int | Pair,
        *,
        stride: int | Pair = 1,
        padding: int | Pair | Borders = 0,
        output_padding: int | Pair = 0,
        dilation: int | Pair = 1,
        groups: int = 1,
        bias: bool = True,
    ) -> None:
        size, more = pair("kernel", kernel), output_padding
        windows = Windows(size, pair("stride", stride), pair("dilation", dilation))
        crop, added = borders("padding", padding), (more, more) if isinstance(more, int) else more
        super().__init__((c_in, c_out), size, windows, crop, added, groups=groups, bias=bias)

    @classmethod
    def keras(
        cls,
        c_in: int,
        c_out: int,
        kernel: int | Pair,
        *,
        stride: int | Pair = 1,
        padding: Literal["valid", "same"] = "valid",
        bias: bool = True,
    ) -> Self:
        """Return Keras' `Conv2DTranspose`.

        "valid": oh = (h − 1)·s + max(kh, s). "same": oh = h·s, cropped by ⌊(kh − s)/2⌋ above and
        by one more below if kh − s is odd, which no symmetric padding of PyTorch's does. Where kh
        is below s, there are s − kh zeros below.
        """
        sizes = zip(pair("kernel", kernel), pair("stride", stride), strict=True)
        (height, below), (width, right) = (_of_keras(*each, padding) for each in sizes)
        return cls(
            *(c_in, c_out, kernel),
            stride=stride,
            padding=(height, width),
            output_padding=(below, right),
            bias=bias,
        )

    @classmethod
    def pytorch(
        cls,
        c_in: int,
        c_out: int,
        kernel: int | Pair,
        *,
        stride: int | Pair = 1,
        padding: int | Pair = 0,
        output_padding: int | Pair = 0,
        dilation: int | Pair = 1,
        groups: int = 1,
        bias: bool = True,
    ) -> Self:
        """Return `torch.nn.ConvTranspose2d`, which cuts off the same on opposite sides."""
        return cls(
            *(c_in, c_out, kernel),
            stride=stride,
            padding=padding,
            output_padding=output_padding,
            dilation=dilation,
            groups=groups,
            bias=bias,
        )

    def backward_params(self, dz: np.ndarray) -> None:
        """Set dW and db = Σ dz."""
        self._backward_params(dz)


class Conv1DTranspose(OfSequences, _Transposed):
    """z[i, s·t + d·u − p, o] = b[o] + Σ X[i, t, c] W[u, o, c], summed over t, u and c.

    Shapes: X (n, t, c_in), W (k, c_out/g, c_in), b (c_out,), z (n, ot, c_out) with
    ot = (t − 1)·s + k − (p before) − (p after) + output_padding. `padding` p: one number, or
    (before, after). Everything else as in `Conv2DTranspose`.

    >>> layer = Conv1DTranspose.keras(1, 1, 3, stride=2, padding="same", bias=False)
    >>> layer.W[:, 0, 0] = 1, 2, 3
    >>> layer.forward(np.array([[[1.0], [10.0]]])).ravel()
    array([ 1.,  2., 13., 20.])
    >>> layer = Conv1DTranspose.pytorch(1, 1, 3, stride=2, padding=1, output_padding=1, bias=False)
    >>> layer.W[:, 0, 0] = 1, 2, 3
    >>> layer.forward(np.array([[[1.0], [10.0]]])).ravel()
    array([ 2., 13., 20., 30.])
    """

    def __init__(
        self,
        c_in: int,
        c_out: int,
        kernel: int,
        *,
        stride: int = 1,
        padding: int | Pair = 0,
        output_padding: int = 0,
        dilation: int = 1,
        groups: int = 1,
        bias: bool = True,
    ) -> None:
        apart = of_steps("stride", stride), of_steps("dilation", dilation)
        windows, crop = (
            Windows(of_steps("kernel", kernel), *apart),
            around_steps("padding", padding),
        )
        channels, added = (c_in, c_out), (output_padding, 0)
        super().__init__(channels, (kernel,), windows, crop, added, groups=groups, bias=bias)

    @classmethod
    def keras(
        cls,
        c_in: int,
        c_out: int,
        kernel: int,
        *,
        stride: int = 1,
        padding: Literal["valid", "same"] = "valid",
        bias: bool = True,
    ) -> Self:
        """Return Keras' `Conv1DTranspose`; see `Conv2DTranspose.keras`."""
        cut, added = _of_keras(kernel, stride, padding)
        return cls(c_in, c_out, kernel, stride=stride, padding=cut, output_padding=added, bias=bias)

    @classmethod
    def pytorch(
        cls,
        c_in: int,
        c_out: int,
        kernel: int,
        *,
        stride: int = 1,
        padding: int = 0,
        output_padding: int = 0,
        dilation: int = 1,
        groups: int = 1,
        bias: bool = True,
    ) -> Self:
        """Return `torch.nn.ConvTranspose1d`, which cuts off the same on both sides."""
        return cls(
            *(c_in, c_out, kernel),
            stride=stride,
            padding=padding,
            output_padding=output_padding,
            dilation=dilation,
            groups=groups,
            bias=bias,
        )

    def backward_params(self, dz: np.ndarray) -> None:
        """Set dW and db = Σ dz."""
        self._backward_params(dz[:, :, np.newaxis])


def _of_keras(kernel: int, stride: int, padding: str) -> tuple[Pair, int]:
    """Return what Keras cuts off (before, after) along an axis, and what it adds after.

    >>> _of_keras(3, 2, "same"), _of_keras(2, 3, "same"), _of_keras(2, 3, "valid")
    (((0, 1), 0), ((0, 0), 1), ((0, 0), 1))
    """
    if padding not in ("valid", "same"):
        raise ValueError(f"padding must be 'valid' or 'same', got {padding!r}")
    cut = max(kernel - stride, 0) if padding == "same" else 0
    return (cut // 2, cut - cut // 2), max(stride - kernel, 0)
