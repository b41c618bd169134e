"""Train some parameters and freeze the others."""

from collections.abc import Sequence

import numpy as np

from scratch.optimizers.optimizer import Learner, Wrapper

__all__ = ["TrainOnly"]


class TrainOnly(Wrapper):
    """Take the step only with the parameters of `mask`; all others are frozen.

    The optimizer inside never sees a frozen parameter: none is moved by momentum or decay, and none
    counts in a norm. Frozen gradients are still computed, and layer states (running means) are not
    frozen.

    `mask` (p,) is True for trained parameters (see `scratch.masks`). TrainOnly must be outermost of
    all wrappers; masks and sizes of the others cover only the trained parameters: `other[mask]`.

    For transfer learning, give trained layers a new head, which takes them out of their old
    network, and train only the head:

        head = Dense(8, 3)
        network = Sequential(*trained.layers[:-1], head)
        head.W[:] = glorot_uniform(rng, head.W.shape)
        optimizer = TrainOnly(layer_mask(network, head), Adam())

    >>> from scratch import SGD
    >>> theta, optimizer = np.zeros(3), TrainOnly(np.array([True, False, True]), SGD(1.0))
    >>> optimizer.step(theta, np.array([1.0, 2.0, 3.0]))
    >>> theta
    array([-1.,  0., -3.])
    """

    outermost = True

    def __init__(self, mask: np.ndarray, optimizer: Learner) -> None:
        super().__init__(optimizer)
        self.trained = np.flatnonzero(mask)

    def select(self, a: np.ndarray) -> np.ndarray:
        """Return the elements that are trained."""
        return a.take(self.trained)

    def only_trained(self, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Return arrays that together are shaped as θ, with zeros where parameters are frozen."""
        flat = np.concatenate([a.ravel() for a in arrays])
        kept = np.zeros_like(flat)
        kept[self.trained] = flat[self.trained]
        ends = np.cumsum([a.size for a in arrays])[:-1]
        return [part.reshape(a.shape) for part, a in zip(np.split(kept, ends), arrays, strict=True)]

    def step(self, theta: np.ndarray, g: np.ndarray) -> None:
        """Take one step."""
        trained = self.select(theta)
        self.optimizer.step(trained, self.select(g))
        theta[self.trained] = trained
