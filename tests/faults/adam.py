"""Faults in Adam: ε, the corrections, and the numbers it is given."""

import numpy as np

import frameworks.pytorch.hooks
import scratch
from experiments.churn import EXPERIMENT as churn

from .fault import fault, of_class, optimizer


@fault("ε after the correction", "PyTorch's Adam as it comes, held against Keras' ε̂.",
       "step, weights.0", churn, "scratch,pytorch",
       "pytorch uses Adam with ε = 1e-07 after the bias correction")  # fmt: skip
def _(plant):
    plant.patch.setattr(frameworks.pytorch.hooks, "use_epsilon_hat", lambda optimizer: optimizer)


@fault("ε of another framework", "ε̂ = 1e-8 stands for 1e-7.", "step, weights.0", churn,
       "pytorch,scratch",
       "scratch uses Adam with ε = 1e-08 before the bias correction")  # fmt: skip
def _(plant):
    def change(parts):
        parts.optimizer.epsilon = 1e-8

    plant.parts(change)


@fault("ε inside the root", "√(v + ε) stands for √v + ε.", "step, weights.0", churn,
       "pytorch,scratch", "scratch uses Adam with ε = 1e-07 inside the root")  # fmt: skip
def _(plant):
    class Adam(scratch.Adam):
        def step(self, theta, g):
            before, eta = theta.copy(), self.eta
            super().step(theta, g)
            t, m, v = (self.state[name] for name in "tmv")
            m_hat, v_hat = m / (1 - self.beta_1 ** int(t)), v / (1 - self.beta_2 ** int(t))
            theta[...] = before - eta * m_hat / np.sqrt(v_hat + self.epsilon)

    optimizer(plant, of_class(Adam))


def corrected(plant, m, v):
    """Take Adam's steps with the bias corrections m(t) and v(t)."""

    class Adam(scratch.Adam):
        def step(self, theta, g):
            before = theta.copy()
            super().step(theta, g)
            t, mean, square = (self.state[name] for name in "tmv")
            c_1, c_2 = m(self, int(t)), v(self, int(t))
            with np.errstate(all="ignore"):
                step = mean / c_1 * np.sqrt(c_2) / (np.sqrt(square) + self.epsilon)
                theta[...] = before - self.eta * step

    optimizer(plant, of_class(Adam))


def first(self, t):
    return 1 - self.beta_1**t


def second(self, t):
    return 1 - self.beta_2**t


def none(self, t):
    return 1.0


@fault("no bias correction", "m and v are taken as they are.", "step, weights.0", churn,
       "pytorch,scratch", "scratch uses Adam with no bias correction")  # fmt: skip
def _(plant):
    corrected(plant, none, none)


@fault("only m corrected", "v̂ is forgotten.", "step, weights.0", churn, "pytorch,scratch",
       "scratch uses Adam with no bias correction of v")  # fmt: skip
def _(plant):
    corrected(plant, first, none)


@fault("only v corrected", "m̂ is forgotten.", "step, weights.0", churn, "pytorch,scratch",
       "scratch uses Adam with no bias correction of m")  # fmt: skip
def _(plant):
    corrected(plant, none, second)


@fault("t one ahead", "Steps count from 2.", "step, weights.0", churn, "pytorch,scratch",
       "count from 2")  # fmt: skip
def _(plant):
    corrected(plant, lambda self, t: first(self, t + 1), lambda self, t: second(self, t + 1))


@fault("t counts epochs", "The correction stays what it was in the first step.",
       "trajectory, weights.0", churn, "pytorch,scratch",
       "in scratch the optimizer does not count its steps")  # fmt: skip
def _(plant):
    corrected(plant, lambda self, t: first(self, 1), lambda self, t: second(self, 1))


@fault("betas confused", "β₁ and β₂ change places.", "step, weights.0", churn, "pytorch,scratch",
       "scratch uses Adam with β₁ = 0.999, β₂ = 0.9")  # fmt: skip
def _(plant):
    def change(parts):
        own = parts.optimizer
        own.beta_1, own.beta_2 = own.beta_2, own.beta_1

    plant.parts(change)


@fault("betas that float32 does not hold", "0.9 and 0.999 are given as they are written.",
       "step, weights.0", churn, "pytorch,scratch",
       "scratch uses Adam with β₁ = 0.9 (not rounded to float32)")  # fmt: skip
def _(plant):
    def change(parts):
        parts.optimizer.beta_1, parts.optimizer.beta_2 = 0.9, 0.999

    plant.parts(change)


@fault("rate that float32 does not hold", "η is 0.001, not the float32 number next to it.",
       "step, weights.0", churn, "pytorch,scratch",
       "scratch uses Adam with learning rate 0.001 (not rounded")  # fmt: skip
def _(plant):
    def change(parts):
        parts.optimizer.eta = 1e-3

    plant.parts(change)


@fault("rate of another optimizer", "η is 0.01, SGD's default, for Adam's 0.001.",
       "step, weights.0", churn, "pytorch,scratch",
       "learning rate of scratch is 10 times")  # fmt: skip
def _(plant):
    def change(parts):
        parts.optimizer.eta = 10 * parts.optimizer.eta

    plant.parts(change)
