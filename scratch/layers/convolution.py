"""The convolutional layers: of images, of sequences, and of each channel by itself."""

import numpy as np

from scratch.checks import require_positive
from scratch.initializers import zeros
from scratch.layers.correlation import (
    correlate,
    correlate_bias,
    correlate_inputs,
    correlate_kernel,
    gather_columns,
)
from scratch.layers.layer import Layer
from scratch.layers.padding import inside, pad
from scratch.layers.sequences import OfSequences, StepPadding, of_steps, on_steps
from scratch.layers.windows import Padding, Pair, Windows, on_images, pair

__all__ = ["Conv1D", "Conv2D", "DepthwiseConv2D", "WithKernels", "require_groups"]


class WithKernels(Layer):
    """Kernels W that lie on images in windows, and perhaps biases b (c_out,)."""

    def __init__(self, W: np.ndarray, c_out: int, windows: Windows, *, bias: bool) -> None:
        self.windows = windows
        super().__init__([W, zeros(c_out)] if bias else [W])

    @property
    def W(self) -> np.ndarray:
        """The kernels."""
        return self.params[0]

    @property
    def b(self) -> np.ndarray:
        """The biases (c_out,); IndexError in a layer without them."""
        return self.params[1]

    @property
    def kernels(self) -> np.ndarray:
        """W as kernels of images, (kh, kw, ...); those of sequences have kw = 1."""
        return self.W.reshape(*self.windows.size, *self.W.shape[-2:])

    def plus_bias(self, z: np.ndarray) -> np.ndarray:
        """Return z + b, or z in a layer without biases."""
        return z + self.b if len(self.params) > 1 else z

    def set_grads(self, columns: np.ndarray, x: np.ndarray, dz: np.ndarray) -> None:
        """Set dW, the columns times x, and db = Σ dz.

        A convolution has its input in the columns, and x is dz; a transposed one the other way.
        """
        dW, *db = self.grads
        dW[...] = correlate_kernel(columns, x, self.windows.size).reshape(dW.shape)
        if db:
            db[0][...] = correlate_bias(dz)


