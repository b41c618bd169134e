"""The dense (fully connected, linear) layer."""

from collections.abc import Sequence

import numpy as np

from scratch.initializers import zeros
from scratch.layers.layer import Layer

__all__ = ["Dense", "affine", "affine_params", "row_sums"]


class Dense(Layer):
    """z = X W + b.

    Shapes: X (n, d_in), W (d_in, d_out), b (d_out,), z (n, d_out); X and z may have more axes, as
    sequences (n, t, d) do, each step of which is a row. With `bias=False` there is no b. W and b
    start at zero; set them through `params`, or through a network's `set_weights`.

    Gradients, with dz = dL/dz: dW = Xᵀ dz, db = Σᵢ dzᵢ, dX = dz Wᵀ, i over all rows.
    Source: Rumelhart, Hinton and Williams, "Learning representations by back-propagating errors",
    Nature 323, 1986, equations 4 to 7.

    >>> layer = Dense(2, 1)
    >>> layer.W[:], layer.b[:] = [[3.0], [5.0]], [1.0]
    >>> layer.forward(np.array([[-1.0, 2.0]]))
    array([[8.]])
    >>> layer.backward(np.array([[10.0]]))
    array([[30., 50.]])
    >>> layer.grads
    [array([[-10.],
           [ 20.]]), array([10.])]
    """

    def __init__(self, d_in: int, d_out: int, *, bias: bool = True) -> None:
        for name, value in (("d_in", d_in), ("d_out", d_out)):
            if value < 1:
                raise ValueError(f"{name} must be at least 1, got {value}")
        super().__init__([zeros(d_in, d_out), zeros(d_out)] if bias else [zeros(d_in, d_out)])

    @property
    def W(self) -> np.ndarray:
        """The weights (d_in, d_out)."""
        return self.params[0]

    @property
    def b(self) -> np.ndarray:
        """The biases (d_out,); IndexError in a layer without them."""
        return self.params[1]

    def forward(self, X: np.ndarray, training: bool = False) -> np.ndarray:
        """Return z = X W + b."""
        self.X = X
        return affine(X, *self.params)

    def backward(self, dz: np.ndarray) -> np.ndarray:
        """Set dW and db; return dX = dz Wᵀ."""
        self.backward_params(dz)
        return affine(dz, self.W.T)

    def backward_params(self, dz: np.ndarray) -> None:
        """Set dW = Xᵀ dz and db = Σᵢ dzᵢ."""
        affine_params(dz, self.X, self.grads)


def affine(X: np.ndarray, W: np.ndarray, *b: np.ndarray) -> np.ndarray:
    """Return X W + b (..., d_out) for X (..., d_in): one product, of all rows.

    >>> affine(np.ones((2, 3, 1)), np.array([[5.0]]), np.array([0.5])).shape
    (2, 3, 1)
    """
    z = _rows(X) @ W
    return (z + b[0] if b else z).reshape(*X.shape[:-1], W.shape[1])


def affine_params(dz: np.ndarray, X: np.ndarray, grads: Sequence[np.ndarray]) -> None:
    """Set dW = Xᵀ dz and, where there are biases, db = Σ dz, over all rows."""
    X, dz = _rows(X), _rows(dz)
    dW, *db = grads
    dW[...] = X.T @ dz
    if db:
        db[0][...] = dz.sum(axis=0)


def row_sums(X: np.ndarray) -> np.ndarray:
    """Return Σₖ Xₖ along the last axis (..., 1), as a product with ones.

    NumPy takes several times as long to add up rows of a few numbers.

    >>> row_sums(np.array([[1.0, 2.0], [3.0, 4.0]]))
    array([[3.],
           [7.]])
    """
    return affine(X, np.ones((X.shape[-1], 1), X.dtype))


def _rows(X: np.ndarray) -> np.ndarray:
    """Return X (..., d) as rows (n, d)."""
    return X.reshape(-1, X.shape[-1])
