"""Train some parameters and freeze the others."""

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

    def __init__(self, mask: np.ndarray, optimizer: Learner) -> None:
        super().__init__(optimizer)
        self.trained = np.flatnonzero(mask)

    def select(self, a: np.ndarray) -> np.ndarray:
        """Return the elements that are trained."""
        return a.take(self.trained)

    def step(self, theta: np.ndarray, g: np.ndarray) -> None:
        """Take one step."""
        trained = self.select(theta)
        self.optimizer.step(trained, self.select(g))
        theta[self.trained] = trained
