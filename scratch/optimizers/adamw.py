"""AdamW: Adam with decoupled weight decay."""

import numpy as np

from scratch.optimizers.adam import Adam
from scratch.optimizers.weight_decay import DecoupledWeightDecay

__all__ = ["AdamW"]


class AdamW(DecoupledWeightDecay):
    """AdamW: θ ← θ − η λ θ, then Adam's step; the decay never passes through m and v.

    `mask` (p,) of booleans says which parameters decay, None all of them.
    Source: Loshchilov and Hutter, "Decoupled weight decay regularization", ICLR 2019, algorithm 2;
    the paper's λ is η λ here, as in both frameworks.

    >>> theta, adamw = np.array([4.0]), AdamW(learning_rate=0.5, weight_decay=0.25, epsilon=0.0)
    >>> adamw.step(theta, np.array([3.0]))
    >>> theta
    array([3.])
    """

    def __init__(
        self,
        learning_rate: float = 1e-3,
        *,
        weight_decay: float = 0.01,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        epsilon_hat: bool = False,
        mask: np.ndarray | None = None,
    ) -> None:
        adam = Adam(
            learning_rate,
            beta_1=beta_1,
            beta_2=beta_2,
            epsilon=epsilon,
            epsilon_hat=epsilon_hat,
        )
        super().__init__(weight_decay, adam, mask=mask)

    @classmethod
    def pytorch(
        cls,
        learning_rate: float = 1e-3,
        *,
        weight_decay: float = 0.01,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        mask: np.ndarray | None = None,
    ) -> "AdamW":
        """Return `torch.optim.AdamW`."""
        return cls(
            learning_rate,
            weight_decay=weight_decay,
            beta_1=beta_1,
            beta_2=beta_2,
            epsilon=epsilon,
            mask=mask,
        )

    @classmethod
    def keras(
        cls,
        learning_rate: float = 1e-3,
        *,
        weight_decay: float = 0.004,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        mask: np.ndarray | None = None,
    ) -> "AdamW":
        """Return `keras.optimizers.AdamW`."""
        return cls(
            learning_rate,
            weight_decay=weight_decay,
            beta_1=beta_1,
            beta_2=beta_2,
            epsilon=epsilon,
            epsilon_hat=True,
            mask=mask,
        )
