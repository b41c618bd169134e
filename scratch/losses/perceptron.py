"""The perceptron rule as a loss: it corrects only the two classes that were confused."""

import numpy as np

from scratch.losses.loss import Loss, one_hot, require_labels, require_shape, weighted

__all__ = ["PerceptronLoss"]


class PerceptronLoss(Loss):
    """The perceptron criterion, a mean: L = 1/n Σᵢ wᵢ (zᵢ[cᵢ] − zᵢ[yᵢ]), c the predicted class.

    Shapes: z (n, k) the sums before the ReLU, y (n,) the classes as integers 0..k-1, w (n,).
    The prediction is made after the ReLU: cᵢ = argmaxₖ max(zᵢₖ, 0), the first of equals; where no
    sum is above 0 that is class 0. Gradient: dz = w (onehot(c) − onehot(y))/n, zero where c = y.

    With z = x W + b, one row at a time and learning rate 1, a gradient step is the perceptron rule:
    where c ≠ y,  W[:, c] −= x, b[c] −= 1, W[:, y] += x, b[y] += 1.  For that the loss must start
    from z: a ReLU layer in between would pass no gradient to a label whose sum is not above 0.

    If any sum is above 0, z[c] = maxₖ zₖ and ℓ = maxₖ zₖ − z[y]: zero or more, and zero if the row
    is right. If none is, ℓ = z[0] − z[y] may be negative, and is discontinuous.
    Source: Rosenblatt, "The perceptron: a probabilistic model for information storage and
    organization in the brain", Psychological Review 65, 1958, for two classes; for k, Crammer and
    Singer, "Ultraconservative online algorithms for multiclass problems", JMLR 3, 2003: of their
    family of updates the one that takes the whole correction from the best class.

    >>> loss = PerceptronLoss()
    >>> float(loss.forward(np.array([[5.0, 2.0, -1.0], [5.0, 2.0, -1.0]]), np.array([2, 0])))
    3.0
    >>> loss.backward()
    array([[ 0.5,  0. , -0.5],
           [ 0. ,  0. ,  0. ]])
    """

    def forward(self, z: np.ndarray, y: np.ndarray, w: np.ndarray | None = None) -> float:
        """Return L."""
        require_shape(y, z.shape[:1])
        k = z.shape[1]
        c = np.maximum(z, 0).argmax(axis=1)
        self.w, self.difference = w, one_hot(c, k, z.dtype) - one_hot(y, k, z.dtype)
        return weighted(w, (self.difference * z).sum(axis=1)).sum() / len(z)

    def backward(self) -> np.ndarray:
        """Return dz = w (onehot(c) − onehot(y))/n."""
        return weighted(self.w, self.difference) / len(self.difference)

    def require(self, z: np.ndarray, y: np.ndarray) -> None:
        """Raise ValueError unless y (n,) holds classes 0..k-1."""
        require_labels(z, y)
