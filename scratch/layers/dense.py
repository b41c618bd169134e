"""The dense (fully connected, linear) layer."""

import numpy as np

from scratch.initializers import zeros
from scratch.layers.layer import Layer

__all__ = ["Dense"]


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
        W, *b = self.params
        return X @ W + b[0] if b else X @ W

    def backward(self, dz: np.ndarray) -> np.ndarray:
        """Set dW and db; return dX = dz Wᵀ."""
        self.backward_params(dz)
        return dz @ self.W.T

    def backward_params(self, dz: np.ndarray) -> None:
        """Set dW = Xᵀ dz and db = Σᵢ dzᵢ."""
        dW, *db = self.grads
        X, dz = (a.reshape(-1, a.shape[-1]) for a in (self.X, dz))
        dW[...] = X.T @ dz
        if db:
            db[0][...] = dz.sum(axis=0)
