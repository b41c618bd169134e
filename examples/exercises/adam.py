"""Exercise 6, Adam: an optimizer whose first step is right.

m ← β₁ m + (1−β₁) g;  v ← β₂ v + (1−β₂) g²;  θ ← θ − η m̂/(√v̂ + ε), where m̂ and v̂ are corrected
for having started at zero. Optimizers have no gradient to check. `diverge` trains with this one and
with `scratch.Adam` in lockstep: the single step agrees, and the trajectory does not.

    .venv/bin/python examples/exercises/adam.py

Which step is the first to differ, given that a step's loss is measured before it? What does that
tell about the mistake? Mend `step`, until the last line says that the two agree. The answers are in
`solutions/adam.py`.
"""

from collections.abc import Callable

import numpy as np

import scratch
from lockstep import Report, Training, diverge
from scratch import Dense, MeanSquaredError, Optimizer, Sequential, Tanh


class Adam:
    """Adam, with the numbers of the paper; `state` holds m, v and the count t of the steps."""

    def __init__(self, learning_rate: float) -> None:
        self.eta, self.beta_1, self.beta_2, self.epsilon = learning_rate, 0.9, 0.999, 1e-8
        self.state: dict[str, np.ndarray] = {}

    def step(self, theta: np.ndarray, g: np.ndarray) -> None:
        """Change θ in place, given g = dL/dθ."""
        if not self.state:
            self.state = {"m": np.zeros_like(g), "v": np.zeros_like(g), "t": np.zeros((), int)}
        m, v, t = (self.state[name] for name in ("m", "v", "t"))
        t += 1
        m[...] = self.beta_1 * m + (1 - self.beta_1) * g
        v[...] = self.beta_2 * v + (1 - self.beta_2) * g**2
        m_hat = m / (1 - self.beta_1**t)
        v_hat = v / (1 - self.beta_2)
        theta -= self.eta * m_hat / (np.sqrt(v_hat) + self.epsilon)


def check(adam: Callable[[float], Optimizer] = Adam) -> Report:
    """Train with this optimizer, and with the one of scratch."""
    rng = np.random.default_rng(0)
    network = Sequential(Dense(3, 4), Tanh(), Dense(4, 1)).initialize(rng)
    X, y = rng.normal(size=(64, 3)), rng.normal(size=(64, 1))
    loss, rate = MeanSquaredError(), 0.01
    mine = Training(network, loss=loss, optimizer=adam(rate), name="mine")
    other = Training(network, loss=loss, optimizer=scratch.Adam(rate), name="scratch")
    return diverge(mine, other, X, y, steps=20, batch_size=16)


if __name__ == "__main__":
    print(check())
