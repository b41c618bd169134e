"""What scikit-learn's users look for in a trained network: its epochs, losses and coefficients."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
from sklearn.utils.validation import check_is_fitted

__all__ = ["HasCoefficients"]


class HasCoefficients:
    """The attributes of scikit-learn's MLP, read from the history and the weights.

    n_iter_ : epochs trained
    loss_curve_ : the training loss of each epoch, as in `history_`
    loss_ : the last of them
    coefs_, intercepts_ : copies of the kernels (d_in, d_out) and the biases (d_out,) of a network
        of dense layers with biases; AttributeError for any other

    Like all attributes that end in an underscore, they raise AttributeError before `fit`.
    """

    history_: list[dict[str, float]]
    get_weights: Callable[[], list[np.ndarray]]

    @property
    def n_iter_(self) -> int:
        """Epochs trained."""
        check_is_fitted(self)  # its error is an AttributeError, too
        return len(self.history_)

    @property
    def loss_curve_(self) -> list[float]:
        """The training loss of each epoch."""
        check_is_fitted(self)
        if any("loss" not in record for record in self.history_):
            raise AttributeError("loss_curve_: the program's step returns no value named 'loss'")
        return [record["loss"] for record in self.history_]

    @property
    def loss_(self) -> float:
        """The training loss of the last epoch."""
        if not (losses := self.loss_curve_):
            raise AttributeError("loss_: no epoch has been trained since the weights were loaded")
        return losses[-1]

    @property
    def coefs_(self) -> list[np.ndarray]:
        """The kernels (d_in, d_out), layer by layer."""
        return self._dense("coefs_")[::2]

    @property
    def intercepts_(self) -> list[np.ndarray]:
        """The biases (d_out,), layer by layer."""
        return self._dense("intercepts_")[1::2]

    def _dense(self, name: str) -> list[np.ndarray]:
        """Return kernels and biases, which a chain of dense layers has in turn."""
        weights = self.get_weights()
        W, b = weights[::2], weights[1::2]
        fit = len(W) == len(b) and all(w.ndim == 2 for w in W)
        fit = fit and all(w.shape[1:] == each.shape for w, each in zip(W, b, strict=True))
        if not (fit and all(one.shape[1] == next_.shape[0] for one, next_ in pairwise(W))):
            raise AttributeError(
                f"{name}: only a chain of dense layers with biases has them; see get_weights"
            )
        return weights
