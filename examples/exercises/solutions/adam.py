"""Solution of exercise 6: v̂ is v/(1 − β₂ᵗ), and the exercise forgot the t.

After t steps v holds (1 − β₂ᵗ) of an average of g², the rest being the zero that it started from.
With t = 1 the power makes no difference, so the first step is right. The loss of step 2 follows
from the first step alone, and is right, too; that of step 3 is the first to differ. So look for
what is the same at t = 1 only. Later v̂ becomes up to 1/(1 − β₂) = 1,000 times too large, and the
steps √1,000, about 32 times, too small: a training that learns, slower and slower.
"""

import numpy as np


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
        v_hat = v / (1 - self.beta_2**t)
        theta -= self.eta * m_hat / (np.sqrt(v_hat) + self.epsilon)
