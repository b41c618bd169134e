"""The steps of SGD and Adam with all their arguments looked up beforehand: fast on few parameters.

`SGD.step` and `Adam.step` are the ones to read. These make the same calls of NumPy in the same
order, on the same arrays, with every number already an array of their type, so that the results are
equal bit for bit (see `scratch.replay`, which has the like for the gradient).
"""

from collections.abc import Callable
from functools import partial

import numpy as np

from scratch.optimizers.adam import Adam
from scratch.optimizers.optimizer import Optimizer
from scratch.optimizers.sgd import SGD

__all__ = ["prepare_step"]

Step = Callable[[], None]


def prepare_step(optimizer: Optimizer, theta: np.ndarray, g: np.ndarray) -> Step:
    """Return a function that does what `optimizer.step(theta, g)` does, with what g then holds.

    η may be set between two steps. The function no longer holds where `optimizer.state` is another
    one or another number is set: prepare anew.

    >>> theta, g, sgd = np.array([1.0]), np.array([2.0]), SGD(0.25)
    >>> step = prepare_step(sgd, theta, g)
    >>> step(), theta.item()
    (None, 0.5)
    """
    if type(optimizer) is SGD and not optimizer.mu:
        return _prepare_sgd(optimizer, theta, g)
    if type(optimizer) is Adam:
        return _prepare_adam(optimizer, theta, g)
    return partial(optimizer.step, theta, g)


def _prepare_sgd(sgd: SGD, theta: np.ndarray, g: np.ndarray) -> Step:
    update, eta = np.empty_like(g), np.empty((), g.dtype)
    multiply, subtract = partial(np.multiply, g, eta, update), partial(np.subtract, theta, update)

    def step() -> None:
        eta[...] = sgd.eta
        multiply()
        subtract(theta)

    return step


def _prepare_adam(adam: Adam, theta: np.ndarray, g: np.ndarray) -> Step:
    t, m, v = adam.start(g).values()
    update, epsilon, rate = np.empty_like(g), np.empty((), g.dtype), np.empty((), g.dtype)
    beta_1, rest_1 = np.asarray(adam.beta_1, g.dtype), np.asarray(1 - adam.beta_1, g.dtype)
    beta_2, rest_2 = np.asarray(adam.beta_2, g.dtype), np.asarray(1 - adam.beta_2, g.dtype)
    calls = [
        partial(np.multiply, m, beta_1, m),
        partial(np.multiply, g, rest_1, update),
        partial(np.add, m, update, m),
        partial(np.multiply, v, beta_2, v),
        partial(np.multiply, g, g, update),
        partial(np.multiply, update, rest_2, update),
        partial(np.add, v, update, v),
        partial(np.sqrt, v, update),
        partial(np.add, update, epsilon, update),
        partial(np.divide, m, update, update),
        partial(np.multiply, update, rate, update),
        partial(np.subtract, theta, update, theta),
    ]

    def step() -> None:
        t[...] += 1
        epsilon[...], rate[...] = adam.epsilon_and_rate(int(t))
        for call in calls:
            call()

    return step
