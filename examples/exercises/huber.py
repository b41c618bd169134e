"""Exercise 5, Huber: a mistake that no gradient check can see.

The Huber loss is a mean of h(a − y): squared near 0, and linear beyond 1, without a jump or a bend
between the two. `check_gradients` finds nothing below, for `backward` is the derivative of
`forward`. But is `forward` the Huber loss? `diverge` trains with it and with `scratch.Huber`, from
the same weights on the same batches, and names the first difference.

    .venv/bin/python examples/exercises/huber.py

Mend the loss, until the last line says that the two agree. The answer is in `solutions/huber.py`.
"""

import numpy as np

import scratch
from lockstep import Report, Training, diverge
from scratch import SGD, Dense, Loss, Sequential, Tanh, WrongGradient, check_gradients


class Huber(Loss):
    """L = mean h(e), e = a − y; a, y (n, k)."""

    def forward(self, a: np.ndarray, y: np.ndarray, w: np.ndarray | None = None) -> float:
        """Return L; the weights w of rows are not supported."""
        self.e = a - y
        size = np.abs(self.e)
        return float(np.where(size <= 1, size**2, size - 0.5).mean())

    def backward(self) -> np.ndarray:
        """Return da."""
        return np.where(np.abs(self.e) <= 1, 2 * self.e, np.sign(self.e)) / self.e.size


def task() -> tuple[Sequential, np.ndarray, np.ndarray]:
    """Return a network, and rows with targets on both sides of the bend."""
    rng = np.random.default_rng(0)
    network = Sequential(Dense(3, 4), Tanh(), Dense(4, 1)).initialize(rng)
    return network, rng.normal(size=(64, 3)), rng.normal(size=(64, 1))


def check_derivative(huber: type[Loss] = Huber) -> list[WrongGradient]:
    """Return the gradients that are not the derivatives of what `forward` computes."""
    network, X, y = task()
    return check_gradients(network, huber(), X, y)


def check(huber: type[Loss] = Huber) -> Report:
    """Train with this loss, and with the one of scratch."""
    network, X, y = task()
    mine = Training(network, loss=huber(), optimizer=SGD(0.1), name="mine")
    other = Training(network, loss=scratch.Huber(), optimizer=SGD(0.1), name="scratch")
    return diverge(mine, other, X, y, steps=20, batch_size=16)


if __name__ == "__main__":
    print("Wrong derivatives:", check_derivative())
    print(check())
