"""Embeddings: a vector for each word of a vocabulary, and for each place in a sequence."""

from typing import Self

import numpy as np

from scratch.checks import require_positive
from scratch.initializers import glorot_uniform, zeros
from scratch.layers.layer import Draw, Layer
from scratch.layers.masking import Mask

__all__ = ["Embedding", "PositionEmbedding"]


class Embedding(Layer):
    """a[i, t] = W[X[i, t]]: the row of W that each index names.

    It is the product of W with one-hot rows, without the product.
    Shapes: X (n, t) indices from 0 to v − 1, as integers or as whole numbers of a float type,
    W (v, d), a (n, t, d). `padding` is the index that fills sequences up: `mask` notes the other
    steps for the layers behind; with `freeze_padding` its row starts at 0 and has no gradient, as
    PyTorch's `padding_idx` has none. In Keras the row is trained unless a layer that is given the
    mask follows.
    ValueError for an index outside the vocabulary, which Keras would wrap to the last rows.

    Gradient: dW[v] = Σ da over all places where X is v, for few words by the product with one-hot
    columns, which is sooner done; X has none: `backward` returns zeros.
    Source: Bengio, Ducharme, Vincent and Jauvin, "A neural probabilistic language model", JMLR 3,
    2003, section 2, the mapping C.

    >>> layer = Embedding(3, 2, padding=0)
    >>> layer.params[0][:] = [[0, 0], [1, 2], [3, 4]]
    >>> layer.forward(np.array([[2, 1, 0]]))
    array([[[3., 4.],
            [1., 2.],
            [0., 0.]]])
    >>> layer.mask.steps
    array([[ True,  True, False]])
    """

    def __init__(
        self, v: int, d: int, *, padding: int | None = None, freeze_padding: bool = False
    ) -> None:
        require_positive("v", v)
        require_positive("d", d)
        if padding is not None and not 0 <= padding < v:
            raise ValueError(f"padding must be an index from 0 to {v - 1}, got {padding}")
        if freeze_padding and padding is None:
            raise ValueError("freeze_padding needs padding, got None")
        super().__init__([zeros(v, d)])
        self.padding, self.freeze_padding, self.mask = padding, freeze_padding, Mask()

    def initialize(self, rng: np.random.Generator, draw: Draw = glorot_uniform) -> Self:
        """Draw W by the rule; a frozen padding row is 0."""
        super().initialize(rng, draw)
        if self.freeze_padding:
            self.params[0][self.padding] = 0
        return self

    def forward(self, X: np.ndarray, training: bool = False) -> np.ndarray:
        """Return W[X] (n, t, d), and note the real steps if there is a padding."""
        (W,), self.indices = self.params, X.astype(int)
        if self.padding is not None:
            self.mask.steps = self.indices != self.padding
        beyond = np.where(self.indices < 0, len(W), self.indices)  # −1 would be the last row
        try:
            return W.take(beyond, axis=0)
        except IndexError:
            raise ValueError(
                f"X must hold indices from 0 to {len(W) - 1}, got {X.min()} to {X.max()}"
            ) from None

    def backward(self, da: np.ndarray) -> np.ndarray:
        """Set dW; return zeros (n, t)."""
        self.backward_params(da)
        return np.zeros(self.indices.shape, da.dtype)

    def backward_params(self, da: np.ndarray) -> None:
        """Set dW."""
        (dW,) = self.grads
        v, d = dW.shape
        if v <= d:  # what is one-hot takes no more memory than da
            words = np.arange(v)[:, None]
            dW[...] = (words == self.indices.reshape(1, -1)).astype(da.dtype) @ da.reshape(-1, d)
        else:
            dW[...] = 0
            np.add.at(dW, self.indices, da)
        if self.freeze_padding:
            dW[self.padding] = 0


class PositionEmbedding(Layer):
    """a[i] = X[i] + P: a vector learned for each place in a sequence is added.

    Without it attention does not know the order of the steps. Shapes: X, a (n, t, d), P (t, d).
    Gradient: dP = Σᵢ da[i], dX = da.
    Source: Gehring et al., "Convolutional sequence to sequence learning", ICML 2017, section 3.1.

    >>> layer = PositionEmbedding(2, 1)
    >>> layer.params[0][:] = [[10.0], [20.0]]
    >>> layer.forward(np.array([[[1.0], [1.0]]])).ravel()
    array([11., 21.])
    """

    def __init__(self, t: int, d: int) -> None:
        require_positive("t", t)
        require_positive("d", d)
        super().__init__([zeros(t, d)])

    def forward(self, X: np.ndarray, training: bool = False) -> np.ndarray:
        """Return X + P."""
        return X + self.params[0]

    def backward(self, da: np.ndarray) -> np.ndarray:
        """Set dP; return da."""
        self.grads[0][...] = da.sum(axis=0)
        return da