class _Convolution(WithKernels):
    """Kernels W (*size, c_in/g, c_out), each of which is laid on one group of channels."""

    def __init__(
        self, channels: Pair, size: tuple[int, ...], windows: Windows, *, groups: int, bias: bool
    ) -> None:
        c_in, c_out = require_groups(channels, groups)
        super().__init__(zeros(*size, c_in // groups, c_out), c_out, windows, bias=bias)
        self.groups = groups

    def forward(self, X: np.ndarray, training: bool = False) -> np.ndarray:
        """Return z, the correlation of the padded X with W, plus b."""
        self.image = X.shape[1:3]
        self.borders = self.windows.borders(self.image)
        X = pad(X, self.borders)
        self.padded = X.shape[1:3]
        self.columns = gather_columns(X, self.windows, self.groups)
        oh, _ = self.windows.positions(self.padded)
        return self.plus_bias(correlate(self.columns, self.kernels, oh, len(X)))

    def backward(self, dz: np.ndarray) -> np.ndarray:
        """Set dW and db; return dX, without the part that lies in the padding."""
        self.set_grads(self.columns, dz, dz)
        dX = correlate_inputs(dz, self.kernels, self.windows, self.padded, self.groups)
        return dX[inside(self.image, self.borders)]


class Conv2D(_Convolution):
    """z[i, y, x, o] = b[o] + Σ_u Σ_v Σ_c X[i, s·y + d·u, s·x + d·v, c] W[u, v, c, o].

    Shapes: X (n, h, w, c_in), W (kh, kw, c_in, c_out), b (c_out,), z (n, oh, ow, c_out). The kernel
    is not flipped: this is a cross-correlation, as in the frameworks. With the dilation d its rows
    lie d pixels apart, and kh below stands for the (kh − 1)·d + 1 pixels that it extends over.
    `padding="valid"`: oh = ⌊(h − kh)/s⌋ + 1, and ValueError for images smaller than the kernel.
    `padding="same"`: oh = ⌈h/s⌉, padded with zeros as in TensorFlow: if their number is odd, as at
    stride 2 with even h and odd kh, there is one more below and on the right.
    `padding=1`, `(1, 2)` or `((0, 1), (2, 3))`: so many zeros on all sides, as in PyTorch; above
    and below, left and right; or above, below, left and right.
    `groups=g`: the channels are cut into g groups, each output sees those of its group only, and W
    is (kh, kw, c_in/g, c_out). ValueError unless g divides c_in and c_out.

    Gradients: dW[u, v] = Σ X[s·y + d·u, s·x + d·v] dz[y, x], db = Σ dz,
    dX[s·y + d·u, s·x + d·v] = Σ dz[y, x] Wᵀ[u, v].
    Source: Goodfellow, Bengio and Courville, "Deep learning", MIT Press 2016, equations 9.8, 9.11
    and 9.13; dilated, Yu and Koltun, "Multi-scale context aggregation by dilated convolutions",
    ICLR 2016, equation 2; in groups, Krizhevsky, Sutskever and Hinton, "ImageNet classification
    with deep convolutional neural networks", NIPS 2012. `correlation` has the matrix products.

    >>> layer = Conv2D(1, 1, (1, 2))
    >>> layer.W[0, :, 0, 0], layer.b[:] = [1.0, 10.0], [0.5]
    >>> layer.forward(np.arange(6.0).reshape(1, 2, 3, 1))[0, :, :, 0]
    array([[10.5, 21.5],
           [43.5, 54.5]])
    >>> layer.backward(np.ones((1, 2, 2, 1)))[0, :, :, 0]
    array([[ 1., 11., 10.],
           [ 1., 11., 10.]])
    >>> [g.ravel() for g in layer.grads]
    [array([ 8., 12.]), array([4.])]
    """

    def __init__(
        self,
        c_in: int,
        c_out: int,
        kernel: int | Pair,
        *,
        stride: int | Pair = 1,
        padding: Padding = "valid",
        dilation: int | Pair = 1,
        groups: int = 1,
        bias: bool = True,
    ) -> None:
        self.kernel, self.stride = pair("kernel", kernel), pair("stride", stride)
        self.padding = padding
        windows = on_images(self.kernel, self.stride, padding, dilation)
        super().__init__((c_in, c_out), self.kernel, windows, groups=groups, bias=bias)

    def backward_params(self, dz: np.ndarray) -> None:
        """Set dW and db = Σ dz."""
        self.set_grads(self.columns, dz, dz)


class DepthwiseConv2D(Conv2D):
    """z[i, y, x, m·c + j] = b[m·c + j] + Σ_u Σ_v X[i, s·y + d·u, s·x + d·v, c] W[u, v, 0, m·c + j].

    Every channel has m = `multiplier` kernels of its own: a convolution in c_in groups.

    Shapes: W (kh, kw, 1, c_in·m), which Keras has as (kh, kw, c_in, m); everything else as in
    `Conv2D`. Followed by a `Conv2D` of one pixel it is a depthwise separable convolution.
    Source: Sifre, "Rigid-motion scattering for image classification", PhD thesis, École
    polytechnique 2014; Howard et al., "MobileNets", arXiv:1704.04861, 2017, equation 3.

    >>> layer = DepthwiseConv2D(2, 1)
    >>> layer.W[:] = [10.0, 100.0]
    >>> layer.forward(np.array([3.0, 5.0]).reshape(1, 1, 1, 2)).ravel()
    array([ 30., 500.])
    """

    def __init__(
        self,
        c_in: int,
        kernel: int | Pair,
        *,
        multiplier: int = 1,
        stride: int | Pair = 1,
        padding: Padding = "valid",
        dilation: int | Pair = 1,
        bias: bool = True,
    ) -> None:
        require_positive("c_in", c_in)
        require_positive("multiplier", multiplier)
        super().__init__(
            c_in,
            c_in * multiplier,
            kernel,
            stride=stride,
            padding=padding,
            dilation=dilation,
            groups=c_in,
            bias=bias,
        )


class Conv1D(OfSequences, _Convolution):
    """z[i, t, o] = b[o] + Σ_u Σ_c X[i, s·t + d·u, c] W[u, c, o].

    Shapes: X (n, t, c_in), W (k, c_in, c_out), or (k, c_in/g, c_out) in g groups, b (c_out,),
    z (n, ot, c_out). Stride s, dilation d, groups and `padding` "valid" and "same" are those of
    `Conv2D`; further
    `padding="causal"`: (k − 1)·d zeros before and none after, so that z[t] depends on no later
    step, and ot = ⌈t/s⌉; or a number of zeros on both sides, or (before, after).
    ValueError for sequences shorter than the kernel.

    Gradients: those of `Conv2D` at width 1.
    Source: Waibel, Hanazawa, Hinton, Shikano and Lang, "Phoneme recognition using time-delay neural
    networks", IEEE Transactions on Acoustics, Speech, and Signal Processing 37, 1989; causal and
    dilated, van den Oord et al., "WaveNet", arXiv:1609.03499, 2016, section 2.1.

    >>> layer = Conv1D(1, 1, 2, padding="causal", dilation=2, bias=False)
    >>> layer.W[:, 0, 0] = 10, 1
    >>> layer.forward(np.array([[[1.0], [2.0], [3.0]]])).ravel()
    array([ 1.,  2., 13.])
    """

    def __init__(
        self,
        c_in: int,
        c_out: int,
        kernel: int,
        *,
        stride: int = 1,
        padding: StepPadding = "valid",
        dilation: int = 1,
        groups: int = 1,
        bias: bool = True,
    ) -> None:
        windows = on_steps(of_steps("kernel", kernel), stride, padding, dilation, causal=True)
        super().__init__((c_in, c_out), (kernel,), windows, groups=groups, bias=bias)

    def backward_params(self, dz: np.ndarray) -> None:
        """Set dW and db = Σ dz."""
        dz = dz[:, :, np.newaxis]
        self.set_grads(self.columns, dz, dz)


def require_groups(channels: Pair, groups: int) -> Pair:
    """Return (c_in, c_out); ValueError unless both are positive and in so many equal groups."""
    for name, channel in zip(("c_in", "c_out"), channels, strict=True):
        require_positive(name, channel)
        if groups < 1 or channel % groups:
            raise ValueError(f"groups must divide {name} = {channel}, got {groups}")
    return channels
